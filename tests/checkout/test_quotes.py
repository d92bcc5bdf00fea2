"""What was shown is honoured, or answered with what has changed."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.signing import Signer
from django.utils import timezone

from catalog import services as catalog
from catalog.models import Product
from checkout import quotes
from checkout import services as checkout
from checkout.errors import QuoteInvalid, QuoteOutdated
from checkout.services import Purchase
from orders.models import Order
from promotions.models import Promotion
from tests.factories import (
    DeliveryMethodFactory,
    ProductFactory,
    PromotionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def jar() -> Product:
    return ProductFactory.create(price=10_000, stock_on_hand=50)


@pytest.fixture
def wish(jar: Product) -> Purchase:
    DeliveryMethodFactory.create(cost=3_000, free_from=None)
    user = UserFactory.create(points=1_000_000)
    return Purchase(user_id=user.pk, email=user.email, quantities={jar.pk: 2})


def shown(purchase: Purchase, **changes: Any) -> Purchase:
    """Return the purchase with what its page shows now, and other changes."""
    priced, _now = checkout.price(purchase)
    values = {name: getattr(purchase, name) for name in purchase.__slots__}
    return Purchase(**values | {"quote_id": quotes.quote_id(priced)} | changes)


def test_order_of_a_quote_costs_what_was_shown(wish: Purchase) -> None:
    PromotionFactory.create()

    draft = checkout.place_and_pay(shown(wish))

    assert draft.quote.total == 21_000


def test_equal_quotes_have_equal_ids(wish: Purchase) -> None:
    assert shown(wish).quote_id == shown(wish).quote_id


def test_what_is_cheaper_by_now_is_passed_on(wish: Purchase, jar: Product) -> None:
    seen = shown(wish)
    catalog.change_price(product_id=jar.pk, price=9_000, cause="sale", actor_id=None)

    assert checkout.place_and_pay(seen).quote.total == 21_000


def test_what_is_dearer_by_now_needs_consent(wish: Purchase, jar: Product) -> None:
    seen = shown(wish)
    catalog.change_price(product_id=jar.pk, price=11_000, cause="clay", actor_id=None)

    with pytest.raises(QuoteOutdated) as refused:
        checkout.place_and_pay(seen)

    assert not Order.objects.exists()
    facts = dict(refused.value.extra)
    new_id = facts.pop("quote_id")
    assert facts == {
        "total": {"was": 23_000, "now": 25_000},
        "delivery_cost": {"was": 3_000, "now": 3_000},
        "discount": {"was": 0, "now": 0},
        "lines": [
            {
                "product_id": jar.pk,
                "reason": "price",
                "was": {"quantity": 2, "unit_price": 10_000, "discount_share": 0},
                "now": {"quantity": 2, "unit_price": 11_000, "discount_share": 0},
            }
        ],
    }
    agreed = shown(wish, quote_id=new_id)
    assert checkout.place_and_pay(agreed).quote.total == 25_000


def test_promotion_that_ended_meanwhile_needs_consent(wish: Purchase) -> None:
    promotion = PromotionFactory.create()
    seen = shown(wish)
    an_hour_ago = timezone.now() - timedelta(hours=1)
    Promotion.objects.filter(pk=promotion.pk).update(ends_at=an_hour_ago)

    with pytest.raises(QuoteOutdated) as refused:
        checkout.place_and_pay(seen)

    facts = refused.value.extra
    assert facts["discount"] == {"was": 2_000, "now": 0}
    assert [line["reason"] for line in facts["lines"]] == ["discount"]
    assert not Order.objects.exists()


def test_dearer_delivery_needs_consent(wish: Purchase) -> None:
    DeliveryMethodFactory.create(code="express", cost=9_000, position=1)

    with pytest.raises(QuoteOutdated) as refused:
        checkout.place_and_pay(shown(wish, delivery_method="express"))

    assert refused.value.extra["delivery_cost"] == {"was": 3_000, "now": 9_000}


def test_other_goods_need_consent_even_if_they_are_cheaper(
    wish: Purchase, jar: Product
) -> None:
    spoon = ProductFactory.create(price=100)

    with pytest.raises(QuoteOutdated) as refused:
        checkout.place_and_pay(shown(wish, quantities={jar.pk: 1, spoon.pk: 1}))

    lines = refused.value.extra["lines"]
    assert [(line["product_id"], line["reason"]) for line in lines] == [
        (jar.pk, "quantity"),
        (spoon.pk, "added"),
    ]
    assert (lines[1]["was"], lines[1]["now"]["quantity"]) == (None, 1)


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a:b",
        ":",
        "é",
        ".eJx:y",
        "x" * 9_000,
        Signer(salt="another").sign_object([[], 0, 0, 0]),
    ],
)
def test_what_is_no_quote_of_ours_is_refused(wish: Purchase, token: str) -> None:
    with pytest.raises(QuoteInvalid):
        checkout.place_and_pay(shown(wish, quote_id=token))

    assert not Order.objects.exists()


def test_expected_total_is_the_most_that_is_paid(wish: Purchase, jar: Product) -> None:
    agreed = shown(wish, quote_id="", expected_total=23_000)
    catalog.change_price(product_id=jar.pk, price=9_000, cause="sale", actor_id=None)

    assert checkout.place_and_pay(agreed).quote.total == 21_000


def test_hundred_lines_fit_into_a_quote_id(wish: Purchase) -> None:
    products = ProductFactory.create_batch(100, price=987_654_321)
    many = {product.pk: 999 for product in products}

    assert len(shown(wish, quantities=many).quote_id) <= quotes.LONGEST
