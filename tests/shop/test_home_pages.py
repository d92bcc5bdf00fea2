"""The front page and the ranking."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics.models import DailySales
from catalog.models import Product
from common.days import shop_day
from tests.factories import CouponBatchFactory, ProductFactory
from tests.shop.pages import body_of, names_in_order, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]


def test_home_ranks_what_sold_most_in_three_shop_days(client: Client) -> None:
    for name, days_ago, units in (
        ("Second", 2, 5),
        ("First", 0, 9),
        ("Too long ago", 3, 99),
    ):
        sold(ProductFactory.create(name=name), days_ago=days_ago, units=units)
    Product.objects.update(created_at=timezone.now())

    page = client.get("/")

    ranking = body_of(page).split('id="best"')[1].split("</section>")[0]
    assert ranking.index("First") < ranking.index("Second")
    assert "Too long ago" not in ranking


def test_home_without_sales_shows_no_empty_ranking(client: Client) -> None:
    ProductFactory.create(name="Moon jar")

    page = text_of(client.get("/"))

    assert "Best of the last 3 days" not in page
    assert "Moon jar" in page


def test_empty_shop_has_a_home_page(client: Client) -> None:
    assert "The shelves are still being filled." in text_of(client.get("/"))


def test_home_says_how_many_coupons_are_left_or_that_they_are_gone(
    client: Client,
) -> None:
    CouponBatchFactory.create(name="Autumn", quantity=500, issued=287)
    CouponBatchFactory.create(name="Weekend", quantity=5, issued=5)

    page = text_of(client.get("/"))

    assert "Autumn 213 of 500 left" in page
    assert "Weekend All gone" in page


def test_home_of_two_guests_is_the_same(client: Client) -> None:
    ProductFactory.create_batch(3)

    assert client.get("/").content == Client().get("/").content


def test_home_needs_few_statements(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for product in ProductFactory.create_batch(5):
        sold(product, days_ago=0, units=3)
    CouponBatchFactory.create()

    with django_assert_max_num_queries(12):
        client.get("/")
    # Ranking (2), its cards, coupons, new arrivals.
    with django_assert_max_num_queries(5):
        client.get("/")


def test_best_page_names_the_days_it_covers(client: Client) -> None:
    cups = [ProductFactory.create(name=f"Cup {letter}") for letter in "AB"]
    sold(cups[0], days_ago=0, units=1)
    sold(cups[1], days_ago=1, units=2)

    page = client.get("/best/")

    assert names_in_order(page, ["Cup A", "Cup B"]) == ["Cup B", "Cup A"]
    today = shop_day(timezone.now())
    first = today - timedelta(days=2)
    days = f"from {first:%b %-d, %Y} to {today:%b %-d, %Y}"
    assert days in text_of(page)


def test_best_page_without_sales_says_so(client: Client) -> None:
    page = client.get("/best/")

    assert page.status_code == 200
    assert "Nothing was sold in the last three days." in text_of(page)


def sold(product: Product, *, days_ago: int, units: int) -> None:
    day = shop_day(timezone.now()) - timedelta(days=days_ago)
    DailySales.objects.create(
        day=day, product=product, units=units, orders=1, revenue=units * product.price
    )
