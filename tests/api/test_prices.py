"""What a product cost before, through the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import PriceChange, Product
from promotions.pricing import PromotionKind
from tests.api.client import Api
from tests.factories import CategoryFactory, ProductFactory, PromotionFactory

pytestmark = pytest.mark.django_db


def won(amount: int) -> dict[str, object]:
    return {"amount": amount, "currency": "KRW"}


def product_of_old() -> Product:
    product = ProductFactory.create(price=10_000)
    since = timezone.now() - timedelta(days=400)
    Product.objects.filter(pk=product.pk).update(created_at=since, published_at=since)
    return product


def test_price_comes_with_its_reduction_its_offers_and_its_past(guest: Api) -> None:
    product = product_of_old()
    shelf = product.category
    shelf.parent = CategoryFactory.create()
    shelf.save()
    lowered = timezone.now() - timedelta(days=50)
    PriceChange.objects.create(
        product=product, old_price=12_000, new_price=10_000, changed_at=lowered
    )
    began = timezone.now() - timedelta(days=2)
    winter = PromotionFactory.create(name="Winter", value=20, starts_at=began)
    winter.categories.add(shelf.parent)
    three = PromotionFactory.create(
        name="3 for 2", kind=PromotionKind.N_FOR_M, value=0, take=3, pay=2
    )

    answer = guest.get(f"/api/v1/products/{product.pk}/prices")

    assert answer.status == 200
    body = answer.body
    assert body["price"] == won(8_000)
    reduction = body["reduction"]
    assert reduction.pop("since").startswith(f"{began:%Y-%m-%dT%H:%M:%S}")
    assert reduction == {
        "price": won(8_000),
        "lowest_before": won(10_000),
        "percent": 20,
        "promotions": ["Winter"],
    }
    assert body["offers"] == [
        {
            "id": three.pk,
            "name": "3 for 2",
            "kind": "n_for_m",
            "value": 0,
            "take": 3,
            "pay": 2,
            "min_spend": won(0),
            "ends_at": None,
        }
    ]
    paid = [point["price"]["amount"] for point in body["points"]]
    assert paid == [12_000, 10_000, 8_000]


def test_price_that_never_changed_is_one_point(guest: Api) -> None:
    product = product_of_old()

    body = guest.get(f"/api/v1/products/{product.pk}/prices").body

    assert (body["reduction"], body["offers"]) == (None, [])
    assert [point["price"] for point in body["points"]] == [won(10_000)]


def test_prices_of_what_is_not_on_sale_are_nobodys_business(guest: Api) -> None:
    product = ProductFactory.create(published_at=None)

    for product_id in (product.pk, 10**9):
        answer = guest.get(f"/api/v1/products/{product_id}/prices")
        assert (answer.status, answer.code) == (404, "product_not_found")
