"""Stock in the admin."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from inventory import services as inventory
from inventory.models import Stock, StockMovement
from tests.factories import ProductFactory, StaffFactory, receive

pytestmark = pytest.mark.django_db
URL = "/admin/inventory/stock/"
GIVEN = {"kind": "received", "delta": 5, "reason": "delivery 7", "confirmed": "yes"}


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(StaffFactory.create())
    return client


def adjust(client: Client, pk: int, **given: Any) -> str:
    data = {"action": "adjust", "_selected_action": [pk], **given}
    return str(client.post(URL, data, follow=True).content.decode())


def key_on(page: str) -> str:
    found = re.search(r'name="key" value="(\w+)"', page)
    assert found is not None
    return found[1]


def test_adjustment_that_is_sent_twice_counts_once(boss: Client) -> None:
    product = ProductFactory.create(stock_on_hand=10)
    key = key_on(adjust(boss, product.pk))

    pages = [adjust(boss, product.pk, **GIVEN, key=key) for _ in range(2)]

    assert all("Adjust stock: 1 done." in page for page in pages)
    assert Stock.objects.get().on_hand == 15
    assert StockMovement.objects.filter(reason="delivery 7").count() == 1
    assert LogEntry.objects.count() == 1


def test_each_page_is_an_adjustment_of_its_own(boss: Client) -> None:
    product = ProductFactory.create(stock_on_hand=10)

    for _ in range(2):
        key = key_on(adjust(boss, product.pk))
        adjust(boss, product.pk, **GIVEN, key=key)

    assert Stock.objects.get().on_hand == 20


def test_key_of_another_adjustment_is_refused(boss: Client) -> None:
    product = ProductFactory.create(stock_on_hand=10)
    key = key_on(adjust(boss, product.pk))
    adjust(boss, product.pk, **GIVEN, key=key)

    page = adjust(boss, product.pk, **GIVEN | {"delta": 6}, key=key)

    assert "This key was sent with another request." in page
    assert Stock.objects.get().on_hand == 15


def test_stock_says_how_many_wait_and_leads_to_them(boss: Client) -> None:
    product = ProductFactory.create(stock_on_hand=0)
    for email in ("a@example.com", "b@example.com", "c@example.com"):
        inventory.alert(product_id=product.pk, user_id=None, email=email, language="en")
    receive(product, 1)

    pages = [
        boss.get(path).content.decode() for path in (URL, f"{URL}{product.pk}/change/")
    ]

    line = f"restockalert/?product__id__exact={product.pk}&amp;state__exact=waiting"
    kept = f"hold/?product__id__exact={product.pk}&amp;state__exact=active"
    assert [f'{line}">2</a>' in page for page in pages] == [True, True]
    assert f'{kept}">1</a>' in pages[1]
    waiting = boss.get(f"/admin/inventory/{line.replace('&amp;', '&')}")
    holds = boss.get(f"/admin/inventory/{kept.replace('&amp;', '&')}")
    assert "b@example.com" in waiting.content.decode()
    assert "a@example.com" not in waiting.content.decode()
    assert "a@example.com" in holds.content.decode()
