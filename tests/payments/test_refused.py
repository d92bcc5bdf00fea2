"""Money that a provider refuses to send back, and what staff do about it."""

from typing import Any
from uuid import UUID

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db.models.functions import Now
from django.test import Client
from django.utils import timezone

from accounts.models import User
from checkout import services as checkout
from checkout import settling
from checkout.services import Purchase
from common import audit
from orders.models import Order
from outbox import services as outbox
from outbox.models import Dispatch, Event
from payments import refunds
from payments.errors import LegNotRefused, NobodyToPay
from payments.gateways import sandbox
from payments.gateways.base import GatewayAway, GatewayRefused
from payments.models import (
    InboxState,
    LegState,
    Payment,
    PaymentState,
    ProviderEvent,
    RefundLeg,
    SandboxPayment,
)
from points import services as points
from tests.admin.acting import act, told
from tests.books import assert_books_balance
from tests.factories import ProductFactory, StaffFactory, UserFactory
from tests.paying import captured, set_out

pytestmark = pytest.mark.django_db
LEGS, PAYMENTS, TOLD = (
    f"/admin/payments/{name}/" for name in ("refundleg", "payment", "providerevent")
)


@pytest.fixture
def boss(client: Client) -> User:
    boss = StaffFactory.create()
    client.force_login(boss)
    return boss


@pytest.fixture
def leg(monkeypatch: pytest.MonkeyPatch) -> RefundLeg:
    """Return ₩10,000 of a shopper's that the provider will not send back."""
    return refused(UserFactory.create(), monkeypatch)


def refused(user: User | None, monkeypatch: pytest.MonkeyPatch) -> RefundLeg:
    purchase = Purchase(
        user_id=user.pk if user else None,
        email="kim@example.com",
        quantities={ProductFactory.create(price=10_000).pk: 1},
    )
    order_id: UUID = checkout.place_order(purchase).id
    payment = set_out(user, order_id)
    SandboxPayment.objects.update(state="captured")
    settling.record(payment.pk, captured(payment))
    if user:
        checkout.cancel(
            order_id=order_id, user_id=user.pk, actor_id=user.pk, reason="x"
        )
    else:
        checkout.cancel_as_guest(order_id=order_id, reason="x")

    def refuse(*_: object, **__: object) -> None:
        raise GatewayRefused("the card is closed")

    with monkeypatch.context() as patch:
        patch.setattr(sandbox.Sandbox, "refund", refuse)
        outbox.deliver_due()
    leg = RefundLeg.objects.get()
    assert (leg.state, leg.note) == (LegState.REFUSED, "the card is closed")
    return leg


def owner(leg: RefundLeg) -> int:
    order = Order.objects.get(payments=leg.payment)
    assert order.user_id is not None
    return order.user_id


def test_provider_is_asked_once_more(leg: RefundLeg) -> None:
    refunds.ask_again(leg.pk)
    outbox.deliver_due()

    leg.refresh_from_db()
    assert leg.state == LegState.DONE
    # By the old key a provider would only repeat what it has said.
    [(key, amount)] = SandboxPayment.objects.get().refunds.items()
    assert (key.startswith(f"refund/{leg.pk}/"), amount) == (True, 10_000)
    assert points.balance_of(owner(leg)) == 0
    assert_books_balance()


def test_provider_is_asked_by_one_key_however_often_the_answer_is_lost(
    leg: RefundLeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    refunds.ask_again(leg.pk)
    refund, keys = sandbox.Sandbox.refund, []

    def lose(self: sandbox.Sandbox, reference: str, **asked: Any) -> None:
        keys.append(asked["key"])
        refund(self, reference, **asked)
        raise GatewayAway("the answer is lost")

    with monkeypatch.context() as patch:
        patch.setattr(sandbox.Sandbox, "refund", lose)
        for _ in range(2):
            Dispatch.objects.waiting().update(next_attempt_at=Now())
            outbox.deliver_due()
    Dispatch.objects.waiting().update(next_attempt_at=Now())
    outbox.deliver_due()

    leg.refresh_from_db()
    assert (leg.state, len(keys), len(set(keys))) == (LegState.DONE, 2, 1)
    assert SandboxPayment.objects.get().refunds == {keys[0]: 10_000}


def test_points_are_paid_instead_once(leg: RefundLeg) -> None:
    refunds.pay_as_points(leg.pk)
    for again in (refunds.pay_as_points, refunds.ask_again):
        with pytest.raises(LegNotRefused):
            again(leg.pk)
    outbox.deliver_due()

    leg.refresh_from_db()
    assert (leg.state, leg.note) == (LegState.DONE, "paid as points")
    assert points.balance_of(owner(leg)) == 10_000
    assert SandboxPayment.objects.get().refunds == {}
    assert_books_balance()


def test_points_are_not_paid_while_the_provider_is_asked(leg: RefundLeg) -> None:
    refunds.ask_again(leg.pk)

    with pytest.raises(LegNotRefused):
        refunds.pay_as_points(leg.pk)

    assert points.balance_of(owner(leg)) == 0


def test_guest_has_no_points_to_be_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    leg = refused(None, monkeypatch)

    with pytest.raises(NobodyToPay):
        refunds.pay_as_points(leg.pk)
    refunds.pay_elsewhere(leg.pk, note="bank transfer of 3 May")

    leg.refresh_from_db()
    assert (leg.state, leg.note) == (LegState.DONE, "bank transfer of 3 May")
    assert_books_balance()


# --- In the admin --------------------------------------------------------------------


@pytest.mark.usefixtures("boss")
def test_dashboard_counts_what_needs_a_human(client: Client, leg: RefundLeg) -> None:
    ProviderEvent.objects.create(
        provider="sandbox", event_id="e", kind="x", state=InboxState.PARKED
    )
    stuck(leg.payment.order_id)

    page = client.get("/admin/")

    counts = {str(label): number for label, number, _url in page.context["attention"]}
    assert counts["Money taken that bought nothing"] == 1
    assert counts["Refunds that a provider refused"] == 1
    assert counts["Messages about money that fit nothing"] == 1
    for _label, number, url in page.context["attention"][-3:]:
        assert client.get(url).context["cl"].result_count == number


@pytest.mark.usefixtures("boss")
def test_staff_pay_points_and_it_is_written_down(
    client: Client, leg: RefundLeg
) -> None:
    act(client, LEGS, "pay_as_points", leg.pk, reason="as he wished")
    again = act(client, LEGS, "pay_as_points", leg.pk, reason="as he wished")

    assert points.balance_of(owner(leg)) == 10_000
    assert "The provider has not refused this refund." in told(again)[-1]
    assert [audit.read(entry).action for entry in LogEntry.objects.all()] == [
        "Pay it back as points"
    ]


@pytest.mark.usefixtures("boss")
def test_staff_say_how_else_it_was_paid_back(client: Client, leg: RefundLeg) -> None:
    act(client, LEGS, "pay_elsewhere", leg.pk, reason="bank transfer", key="k")

    leg.refresh_from_db()
    assert (leg.state, leg.note) == (LegState.DONE, "bank transfer")


@pytest.mark.usefixtures("boss")
def test_staff_ask_the_provider_once_more(client: Client, leg: RefundLeg) -> None:
    act(client, LEGS, "ask_again", leg.pk)

    leg.refresh_from_db()
    assert leg.state == LegState.PENDING
    assert Event.objects.filter(topic="refund.requested").count() == 2


@pytest.mark.parametrize(
    ("url", "action"),
    [
        (LEGS, "ask_again"),
        (LEGS, "pay_as_points"),
        (LEGS, "pay_elsewhere"),
        (PAYMENTS, "ask_provider"),
        (PAYMENTS, "send_back"),
        (TOLD, "close"),
    ],
)
def test_who_may_only_look_cannot_act(
    url: str, action: str, client: Client, leg: RefundLeg
) -> None:
    clerk = UserFactory.create(is_staff=True)
    clerk.user_permissions.set(
        Permission.objects.filter(
            codename__startswith="view_", content_type__app_label="payments"
        )
    )
    client.force_login(clerk)
    before = list(RefundLeg.objects.values())

    act(client, url, action, leg.pk, reason="x")

    assert list(RefundLeg.objects.values()) == before
    assert not LogEntry.objects.exists()


@pytest.mark.usefixtures("boss")
def test_staff_ask_how_an_open_payment_stands(client: Client) -> None:
    user = UserFactory.create()
    purchase = Purchase(
        user_id=user.pk,
        email=user.email,
        quantities={ProductFactory.create().pk: 1},
    )
    payment = set_out(user, checkout.place_order(purchase).id)
    SandboxPayment.objects.update(state="captured")

    act(client, PAYMENTS, "ask_provider", payment.pk)

    payment.refresh_from_db()
    assert payment.state == PaymentState.CAPTURED
    assert payment.settled_at is not None


@pytest.mark.usefixtures("boss")
def test_staff_send_stuck_money_back(client: Client, leg: RefundLeg) -> None:
    payment = stuck(leg.payment.order_id)
    for settled in (payment, leg.payment):
        act(client, PAYMENTS, "send_back", settled.pk, reason="lost", key="k")

    payment.refresh_from_db()
    assert payment.refunded == payment.amount
    assert Payment.objects.stuck().count() == 0
    assert RefundLeg.objects.count() == 2


@pytest.mark.usefixtures("boss")
def test_parked_message_is_closed_with_a_word(client: Client) -> None:
    event = ProviderEvent.objects.create(
        provider="sandbox", event_id="e", kind="x", state=InboxState.PARKED
    )

    act(client, TOLD, "close", event.pk, reason="refunded there", key="k")

    event.refresh_from_db()
    assert (event.state, event.note) == (InboxState.HANDLED, "refunded there")


def stuck(order_id: UUID | None) -> Payment:
    """Return money that somebody has taken past the services."""
    return Payment.objects.create(
        order_id=order_id,
        method="sandbox",
        amount=5,
        state=PaymentState.CAPTURED,
        captured_at=timezone.now(),
        provider_reference="sb_stuck",
    )
