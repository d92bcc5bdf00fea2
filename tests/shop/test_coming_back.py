"""The test bank's page, and the page on which payers come back from theirs."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from checkout import settling
from orders.models import Order, OrderStatus
from payments import tasks
from payments.gateways import sandbox
from payments.gateways.base import GatewayAway
from payments.gateways.sandbox import Script
from payments.models import Payment, PaymentState, SandboxPayment
from points import services as points
from tests.factories import UserFactory
from tests.servers import Answer, Call, LocalServer
from tests.shop.pages import body_of, text_of
from tests.shop.paying import back, bring, decide, path_of, raising, set_out

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery", "told")]


# --- The test bank --------------------------------------------------------------------


def test_bank_says_that_it_is_a_test_and_offers_every_script(
    filled_cart: Client,
) -> None:
    payment = set_out(filled_cart)

    page = filled_cart.get(path_of(payment))

    assert "This is no real bank." in text_of(page)
    assert "₩21,500" in text_of(page)
    buttons = re.findall(r'name="script" value="(\w+)"', body_of(page))
    assert buttons == [script.value for script in Script]


@pytest.mark.parametrize("script", list(Script))
def test_deciding_leads_back_to_the_shop_and_tells_it(
    script: Script, filled_cart: Client, told: list[Any]
) -> None:
    payment = set_out(filled_cart)

    answer = decide(filled_cart, payment, script)

    assert answer.status_code == 303
    assert answer["Location"] == f"http://testserver/pay/{payment.pk}/return/"
    late = {Script.LOST: 0, Script.LATE: 1}
    assert len(told) == late.get(script, 1)
    if script == Script.LATE:
        reference = payment.provider_reference
        assert told == [(((reference,),), {"countdown": tasks.LATE_SECONDS})]


def test_decided_payment_stays_so(filled_cart: Client, told: list[Any]) -> None:
    payment = set_out(filled_cart)
    decide(filled_cart, payment, Script.DECLINE)
    told.clear()

    decide(filled_cart, payment, Script.SUCCESS)

    assert told == []
    assert SandboxPayment.objects.get().state == "failed"
    assert "This payment is decided." in text_of(filled_cart.get(path_of(payment)))


def test_bank_needs_no_account_but_a_script_it_knows(
    filled_cart: Client, client: Client
) -> None:
    payment = set_out(filled_cart)
    stranger = Client()

    for script in ("", "steal", "\0"):
        answer = stranger.post(path_of(payment), {"script": script})
        assert (answer.status_code, Payment.objects.get().state) == (200, "processing")


def test_bank_is_closed_when_it_is_not_offered(
    filled_cart: Client, settings: Settings
) -> None:
    payment = set_out(filled_cart)
    settings.PAYMENT_GATEWAYS = ["stripe"]

    assert filled_cart.get(path_of(payment)).status_code == 404
    assert decide(filled_cart, payment, Script.SUCCESS).status_code == 404
    assert SandboxPayment.objects.get().state == "open"


def test_unknown_payment_is_not_at_the_bank(client: Client) -> None:
    assert client.get("/sandbox/sb_0/").status_code == 404


class Shop(LocalServer):
    """The shop's end of the provider's messages."""

    def answer(self, call: Call) -> Answer:  # noqa: ARG002 — takes all
        return Answer(204)


def test_worker_sends_messages_as_they_were_signed(settings: Settings) -> None:
    book = SandboxPayment.objects.create(
        reference="sb_1", key="k", amount=5, currency="KRW", return_url="http://a.b/"
    )
    messages = [sandbox.webhook(book), sandbox.webhook(book)]
    with Shop() as shop:
        settings.SHOP_BASE_URL = shop.url
        shop.fail_next(status=400)

        tasks.send_webhooks(tasks._written(messages))

        paths = [call.path for call in shop.calls]
        assert paths == ["/api/v1/payments/webhooks/sandbox"] * 2
        for call, message in zip(shop.calls, messages, strict=True):
            assert call.body == message.body
            assert call.headers[sandbox.SIGNATURE] == message.headers[sandbox.SIGNATURE]


# --- Coming back ----------------------------------------------------------------------


def test_payer_who_is_back_first_finds_the_order_paid(filled_cart: Client) -> None:
    payment = set_out(filled_cart)
    decide(filled_cart, payment, Script.LOST)

    answer = back(filled_cart, payment)

    order = Order.objects.get()
    assert (order.status, answer["Location"]) == (
        "paid",
        f"/orders/{order.number}/thanks/",
    )
    page = text_of(filled_cart.get(answer["Location"]))
    assert "Thank you! Your order is paid." in page


def test_page_waits_while_nothing_is_certain(
    filled_cart: Client, told: list[Any]
) -> None:
    payment = set_out(filled_cart)
    decide(filled_cart, payment, Script.LATE)

    page = back(filled_cart, payment)

    assert page.status_code == 200
    assert "We are checking your payment" in text_of(page)
    assert '<meta http-equiv="refresh" content="3">' in body_of(page)
    assert "fail" not in text_of(page).lower()
    assert page["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    told.clear()
    sandbox.come_late(payment.provider_reference)
    assert back(filled_cart, payment).status_code == 303
    assert Order.objects.get().status == OrderStatus.PAID


def test_page_that_has_waited_for_long_looks_seldom(filled_cart: Client) -> None:
    payment = set_out(filled_cart)
    Payment.objects.update(created_at=timezone.now() - timedelta(minutes=2))

    assert 'http-equiv="refresh" content="15"' in body_of(back(filled_cart, payment))


def test_provider_that_is_away_is_no_failure(
    filled_cart: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = set_out(filled_cart)
    monkeypatch.setattr(sandbox.Sandbox, "look_up", raising(GatewayAway("no")))

    page = back(filled_cart, payment)

    assert "We are checking your payment" in text_of(page)
    payment.refresh_from_db()
    assert payment.state == PaymentState.PROCESSING


def test_declined_payer_is_offered_the_other_ways(
    filled_cart: Client, shopper: User, told: list[Any]
) -> None:
    payment = set_out(filled_cart, points_part="1500")
    decide(filled_cart, payment, Script.DECLINE)

    answer = back(filled_cart, payment)

    order = Order.objects.get()
    assert answer["Location"] == f"/orders/{order.number}/pay/"
    page = text_of(filled_cart.get(answer["Location"]))
    assert "The payment did not go through. Nothing was charged." in page
    assert "How do you want to pay?" in page
    assert points.balance_of(shopper.pk) == 100_000
    bring(told)
    paid = filled_cart.post(f"/orders/{order.number}/pay/", {"payment": "points"})
    assert paid["Location"] == f"/orders/{order.number}/thanks/"
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID


def test_money_for_an_order_that_is_paid_already_goes_back(
    filled_cart: Client, told: list[Any]
) -> None:
    payment = set_out(filled_cart)
    order = Order.objects.get()
    filled_cart.post(f"/orders/{order.number}/pay/", {"payment": "points"})
    SandboxPayment.objects.update(state="captured")
    book = SandboxPayment.objects.get()
    message = sandbox.webhook(book)
    settling.receive_webhook("sandbox", message.headers, message.body)

    answer = back(filled_cart, payment)

    assert answer["Location"] == f"/orders/{order.number}/"
    assert "It is on its way back to you." in text_of(
        filled_cart.get(answer["Location"])
    )


def test_foreign_payment_is_nowhere(filled_cart: Client, client: Client) -> None:
    payment = set_out(filled_cart)
    other = Client()
    other.force_login(UserFactory.create())

    assert back(other, payment).status_code == 404
    assert other.get(f"/pay/{uuid4()}/return/").status_code == 404
    login = f"/accounts/login/?next=/pay/{payment.pk}/return/"
    assert back(Client(), payment)["Location"] == login
    assert other.post(f"/pay/{payment.pk}/return/").status_code == 405
