"""Goods that come back: every step that is allowed, and every one that is not."""

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from checkout import returns
from checkout import services as checkout
from checkout.errors import NothingToReturn
from checkout.standing import RETURN_DAYS
from inventory.models import MovementKind, StockMovement
from orders.errors import (
    InvalidReturnStep,
    NotReturnable,
    OrderNotFound,
    ReturnNotFound,
    ReturnPending,
)
from orders.models import Order, OrderStatus, Return, ReturnLine, ReturnState
from payments.errors import NotRefundable
from payments.models import Refund
from points import services as points
from tests.books import assert_books_balance
from tests.factories import DeliveryMethodFactory, UserFactory
from tests.parcels import (
    age_parcels,
    delivered_order,
    lines_of,
    packed_order,
    payload_of,
    send,
    status_of,
    stock_of,
    told_of,
)

pytestmark = pytest.mark.django_db


def ask(order: Order, *units: int, reason: str = "too small") -> Return:
    """Ask to send back so many units of each line."""
    lines = [line.pk for line in lines_of(order)]
    return returns.request(
        order_id=order.pk,
        user_id=order.user_id,
        quantities=dict(zip(lines, units, strict=False)),
        reason=reason,
    )


def approved(order: Order, *units: int) -> Return:
    return returns.approve(return_id=ask(order, *units).pk, answer="send it")


def state_of(asked: Return) -> str:
    return Return.objects.values_list("state", flat=True).get(pk=asked.pk)


def test_return_is_asked_for_agreed_to_received_and_paid_back() -> None:
    DeliveryMethodFactory.create()
    order = delivered_order(3, coupon_percent=10)
    [line] = lines_of(order)
    before = points.balance_of(order.user_id or 0)

    asked = ask(order, 2)
    assert told_of(order)[-1] == "return.requested"
    returns.approve(return_id=asked.pk, answer="to our door, please")
    assert payload_of(order, "return.approved")["return"] == {
        "id": asked.pk,
        "state": "approved",
        "reason": "too small",
        "answer": "to our door, please",
        "lines": [
            {"line_id": line.pk, "name": line.name, "quantity": 2, "restocked": 0}
        ],
    }
    returns.receive(return_id=asked.pk, restocked={line.pk: 1}, actor_id=None)

    # Of 30 000 less 3 000 for three: 18 000 for two. Delivery was used.
    refund = Refund.objects.get()
    assert (refund.amount, refund.delivery_amount) == (18_000, 0)
    assert (refund.reason, refund.idempotency_key) == (
        "too small",
        f"return/{asked.pk}",
    )
    assert points.balance_of(order.user_id or 0) == before + 18_000
    assert stock_of(line.product_id) == 18
    moved = StockMovement.objects.filter(reference__startswith="return/")
    assert list(moved.order_by("pk").values_list("kind", "on_hand_delta")) == [
        (MovementKind.RETURNED, 1),
        (MovementKind.DAMAGED, -1),
        (MovementKind.RETURNED, 1),
    ]
    assert told_of(order)[-2:] == ["return.received", "order.refunded"]
    assert status_of(order) == OrderStatus.DELIVERED
    assert state_of(asked) == ReturnState.RECEIVED
    assert Return.objects.get().closed_at is not None
    assert_books_balance()


def test_complete_return_nets_everything_to_zero() -> None:
    DeliveryMethodFactory.create()
    order = delivered_order(2, 1, coupon_percent=10, points_part=4_000)
    spent = points.balance_of(order.user_id or 0)
    first, second = lines_of(order)

    asked = approved(order, 2, 1)
    returns.receive(
        return_id=asked.pk,
        restocked={first.pk: 2, second.pk: 1},
        delivery=3_000 if order.delivery_cost else 0,
        actor_id=None,
    )

    assert points.balance_of(order.user_id or 0) == spent + 4_000
    assert {p.amount - p.refunded for p in order.payments.all()} == {0}
    assert [stock_of(line.product_id) for line in (first, second)] == [20, 20]
    assert Refund.objects.get().amount == order.total
    assert_books_balance()


def test_rejected_return_says_why_and_frees_its_units() -> None:
    order = delivered_order(1)
    asked = ask(order, 1)

    returns.reject(return_id=asked.pk, answer="it was used")

    assert state_of(asked) == ReturnState.REJECTED
    told = payload_of(order, "return.rejected")
    assert told["reason"] == "it was used"
    assert ask(order, 1).pk != asked.pk
    assert_books_balance()


def test_withdrawn_return_frees_its_units() -> None:
    order = delivered_order(1)
    asked = approved(order, 1)

    returns.withdraw(return_id=asked.pk, order_id=order.pk, user_id=order.user_id)

    assert state_of(asked) == ReturnState.WITHDRAWN
    assert not Refund.objects.exists()
    ask(order, 1)


def test_staff_close_a_return_of_which_nothing_came() -> None:
    order = delivered_order(1)
    asked = approved(order, 1)

    returns.close(return_id=asked.pk)

    assert state_of(asked) == ReturnState.WITHDRAWN


def test_staff_open_a_return_for_a_shopper() -> None:
    order = delivered_order(1)

    asked = returns.open_for_shopper(
        order_id=order.pk, quantities={lines_of(order)[0].pk: 1}, reason="by phone"
    )

    assert state_of(asked) == ReturnState.REQUESTED


def test_sent_goods_can_come_back_before_they_arrive() -> None:
    order = packed_order(3)
    [line] = lines_of(order)
    send(order, {line.pk: 2})

    with pytest.raises(NotReturnable) as refused:
        ask(order, 3)
    asked = ask(order, 2)

    assert refused.value.extra == {"line_id": line.pk, "left": 2}
    assert state_of(asked) == ReturnState.REQUESTED


# --- Too much, too late, twice -------------------------------------------------------


@pytest.mark.parametrize("days", [RETURN_DAYS - 1, RETURN_DAYS])
def test_return_is_asked_for_within_fourteen_days(days: int) -> None:
    order = delivered_order(1)
    age_parcels(order.pk, days=days)

    if days < RETURN_DAYS:
        assert state_of(ask(order, 1)) == ReturnState.REQUESTED
    else:
        with pytest.raises(NotReturnable) as refused:
            ask(order, 1)
        assert refused.value.extra["left"] == 0
        assert not Return.objects.exists()


@pytest.mark.parametrize("units", [-1, 3, 10**9])
def test_no_more_comes_back_than_was_sent(units: int) -> None:
    order = delivered_order(2)

    with pytest.raises(NotReturnable):
        ask(order, units)

    assert not Return.objects.exists()
    assert "return.requested" not in told_of(order)


def test_return_of_nothing_is_refused() -> None:
    with pytest.raises(NothingToReturn):
        ask(delivered_order(2), 0)

    assert not Return.objects.exists()


def test_what_came_back_does_not_come_back_again() -> None:
    order = delivered_order(2)
    [line] = lines_of(order)
    asked = approved(order, 1)
    returns.receive(return_id=asked.pk, restocked={line.pk: 1}, actor_id=None)

    with pytest.raises(NotReturnable) as refused:
        ask(order, 2)

    assert refused.value.extra["left"] == 1


def test_one_return_at_a_time() -> None:
    order = delivered_order(2)
    ask(order, 1)

    with pytest.raises(ReturnPending):
        ask(order, 1)

    assert Return.objects.count() == 1


def test_nobody_returns_what_is_somebody_elses() -> None:
    order, other = delivered_order(1), UserFactory.create()
    line = lines_of(order)[0].pk

    for user_id in (other.pk, None):
        with pytest.raises(OrderNotFound):
            returns.request(
                order_id=order.pk, user_id=user_id, quantities={line: 1}, reason="x"
            )
    asked = ask(order, 1)
    for user_id in (other.pk, None):
        with pytest.raises(OrderNotFound):
            returns.withdraw(return_id=asked.pk, order_id=order.pk, user_id=user_id)
    mine = delivered_order(1)
    with pytest.raises(ReturnNotFound):
        returns.withdraw(return_id=asked.pk, order_id=mine.pk, user_id=mine.user_id)

    assert state_of(asked) == ReturnState.REQUESTED


def test_no_more_is_restocked_than_came() -> None:
    order = delivered_order(2)
    [line] = lines_of(order)
    asked = approved(order, 1)

    for restocked in ({line.pk: 2}, {line.pk: -1}, {line.pk + 99: 1}):
        with pytest.raises(NotRefundable), transaction.atomic():
            returns.receive(return_id=asked.pk, restocked=restocked, actor_id=None)

    assert state_of(asked) == ReturnState.APPROVED
    assert not Refund.objects.exists()


def test_return_is_received_once() -> None:
    order = delivered_order(1)
    [line] = lines_of(order)
    asked = approved(order, 1)
    returns.receive(return_id=asked.pk, restocked={line.pk: 1}, actor_id=None)
    before = points.balance_of(order.user_id or 0)

    with pytest.raises(InvalidReturnStep):
        returns.receive(return_id=asked.pk, restocked={line.pk: 1}, actor_id=None)

    assert points.balance_of(order.user_id or 0) == before
    assert stock_of(line.product_id) == 20


def test_unknown_return() -> None:
    with pytest.raises(ReturnNotFound):
        returns.approve(return_id=404, answer="")


# --- The table of steps --------------------------------------------------------------

STEPS: dict[ReturnState, Callable[[Return, int | None], Return]] = {
    ReturnState.APPROVED: lambda asked, _: returns.approve(
        return_id=asked.pk, answer="yes"
    ),
    ReturnState.REJECTED: lambda asked, _: returns.reject(
        return_id=asked.pk, answer="no"
    ),
    ReturnState.RECEIVED: lambda asked, _: returns.receive(
        return_id=asked.pk, restocked={}, actor_id=None
    ),
    ReturnState.WITHDRAWN: lambda asked, user_id: returns.withdraw(
        return_id=asked.pk, order_id=asked.order_id, user_id=user_id
    ),
}
WAYS: dict[ReturnState, list[ReturnState]] = {
    ReturnState.REQUESTED: [],
    ReturnState.APPROVED: [ReturnState.APPROVED],
    ReturnState.REJECTED: [ReturnState.REJECTED],
    ReturnState.RECEIVED: [ReturnState.APPROVED, ReturnState.RECEIVED],
    ReturnState.WITHDRAWN: [ReturnState.WITHDRAWN],
}
ALLOWED = {
    (ReturnState.REQUESTED, ReturnState.APPROVED),
    (ReturnState.REQUESTED, ReturnState.REJECTED),
    (ReturnState.REQUESTED, ReturnState.WITHDRAWN),
    (ReturnState.APPROVED, ReturnState.RECEIVED),
    (ReturnState.APPROVED, ReturnState.WITHDRAWN),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("before", WAYS)
def test_each_step_is_allowed_or_refused(
    before: ReturnState, step: ReturnState
) -> None:
    order = delivered_order(1)
    asked = ask(order, 1)
    for way in WAYS[before]:
        STEPS[way](asked, order.user_id)
    told = len(told_of(order))

    if (before, step) in ALLOWED:
        STEPS[step](asked, order.user_id)
        assert state_of(asked) == step
    else:
        with pytest.raises(InvalidReturnStep):
            STEPS[step](asked, order.user_id)
        assert state_of(asked) == before
        assert len(told_of(order)) == told
    assert_books_balance()


def test_database_refuses_a_step_back_and_another_quantity() -> None:
    order = delivered_order(2)
    asked = ask(order, 1)
    returns.reject(return_id=asked.pk, answer="no")

    for change in (
        lambda: Return.objects.update(state="requested", closed_at=None),
        lambda: ReturnLine.objects.update(quantity=2),
        lambda: Return.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_refund_of_unsent_goods_leaves_sent_ones_returnable() -> None:
    order = packed_order(3)
    [line] = lines_of(order)
    send(order, {line.pk: 2})
    checkout.refund(
        order_id=order.pk, quantities={line.pk: 1}, reason="", actor_id=None, key="k"
    )

    asked = approved(order, 2)
    returns.receive(return_id=asked.pk, restocked={line.pk: 2}, actor_id=None)

    assert sum(Refund.objects.values_list("amount", flat=True)) == order.total
    assert stock_of(line.product_id) == 20
    assert status_of(order) == OrderStatus.SHIPPED
    assert_books_balance()
