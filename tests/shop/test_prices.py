"""Why a price is what it is, on the pages."""

import pytest
from django.test import Client

from accounts.models import User
from cart import services as carts
from orders.models import Order
from promotions.models import PromotionUse
from promotions.pricing import Audience, PromotionKind, Reason, Refusal
from shop.prices import sentence
from tests.factories import (
    AddressFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    PromotionFactory,
)
from tests.shop.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in_with_two_jars(signed_in: Client, shopper: User) -> Client:
    DeliveryMethodFactory.create(name="Standard", cost=3_000, free_from=None)
    AddressFactory.create(user=shopper, is_default=True)
    jar = ProductFactory.create(name="Moon jar", price=10_000)
    cart = carts.of_user(shopper.pk)
    carts.add(cart_id=cart.pk, product_id=jar.pk, quantity=2)
    return signed_in


def test_cart_shows_each_discount_and_its_reason(
    signed_in_with_two_jars: Client,
) -> None:
    PromotionFactory.create(name="Autumn", value=25)
    PromotionFactory.create(name="Free post", kind=PromotionKind.FREE_DELIVERY, value=0)

    page = text_of(signed_in_with_two_jars.get("/cart/"))

    assert "Autumn −₩5,000 Delivery: Standard ₩3,000 Free post −₩3,000" in page
    assert "Total ₩15,000" in page
    assert "You save ₩8,000." in page
    assert "Why this price" in page
    assert "Autumn · a percentage of what it is for: −₩5,000" in page
    assert "Free post · delivery is free: −₩3,000" in page


def test_cart_says_what_is_missing_for_more(signed_in_with_two_jars: Client) -> None:
    PromotionFactory.create(name="Big basket", min_spend=50_000)
    PromotionFactory.create(
        name="3 for 2", kind=PromotionKind.N_FOR_M, value=0, take=3, pay=2
    )
    PromotionFactory.create(name="Thanks", audience=Audience.REGULARS)

    page = text_of(signed_in_with_two_jars.get("/cart/"))

    assert "Big basket · Add ₩30,000 more to get it." in page
    assert "3 for 2 · Add 1 more to get it." in page
    assert "Thanks : It is for other customers." in page


def test_promotion_that_is_not_given_is_no_fault_of_a_coupon(
    signed_in_with_two_jars: Client, shopper: User
) -> None:
    CouponFactory.create(user=shopper)
    PromotionFactory.create(name="Others", audience=Audience.REGULARS)

    for path in ("/cart/", "/checkout/"):
        page = text_of(signed_in_with_two_jars.get(path))

        assert "no longer valid" not in page
        assert "Others : It is for other customers." in page


def test_coupon_that_a_promotion_made_worthless_says_so_and_how_to_go_on(
    signed_in_with_two_jars: Client, shopper: User
) -> None:
    PromotionFactory.create(name="All of it", value=100)
    coupon = CouponFactory.create(user=shopper, batch__name="Autumn")
    cart = carts.of_user(shopper.pk)
    carts.choose_coupon(cart_id=cart.pk, user_id=shopper.pk, coupon_id=coupon.pk)

    said = "Autumn · There is nothing left to take off."
    assert said in text_of(signed_in_with_two_jars.get("/cart/"))
    page = text_of(signed_in_with_two_jars.get("/checkout/"))
    assert f"{said} Choose another coupon, or none, to order." in page

    refused = signed_in_with_two_jars.post(
        "/checkout/", {"coupon": coupon.pk, "later": "1"}
    )
    assert refused.status_code == 409
    assert not Order.objects.exists()
    done = signed_in_with_two_jars.post("/checkout/", {"coupon": "", "later": "1"})
    assert done.status_code == 303
    assert Order.objects.get().total == 3_000
    coupon.refresh_from_db()
    assert coupon.state == "issued"


def test_order_keeps_what_it_was_given(signed_in_with_two_jars: Client) -> None:
    PromotionFactory.create(name="Autumn")
    client = signed_in_with_two_jars
    page = client.get("/checkout/")
    visit = page.context["visit"]
    form = {"key": visit.key, "quote": page.context["view"].quote_id, "pay": "1"}

    answer = client.post("/checkout/", form)

    order = Order.objects.get()
    assert (answer.status_code, order.total) == (303, 21_000)
    assert PromotionUse.objects.get().amount == 2_000
    shown = text_of(client.get(f"/orders/{order.number}/"))
    assert "Autumn −₩2,000 Delivery: Standard ₩3,000 Total ₩21,000" in shown


def test_promotion_that_ended_is_shown_before_it_is_paid_for(
    signed_in_with_two_jars: Client,
) -> None:
    promotion = PromotionFactory.create(name="Autumn")
    client = signed_in_with_two_jars
    page = client.get("/checkout/")
    form = {
        "key": page.context["visit"].key,
        "quote": page.context["view"].quote_id,
        "pay": "1",
    }
    promotion.is_active = False
    promotion.save(update_fields=["is_active"])

    refused = client.post("/checkout/", form)

    assert refused.status_code == 409
    assert "Moon jar ₩18,000 ₩20,000" in text_of(refused)
    assert "Total ₩21,000 ₩23,000" in text_of(refused)
    assert not Order.objects.exists()
    agreed = form | {"quote": refused.context["view"].quote_id}
    assert client.post("/checkout/", agreed).status_code == 303
    assert Order.objects.get().total == 23_000


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_is_a_sentence(reason: Reason) -> None:
    text = sentence(Refusal("promotion", "Autumn", reason, 500, by="Winter"))

    assert text.endswith(".")
    assert ("Winter" in text) == (reason == Reason.EXCLUDED)
