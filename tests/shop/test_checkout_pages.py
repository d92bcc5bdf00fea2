"""Checkout: what is shown, what is ordered, and what is refused."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Address, User
from cart.models import CartItem
from catalog import services as catalog
from catalog.models import Product
from orders.models import Order, OrderStatus
from points.models import PointAccount
from tests.factories import (
    AddressFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    UserFactory,
)
from tests.shop.pages import HTMX, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]

TYPED = {
    "address": "new",
    "recipient": "Lee Ji-won",
    "phone": "+82 10-0000-0000",
    "postal_code": "06164",
    "city": "Seoul",
    "line1": "513 Yeongdong-daero",
    "line2": "",
}


@pytest.fixture
def cup(signed_in: Client) -> Product:
    """Return a product of ₩18,500 that is once in the shopper's cart."""
    product = ProductFactory.create(name="Moon jar", price=18_500)
    signed_in.post("/cart/add/", {"product": product.pk, "quantity": 1})
    return product


def test_guest_signs_in_first_and_comes_back(
    client: Client, settings: Settings
) -> None:
    settings.PAYMENT_GATEWAYS = []

    assert client.get("/checkout/")["Location"] == "/accounts/login/?next=/checkout/"


def test_empty_cart_has_no_checkout(signed_in: Client) -> None:
    assert signed_in.get("/checkout/")["Location"] == "/cart/"


@pytest.mark.usefixtures("cup")
def test_page_says_what_is_paid_and_what_is_left(signed_in: Client) -> None:
    page = text_of(signed_in.get("/checkout/"))

    assert "Pay ₩21,500" in page
    assert "Your points 100,000 P" in page
    assert "Left afterwards 78,500 P" in page


def test_order_is_placed_and_paid_in_one_step(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    answer = send(signed_in, **TYPED, pay="1")

    order = Order.objects.get()
    thanks = f"/orders/{order.number}/thanks/"
    assert (answer.status_code, answer["Location"]) == (303, thanks)
    assert order.status == OrderStatus.PAID
    assert (order.total, order.address["recipient"]) == (21_500, "Lee Ji-won")
    assert CartItem.objects.count() == 0
    assert PointAccount.objects.get(user=shopper).balance == 78_500
    cup.stock.refresh_from_db()
    assert cup.stock.on_hand == 9
    assert "Thank you! Your order is paid." in text_of(
        signed_in.get(answer["Location"])
    )


@pytest.mark.usefixtures("cup")
def test_form_that_is_sent_twice_is_one_order(signed_in: Client) -> None:
    form = filled(signed_in, **TYPED, pay="1")

    first = signed_in.post("/checkout/", form)
    second = signed_in.post("/checkout/", form)

    assert second["Location"] == first["Location"]
    assert Order.objects.count() == 1


@pytest.mark.usefixtures("cup")
def test_order_can_be_paid_later(signed_in: Client, shopper: User) -> None:
    answer = send(signed_in, **TYPED, later="1")

    order = Order.objects.get()
    assert answer["Location"] == f"/orders/{order.number}/"
    assert order.status == OrderStatus.PENDING
    assert PointAccount.objects.get(user=shopper).balance == 100_000


def test_new_price_has_to_be_confirmed(signed_in: Client, cup: Product) -> None:
    form = filled(signed_in, **TYPED, pay="1")
    catalog.change_price(product_id=cup.pk, price=20_000, cause="clay", actor_id=None)

    answer = signed_in.post("/checkout/", form)

    assert answer.status_code == 409
    page = text_of(answer)
    assert "The price has changed. Please check the new total." in page
    assert "was now" in page
    assert "₩18,500 ₩20,000" in page
    assert "Pay ₩23,000" in page
    assert not Order.objects.exists()
    again = form | {"quote": answer.context["view"].quote_id}
    assert signed_in.post("/checkout/", again).status_code == 303
    assert Order.objects.get().total == 23_000


@pytest.mark.usefixtures("cup")
def test_missing_points_are_charged_without_leaving(
    client: Client, settings: Settings
) -> None:
    settings.PAYMENT_GATEWAYS = []
    poor = UserFactory.create(points=1_500)
    client.force_login(poor)
    client.post("/cart/add/", {"product": Product.objects.get().pk, "quantity": 1})
    page = client.get("/checkout/")
    assert "Missing 20,000 P" in text_of(page)
    assert "Pay ₩21,500" not in text_of(page)

    charged = client.post(
        "/checkout/", {"key": page.context["visit"].key, **TYPED, "charge": "1"}
    )
    again = client.post(
        "/checkout/", {"key": page.context["visit"].key, **TYPED, "charge": "1"}
    )

    assert "Pay ₩21,500" in text_of(charged)
    assert 'value="Lee Ji-won"' in charged.content.decode()
    assert PointAccount.objects.get(user=poor).balance == 21_500
    assert again.status_code == 200
    assert not Order.objects.exists()


@pytest.mark.usefixtures("cup")
def test_paying_with_too_few_points_writes_nothing(client: Client) -> None:
    poor = UserFactory.create()
    client.force_login(poor)
    client.post("/cart/add/", {"product": Product.objects.get().pk, "quantity": 1})

    answer = send(client, **TYPED, pay="1")

    assert answer.status_code == 409
    assert "You do not have enough points." in text_of(answer)
    assert not Order.objects.exists()
    assert CartItem.objects.filter(cart__user=poor).count() == 1


@pytest.mark.usefixtures("cup")
def test_incomplete_address_is_shown_again_with_what_was_typed(
    signed_in: Client,
) -> None:
    answer = send(signed_in, **(TYPED | {"line1": ""}), pay="1")

    assert answer.status_code == 422
    assert "This field is required." in text_of(answer)
    assert 'value="Lee Ji-won"' in answer.content.decode()
    assert not Order.objects.exists()


@pytest.mark.usefixtures("cup")
def test_typed_address_is_kept_when_asked(signed_in: Client, shopper: User) -> None:
    send(signed_in, **TYPED, pay="1", keep_address="on")

    kept = Address.objects.get(user=shopper)
    assert (kept.recipient, kept.is_default) == ("Lee Ji-won", True)


@pytest.mark.usefixtures("cup")
def test_saved_address_is_chosen_by_its_id_and_only_if_it_is_theirs(
    signed_in: Client, shopper: User
) -> None:
    AddressFactory.create(user=shopper, recipient="Home", is_default=True)
    office = AddressFactory.create(user=shopper, recipient="Office")
    foreign = AddressFactory.create(recipient="Stranger")
    assert "Stranger" not in text_of(signed_in.get("/checkout/"))

    send(signed_in, address=office.pk, later="1")
    signed_in.post("/cart/add/", {"product": Product.objects.get().pk, "quantity": 1})
    send(signed_in, address=foreign.pk, later="1")

    sent = Order.objects.order_by("id").values_list("address__recipient", flat=True)
    assert list(sent) == ["Office", "Home"]


@pytest.mark.usefixtures("cup")
def test_way_of_delivery_changes_the_total(signed_in: Client) -> None:
    DeliveryMethodFactory.create(
        code="express", name="Courier", cost=6_000, free_from=None, position=1
    )

    part = signed_in.get("/checkout/", {"delivery": "express"}, headers=HTMX)
    answer = send(
        signed_in,
        **TYPED,
        delivery="express",
        quote=part.context["view"].quote_id,
        pay="1",
    )

    assert "Delivery: Courier ₩6,000" in text_of(part)
    assert answer.status_code == 303
    order = Order.objects.get()
    assert (order.delivery_method, order.total) == ("express", 24_500)


@pytest.mark.usefixtures("cup")
def test_chosen_coupon_is_used(signed_in: Client, shopper: User) -> None:
    coupon = CouponFactory.create(user=shopper, batch__name="Autumn")

    page = signed_in.get("/checkout/", {"coupon": coupon.pk})

    quote_id = page.context["view"].quote_id
    send(signed_in, **TYPED, coupon=coupon.pk, quote=quote_id, pay="1")

    order = Order.objects.get()
    assert (order.discount, order.total) == (1_850, 19_650)
    coupon.refresh_from_db()
    assert coupon.state == "used"


def test_product_that_is_gone_is_left_out_only_when_told(
    signed_in: Client, cup: Product
) -> None:
    other = ProductFactory.create(name="Saucer", price=5_000)
    signed_in.post("/cart/add/", {"product": other.pk, "quantity": 1})
    form = filled(signed_in, **TYPED, pay="1")
    cup.stock.on_hand = 0
    cup.stock.save(update_fields=["on_hand"])

    asked = signed_in.post("/checkout/", form)
    del form["pay"]
    fixed = signed_in.post("/checkout/", form | {"fix": f"{cup.pk}-0"})

    page = text_of(asked)
    assert "There is less left than you want Moon jar × 1 Sold out" in page
    assert "Pay ₩" not in page
    assert 'value="Lee Ji-won"' in asked.content.decode()
    assert not Order.objects.exists()
    assert "Pay ₩8,000" in text_of(fixed)
    assert [item.product_id for item in CartItem.objects.all()] == [other.pk]


def test_only_what_is_short_can_be_changed_from_the_page(
    signed_in: Client, cup: Product
) -> None:
    form = filled(signed_in, **TYPED)

    for wish in (f"{cup.pk}-0", f"{cup.pk}-9", "x", "-"):
        signed_in.post("/checkout/", form | {"fix": wish})

    assert CartItem.objects.get().quantity == 1


@pytest.mark.usefixtures("cup")
def test_page_needs_few_statements(
    signed_in: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    signed_in.get("/checkout/")

    # Session, user, cart, lines, offer, coupons, addresses, balance, ways of
    # delivery, the header's numbers.
    with django_assert_max_num_queries(10):
        signed_in.get("/checkout/")


def filled(client: Client, **fields: Any) -> dict[str, Any]:
    """Return the form of a fresh checkout page with ``fields`` filled in."""
    page = client.get("/checkout/")
    quote_id = page.context["view"].quote_id
    return {"key": page.context["visit"].key, "quote": quote_id} | fields


def send(client: Client, **fields: Any) -> Any:
    return client.post("/checkout/", filled(client, **fields))
