"""Pages on which shoppers pay by somebody else: checkout, unpaid orders, the wallet."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as shop_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from catalog.models import Product
from checkout import providers
from orders import guests
from orders.models import Order, OrderStatus
from payments.gateways import sandbox
from payments.gateways.base import GatewayAway, GatewayRefused
from payments.gateways.sandbox import Script
from payments.models import Payment, PaymentState, SandboxPayment
from points import services as points
from tests.factories import UserFactory
from tests.shop.pages import HTMX, body_of, text_of
from tests.shop.paying import back, bring, decide, raising, set_out
from tests.shop.test_checkout_pages import TYPED, filled, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery", "told")]


# --- Choosing at checkout -------------------------------------------------------------


def test_ways_to_pay_are_offered_with_points_first(filled_cart: Client) -> None:
    page = body_of(filled_cart.get("/checkout/"))

    values = re.findall(r'name="payment" value="(\w+)" id="[\w-]+"( checked)?', page)
    assert values == [("points", " checked"), ("sandbox", "")]


def test_who_has_too_few_points_is_offered_what_goes_through(
    client: Client, moon_jar: Product
) -> None:
    client.force_login(UserFactory.create(points=1_500))
    client.post("/cart/add/", {"product": moon_jar.pk, "quantity": 1})

    page = client.get("/checkout/")

    assert page.context["bill"].method == "sandbox"
    assert "You have 1,500 P; 20,000 P are missing." in text_of(page)
    assert "Pay ₩21,500" in text_of(page)


def test_only_what_is_offered_is_shown(filled_cart: Client, settings: Settings) -> None:
    settings.PAYMENT_GATEWAYS = []

    page = filled_cart.get("/checkout/")

    assert 'value="sandbox"' not in body_of(page)
    assert "Pay ₩21,500" in text_of(page)


def test_summary_follows_the_choice(filled_cart: Client) -> None:
    asked = {"payment": "sandbox", "points_part": "1500"}

    part = text_of(filled_cart.get("/checkout/", asked, headers=HTMX))

    assert "From your points 1,500 P" in part
    assert "Test card ₩20,000" in part


def test_order_waits_while_its_shopper_is_away(
    filled_cart: Client, shopper: User
) -> None:
    payment = set_out(filled_cart, points_part="1500")

    order = Order.objects.get()
    assert (order.status, payment.amount) == (OrderStatus.PENDING, 20_000)
    assert points.balance_of(shopper.pk) == 98_500
    book = SandboxPayment.objects.get()
    assert book.return_url == f"http://testserver/pay/{payment.pk}/return/"


def test_form_that_is_sent_twice_leads_to_the_same_page(filled_cart: Client) -> None:
    form = filled(filled_cart, **TYPED, payment="sandbox", pay="1")

    first = filled_cart.post("/checkout/", form)
    second = filled_cart.post("/checkout/", form)

    assert second["Location"] == first["Location"]
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)


@pytest.mark.parametrize("part", ["21500", "100001", "99999999999"])
def test_too_large_a_part_is_refused_before_anything_is_ordered(
    part: str, filled_cart: Client, shopper: User
) -> None:
    answer = send(filled_cart, **TYPED, payment="sandbox", points_part=part, pay="1")

    assert answer.status_code == 409
    assert "You do not have so many points." in text_of(answer)
    assert not Order.objects.exists()
    assert points.balance_of(shopper.pk) == 100_000


@pytest.mark.parametrize("payment", ["stripe", "points'", "", "sand box"])
def test_unknown_choice_pays_with_points(payment: str, filled_cart: Client) -> None:
    answer = send(filled_cart, **TYPED, payment=payment, pay="1")

    order = Order.objects.get()
    assert (answer["Location"], order.status) == (
        f"/orders/{order.number}/thanks/",
        "paid",
    )


def test_provider_that_is_away_leaves_an_unpaid_order(
    filled_cart: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.Sandbox, "start", raising(GatewayAway("no answer")))

    answer = send(filled_cart, **TYPED, payment="sandbox", pay="1")

    order = Order.objects.get()
    assert answer["Location"] == f"/orders/{order.number}/pay/"
    page = text_of(filled_cart.get(answer["Location"]))
    assert "The payment provider does not answer." in page
    assert "How do you want to pay?" in page


def test_provider_that_refuses_gives_the_points_back(
    filled_cart: Client, shopper: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.Sandbox, "start", raising(GatewayRefused("no")))

    answer = send(filled_cart, **TYPED, payment="sandbox", points_part="1500", pay="1")

    assert answer["Location"].endswith("/pay/")
    assert points.balance_of(shopper.pk) == 100_000
    assert Order.objects.get().status == OrderStatus.PENDING


# --- Guests ---------------------------------------------------------------------------


def test_guest_pays_and_follows_the_order(guest: Client, told: list[Any]) -> None:
    page = guest.get("/checkout/")
    assert 'value="points"' not in body_of(page)
    assert "Create an account" in text_of(page)

    payment = set_out(guest, email="Kim@Example.com")
    decide(guest, payment, Script.SUCCESS)
    answer = back(guest, payment)

    order = Order.objects.get()
    assert (order.user_id, order.email) == (None, "kim@example.com")
    assert (order.status, answer["Location"]) == (
        "paid",
        f"/orders/{order.number}/thanks/",
    )
    assert "Thank you! Your order is paid." in text_of(guest.get(answer["Location"]))


@pytest.mark.parametrize("email", ["", "kim", "kim@", "x" * 250 + "@example.com"])
def test_guest_says_where_to_write(email: str, guest: Client) -> None:
    answer = send(guest, **TYPED, payment="sandbox", pay="1", email=email)

    assert answer.status_code == 422
    assert not Order.objects.exists()


def test_guest_cannot_pay_with_points(guest: Client) -> None:
    answer = send(guest, **TYPED, payment="points", pay="1", email="kim@example.com")

    assert answer.status_code == 409
    assert not Order.objects.exists()


def test_guest_without_another_way_to_pay_signs_in(
    guest: Client, settings: Settings
) -> None:
    settings.PAYMENT_GATEWAYS = []

    assert guest.get("/checkout/")["Location"] == "/accounts/login/?next=/checkout/"


def test_guest_can_come_back_by_the_link(guest: Client, client: Client) -> None:
    payment = set_out(guest, email="kim@example.com")
    order = Order.objects.get()
    other = Client()
    assert back(other, payment)["Location"].startswith("/accounts/login/")

    opened = other.get(f"/orders/{order.number}/?key={guests.key_of(order.pk)}")
    assert opened.status_code == 303
    paying = other.post(f"/orders/{order.number}/pay/", {"payment": "sandbox"})

    assert paying["Location"] == payment.provider_url
    assert "We are checking your payment" in text_of(back(other, payment))


# --- An order that waits for its payment ----------------------------------------------


def test_unpaid_order_tells_of_a_payment_under_way(filled_cart: Client) -> None:
    payment = set_out(filled_cart)
    number = Order.objects.get().number

    page = filled_cart.get(f"/orders/{number}/pay/")

    assert "You began to pay ₩21,500 by “Test card”." in text_of(page)
    assert payment.provider_url in body_of(page)


def test_another_choice_gives_the_first_one_up(
    filled_cart: Client, shopper: User
) -> None:
    first = set_out(filled_cart, points_part="500")
    number = Order.objects.get().number

    answer = filled_cart.post(
        f"/orders/{number}/pay/", {"payment": "sandbox", "points_part": "1500"}
    )

    second = Payment.objects.outside().get(state=PaymentState.PROCESSING)
    assert answer["Location"] == second.provider_url
    first.refresh_from_db()
    assert (first.state, second.amount) == (PaymentState.VOIDED, 20_000)
    assert points.balance_of(shopper.pk) == 98_500


def test_paid_order_cannot_be_paid_by_a_stale_page(filled_cart: Client) -> None:
    set_out(filled_cart)
    number = Order.objects.get().number
    filled_cart.post(f"/orders/{number}/pay/", {"payment": "points"})

    answer = filled_cart.post(f"/orders/{number}/pay/", {"payment": "sandbox"})

    assert answer["Location"] == f"/orders/{number}/"
    final = filled_cart.get(answer["Location"])
    assert "This order is paid already." in text_of(final)
    assert Payment.objects.filter(state=PaymentState.PROCESSING).count() == 0


# --- Buying points --------------------------------------------------------------------


def test_points_are_bought_from_the_wallet(
    signed_in: Client, shopper: User, told: list[Any]
) -> None:
    page = signed_in.get("/points/")
    form = {"key": page.context["form"]["key"].value(), "method": "sandbox"}

    first = signed_in.post("/points/charge/", form | {"preset": "10000"})
    again = signed_in.post("/points/charge/", form | {"preset": "10000"})

    payment = Payment.objects.get()
    assert first["Location"] == again["Location"] == payment.provider_url
    assert points.balance_of(shopper.pk) == 100_000
    decide(signed_in, payment, Script.SUCCESS)
    done = back(signed_in, payment)
    assert done["Location"] == "/points/"
    assert "10,000 P are yours now." in text_of(signed_in.get("/points/"))
    assert points.balance_of(shopper.pk) == 110_000
    bring(told)
    assert points.balance_of(shopper.pk) == 110_000


def test_declined_charge_says_so(signed_in: Client, shopper: User) -> None:
    form = {"key": "k", "method": "sandbox", "amount": "500"}
    signed_in.post("/points/charge/", form)
    payment = Payment.objects.get()
    decide(signed_in, payment, Script.DECLINE)

    back(signed_in, payment)
    pressed_again = signed_in.post("/points/charge/", form)

    assert "The payment did not go through." in text_of(signed_in.get("/points/"))
    assert pressed_again["Location"] == f"/pay/{payment.pk}/return/"
    assert points.balance_of(shopper.pk) == 100_000


@pytest.mark.parametrize(
    ("method", "amount", "words"),
    [
        ("stripe", "500", "This way of paying is not offered."),
        ("sandbox", "950000", "An account can hold at most"),
    ],
)
def test_charge_that_cannot_be_begun_says_why(
    method: str, amount: str, words: str, signed_in: Client, settings: Settings
) -> None:
    settings.POINTS_MAX_BALANCE = 1_000_000
    form = {"key": "k", "method": method, "amount": amount}

    answer = signed_in.post("/points/charge/", form)

    assert words in text_of(signed_in.get(answer["Location"]))
    assert not Payment.objects.exists()


# --- What browsers allow --------------------------------------------------------------


def test_forms_may_lead_to_the_pages_of_providers_and_nowhere_else(
    filled_cart: Client,
) -> None:
    policy = filled_cart.get("/checkout/")["Content-Security-Policy"]

    [targets] = re.findall(r"form-action ([^;]+)", policy)
    assert targets == f"'self' {shop_settings.SHOP_BASE_URL}"


def test_sweep_finds_what_no_message_told(filled_cart: Client) -> None:
    payment = set_out(filled_cart)
    decide(filled_cart, payment, Script.LOST)
    Payment.objects.update(next_look_at=timezone.now() - timedelta(seconds=1))

    assert providers.ask_providers() == 1

    assert Order.objects.get().status == OrderStatus.PAID
