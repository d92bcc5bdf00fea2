"""Goods that are sent, refunded and called off at once."""

from collections import Counter
from collections.abc import Sequence

from checkout import services as checkout
from drill.crowd import race, word
from drill.outcome import Outcome, errors, judged
from drill.stage import PRICE, packed_order, paid_order
from inventory.models import Stock
from orders.models import Fulfilment, FulfilmentLine, Order, OrderLine, OrderStatus
from payments.models import Refund
from points.models import PointAccount

BALANCE = 1_000_000  # what a shopper of ``paid_order`` came with


def refund_many_times(*, times: int, units: int, keys: int, of: int = 10) -> Outcome:
    """Refund ``units`` of an order of ``of``; ``keys`` tells by how many keys."""
    order = paid_order(of)
    line = _line(order)
    tally = race(
        lambda number: checkout.refund(
            order_id=order.pk,
            quantities={line.pk: units},
            reason="again",
            actor_id=None,
            key=str(number % keys),
        ),
        times=times,
    ).tally
    refunds = min(keys, of // units)
    amounts = Refund.objects.filter(order=order).values_list("amount", flat=True)
    # A key that comes again gets its refund once more.
    winners = times if keys == 1 else refunds
    refusal = "order_not_refundable" if refunds * units == of else "not_refundable"
    return judged(
        tally,
        winners=len(amounts),
        expected=refunds,
        told={refusal: times - winners, "ok": winners},
        found={
            "amounts": list(amounts),
            "on_hand": Stock.objects.get(pk=line.product_id).on_hand,
            "balance": PointAccount.objects.get(user=order.user_id).balance,
        },
        wanted={
            "amounts": [units * PRICE] * refunds,
            "on_hand": of + refunds * units,
            "balance": BALANCE - (of - refunds * units) * PRICE,
        },
    )


def refund_and_ship(*, orders: int, clients: int | None = None) -> Outcome:
    """Of orders of ten, refund six and send six: there are not so many."""
    placed = [packed_order(10) for _ in range(orders)]
    lines = {order.pk: _line(order).pk for order in placed}

    def act(number: int) -> object:
        order = placed[number // 2]
        some = {lines[order.pk]: 6}
        if number % 2:
            return checkout.ship(
                order_id=order.pk, carrier="Post", lines=some, actor_id=None
            )
        return checkout.refund(
            order_id=order.pk, quantities=some, reason="", actor_id=None, key="k"
        )

    run = race(act, times=2 * orders, clients=clients)
    won = _won(run.results)
    used = _units_used(placed)
    return judged(
        run.tally,
        winners=won.total(),
        expected=orders,
        found={
            "winners of each": [won[place] for place in range(orders)],
            "units of each": [used[lines[order.pk]] for order in placed],
        },
        wanted={"winners of each": [1] * orders, "units of each": [6] * orders},
    )


def cancel_and_ship(*, orders: int, clients: int | None = None) -> Outcome:
    """Call each order off and send it at the same moment."""
    placed = [packed_order(1) for _ in range(orders)]

    def act(number: int) -> object:
        order = placed[number // 2]
        if number % 2:
            return checkout.ship(order_id=order.pk, carrier="Post", actor_id=None)
        return checkout.cancel(
            order_id=order.pk, user_id=None, actor_id=None, reason="no"
        )

    run = race(act, times=2 * orders, clients=clients)
    won = _won(run.results)
    ours = Order.objects.filter(pk__in=[order.pk for order in placed])
    cancelled = ours.filter(status=OrderStatus.CANCELLED)
    refused = ("invalid_transition", "order_not_cancellable")
    return judged(
        run.tally,
        winners=won.total(),
        expected=orders,
        found={
            "winners of each": [won[place] for place in range(orders)],
            "cancelled and sent": Fulfilment.objects.filter(
                order__in=cancelled
            ).count(),
            "neither": ours.filter(status=OrderStatus.PROCESSING).count(),
            "errors": errors(run.tally, *refused),
        },
        wanted={
            "winners of each": [1] * orders,
            "cancelled and sent": 0,
            "neither": 0,
            "errors": {},
        },
        became=f"{cancelled.count()} cancelled,"
        f" {ours.filter(status=OrderStatus.SHIPPED).count()} shipped",
    )


def _line(order: Order) -> OrderLine:
    return order.lines.get()


def _won(results: Sequence[object]) -> Counter[int]:
    """Count, by the place of an order, who of its two got their way."""
    return Counter(
        number // 2 for number, result in enumerate(results) if word(result) == "ok"
    )


def _units_used(placed: Sequence[Order]) -> Counter[int]:
    """Count the units that were sent or refunded, by order line."""
    used: Counter[int] = Counter()
    sent = FulfilmentLine.objects.filter(order_line__order__in=list(placed))
    for line_id, quantity in sent.values_list("order_line_id", "quantity"):
        used[line_id] += quantity
    for refund in Refund.objects.filter(order__in=list(placed)):
        for line in refund.lines.all():
            used[line.order_line_id] += line.quantity
    return used
