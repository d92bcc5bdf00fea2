"""Money of others: whose word comes first, and how often it is told."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from checkout import providers, settling
from checkout import services as checkout
from drill.crowd import Tally, race
from drill.outcome import Outcome, errors, judged
from drill.paying import captured, decide, deliver, given_up, set_out
from drill.stage import overdue, product, shoppers, unpaid_order
from inventory.models import MovementKind, StockMovement
from orders.models import SETTLED, Order, OrderEvent, OrderStatus
from outbox import services as outbox
from outbox.models import Event
from payments.gateways import sandbox
from payments.gateways.sandbox import Script, Webhook
from payments.models import Payment, PaymentState, ProviderEvent, Refund


class End(NamedTuple):
    """How an order and its money ended."""

    status: str
    is_settled: bool
    is_back: bool

    @property
    def is_right(self) -> bool:
        """Tell whether the money bought the goods, or is where it came from."""
        if self.status in SETTLED:
            return self.is_settled and not self.is_back
        return self.is_back


def capture_cancel_and_expire(*, orders: int, clients: int) -> Outcome:
    """Let the provider's money, a cancellation and the clock meet at each order."""
    users, wanted = shoppers(orders), product(stock=orders)
    payments = []
    for user in users:
        payment = set_out(user, unpaid_order(user, wanted))
        decide(payment, Script.LATE)
        payments.append(payment)
    told_of = [sandbox.come_late(payment.provider_reference) for payment in payments]

    def act(number: int) -> object:
        payment, user = payments[number // 3], users[number // 3]
        order_id = payment.order_id or payment.pk
        if number % 3 == 0:
            deliver(told_of[number // 3])
            return None
        if number % 3 == 1:
            return checkout.cancel(
                order_id=order_id, user_id=user.pk, actor_id=user.pk, reason="no"
            )
        return checkout.expire(overdue(order_id))

    tally = race(act, times=3 * orders, clients=clients).tally
    while outbox.deliver_due():
        pass
    return _ends(tally, payments)


def late_capture_and_expire(*, orders: int, clients: int) -> Outcome:
    """Let money that was given up come at the moment each order expires.

    Money that is under way the clock would wait for.
    """
    users, wanted = shoppers(orders), product(stock=orders)
    payments = [given_up(overdue(unpaid_order(user, wanted))) for user in users]

    def act(number: int) -> object:
        payment = payments[number // 2]
        if number % 2:
            return settling.record(payment.pk, captured(payment))
        return checkout.expire(payment.order_id or payment.pk)

    tally = race(act, times=2 * orders, clients=clients).tally
    while outbox.deliver_due():
        pass
    return _ends(tally, payments)


def _ends(tally: Tally, payments: list[Payment]) -> Outcome:
    ends = [
        End(
            payment.order.status if payment.order else "",
            payment.settled_at is not None,
            payment.refunded == payment.amount,
        )
        for payment in Payment.objects.filter(
            pk__in=[payment.pk for payment in payments]
        ).select_related("order")
    ]
    return judged(
        tally,
        winners=sum(end.is_right for end in ends),
        expected=len(payments),
        found={
            "ends": ends,
            "wrong ends": [tuple(end) for end in ends if not end.is_right],
            "errors": errors(tally, "order_not_cancellable"),
        },
        wanted={"wrong ends": [], "errors": {}},
        became=f"{_counted(ends)}; {_expired(payments)} had expired first",
    )


def _counted(ends: Sequence[End]) -> str:
    by_status = sorted(Counter(end.status for end in ends).items())
    return ", ".join(f"{count} {status}" for status, count in by_status)


def _expired(payments: Sequence[Payment]) -> int:
    """Count the orders that expired, whatever became of them afterwards."""
    ours = [payment.order_id for payment in payments if payment.order_id]
    return OrderEvent.objects.filter(
        order__in=ours, to_status=OrderStatus.EXPIRED
    ).count()


def told_by_everybody(*, times: int) -> Outcome:
    """Tell of one payment by webhook, by the payer's return and by the sweep.

    Half of the times it is one and the same message of the provider.
    """
    [user] = shoppers(1)
    payment = set_out(user, unpaid_order(user, product()))
    same = decide(payment, Script.LATE) or sandbox.come_late(payment.provider_reference)

    def act(number: int) -> object:
        if number < times // 2:
            deliver(same)
            return None
        if number < times * 3 // 4:
            return providers.check(payment.pk)
        return settling.record(payment.pk, captured(payment))

    return _settled_once(race(act, times=times).tally, payment, messages=1)


def webhooks_doubled_and_reversed(*, times: int) -> Outcome:
    """Bring the capture's message before the authorisation's, and both many times."""
    [user] = shoppers(1)
    payment = set_out(user, unpaid_order(user, product()))
    messages: list[Webhook] = decide(payment, Script.OUT_OF_ORDER)
    tally = race(lambda number: deliver([messages[number % 2]]), times=times).tally
    # Whatever was asked of the provider meanwhile is asked in vain.
    while outbox.deliver_due():
        pass
    return _settled_once(tally, payment, messages=2)


def _settled_once(tally: Tally, payment: Payment, *, messages: int) -> Outcome:
    order_id = payment.order_id
    assert order_id is not None
    paid = Event.objects.filter(topic="order.paid", aggregate=f"order/{order_id}")
    settled = Payment.objects.filter(
        order=order_id, state=PaymentState.CAPTURED, settled_at__isnull=False
    ).count()
    sales = StockMovement.objects.filter(kind=MovementKind.COMMITTED, order_id=order_id)
    return judged(
        tally,
        winners=settled,
        expected=1,
        told={"ok": sum(tally.told.values())},
        found={
            "orders paid": paid.count(),
            "payments settled": settled,
            "sales": sales.count(),
            "refunds": Refund.objects.filter(order=order_id).count(),
            "messages": ProviderEvent.objects.filter(payment=payment).count(),
            "status": Order.objects.get(pk=order_id).status,
        },
        wanted={
            "orders paid": 1,
            "payments settled": 1,
            "sales": 1,
            "refunds": 0,
            "messages": messages,
            "status": "paid",
        },
        became=f"payments settled: {settled}",
    )
