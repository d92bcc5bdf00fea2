"""Products in the admin."""

from typing import Any

import pytest
from django.contrib.admin import ModelAdmin
from django.test import Client

from catalog import services as catalog
from catalog.models import Product
from tests.factories import ProductFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(StaffFactory.create())
    return client


def save(client: Client, product: Product, **changes: Any) -> Any:
    typed = {
        "sku": product.sku,
        "name": product.name,
        "slug": product.slug,
        "category": product.category_id,
        "compare_at_price": "",
        "description": product.description,
        "options": "{}",
        "weight_grams": 0,
        "texts-TOTAL_FORMS": 0,
        "texts-INITIAL_FORMS": 0,
        "photos-TOTAL_FORMS": 0,
        "photos-INITIAL_FORMS": 0,
        "price_changes-TOTAL_FORMS": 0,
        "price_changes-INITIAL_FORMS": 0,
    }
    url = f"/admin/catalog/product/{product.pk}/change/"
    return client.post(url, typed | changes)


def test_compare_at_price_below_the_price_is_refused(boss: Client) -> None:
    product = ProductFactory.create(price=10_000)

    answer = save(boss, product, compare_at_price=10_000)

    assert answer.status_code == 200
    assert "This must be above the price, or empty." in answer.content.decode()
    product.refresh_from_db()
    assert product.compare_at_price is None


def test_compare_at_price_above_the_price_is_saved(boss: Client) -> None:
    product = ProductFactory.create(price=10_000)

    answer = save(boss, product, compare_at_price=10_001)

    assert answer.status_code == 302
    product.refresh_from_db()
    assert product.compare_at_price == 10_001


def test_editing_a_product_does_not_undo_a_price_change(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = ProductFactory.create(price=10_000)
    read = ModelAdmin.get_object

    def read_and_dawdle(*args: Any) -> Any:
        found = read(*args)
        catalog.change_price(
            product_id=product.pk, price=9_000, cause="sale", actor_id=None
        )
        return found

    monkeypatch.setattr(ModelAdmin, "get_object", read_and_dawdle)

    answer = save(boss, product, name="Lamp")

    assert answer.status_code == 302
    product.refresh_from_db()
    assert (product.name, product.price) == ("Lamp", 9_000)
