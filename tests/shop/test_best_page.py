"""The ranking's page: its tabs, what moved, and how few were sold."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from analytics import services as analytics
from analytics.models import DailySales
from catalog.models import Product
from common.days import shop_day
from tests.factories import CategoryFactory, ProductFactory
from tests.shop.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _day_stands_still() -> Iterator[None]:
    """Keep midnight from coming in the middle of a test."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


def sold(product: Product, *, days_ago: int, units: int) -> None:
    day = shop_day(timezone.now()) - timedelta(days=days_ago)
    DailySales.objects.create(
        day=day, product=product, units=units, orders=1, revenue=units * product.price
    )


def places(client: Client, query: str = "") -> list[tuple[int, int | None, int]]:
    page = client.get(f"/best/{query}")
    assert page.status_code == 200
    return [
        (place.rank, place.before, place.bucket) for place in page.context["places"]
    ]


def test_movement_is_against_the_window_before(client: Client) -> None:
    up, down, new = (ProductFactory.create(name=name) for name in ("Up", "Down", "New"))
    sold(up, days_ago=0, units=60)
    sold(down, days_ago=2, units=20)
    sold(new, days_ago=1, units=3)
    sold(down, days_ago=3, units=9)
    sold(up, days_ago=5, units=8)
    # Not in the window before any more.
    sold(new, days_ago=6, units=99)

    assert places(client) == [(1, 2, 50), (2, 1, 20), (3, None, 0)]
    text = text_of(client.get("/best/"))
    assert "Up by 1 place" in text
    assert "Down from place 1" in text
    assert "New in the ranking" in text
    assert "fewer than 5 sold" in text
    assert "Only 3 products were sold in these days." in text


def test_week_and_month_have_their_own_window(client: Client) -> None:
    recent, weeks = ProductFactory.create(), ProductFactory.create()
    sold(recent, days_ago=6, units=5)
    sold(weeks, days_ago=29, units=500)

    assert places(client) == []
    assert places(client, "?window=week") == [(1, None, 5)]
    assert places(client, "?window=month") == [(1, None, 500), (2, None, 5)]
    assert client.get("/best/?window=year").status_code == 404


def test_category_ranks_its_own_products_and_those_below_it(client: Client) -> None:
    tea, other = CategoryFactory.create(name="Tea"), CategoryFactory.create()
    green = CategoryFactory.create(parent=tea)
    for category, units in ((tea, 1), (green, 2), (other, 3)):
        sold(ProductFactory.create(category=category), days_ago=0, units=units)

    assert places(client, f"?category={tea.slug}") == [(1, None, 0), (2, None, 0)]
    assert client.get("/best/?category=nowhere").status_code == 404


def test_page_says_when_it_was_counted(client: Client) -> None:
    assert "Counted" not in text_of(client.get("/best/"))

    analytics.roll_up_day(shop_day(timezone.now()))

    assert "Counted" in text_of(client.get("/best/"))
