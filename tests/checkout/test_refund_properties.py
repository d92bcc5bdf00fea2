"""Whatever is given back, in any order: it sums to what was paid, and never to more."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout import returns
from checkout import services as checkout
from checkout.standing import standing_of
from common.errors import DomainError
from inventory.models import Stock
from orders.models import Order, OrderStatus
from payments import planner
from payments.models import Payment, Refund
from payments.planner import Impossible, PaidLeg, PaidLine, PaidOrder
from points.models import PointAccount
from tests.books import assert_books_balance
from tests.factories import DeliveryMethodFactory
from tests.parcels import lines_of, packed_order, send, status_of

OUTSIDE, POINTS = UUID(int=1), UUID(int=2)


# --- The planner alone ---------------------------------------------------------------


@st.composite
def paid_orders(draw: st.DrawFn) -> PaidOrder:
    """Any order whose legs add up to what its lines and its delivery cost."""
    lines = []
    for number in range(draw(st.integers(1, 5))):
        quantity = draw(st.integers(1, 999))
        lines.append(
            PaidLine(
                line_id=number,
                product_id=number,
                quantity=quantity,
                paid=draw(st.integers(0, 10**9)),
                refunded_quantity=0,
                refunded=0,
            )
        )
    delivery = draw(st.integers(0, 10**5))
    total = sum(line.paid for line in lines) + delivery
    outside = draw(st.integers(0, total))
    legs = [
        PaidLeg(OUTSIDE, is_outside=True, amount=outside, refunded=0),
        PaidLeg(POINTS, is_outside=False, amount=total - outside, refunded=0),
    ]
    return PaidOrder(
        lines=lines,
        legs=draw(st.permutations(legs)),
        delivery_cost=delivery,
        refunded_delivery=0,
        is_unsent=draw(st.booleans()),
    )


def after(order: PaidOrder, plan: planner.RefundPlan) -> PaidOrder:
    """Return the order once a plan is carried out."""
    lines = {line.line_id: line for line in plan.lines}
    legs = {leg.payment_id: leg.amount for leg in plan.legs}
    return PaidOrder(
        lines=[
            PaidLine(
                line.line_id,
                line.product_id,
                line.quantity,
                line.paid,
                line.refunded_quantity + (gone.quantity if gone else 0),
                line.refunded + (gone.amount if gone else 0),
            )
            for line in order.lines
            for gone in [lines.get(line.line_id)]
        ],
        legs=[
            PaidLeg(
                leg.payment_id,
                leg.is_outside,
                leg.amount,
                leg.refunded + legs.get(leg.payment_id, 0),
            )
            for leg in order.legs
        ],
        delivery_cost=order.delivery_cost,
        refunded_delivery=order.refunded_delivery + plan.delivery,
        is_unsent=order.is_unsent,
    )


@given(order=paid_orders(), data=st.data())
def test_any_sequence_of_plans_sums_to_what_was_paid(
    order: PaidOrder, data: st.DataObject
) -> None:
    total = sum(leg.amount for leg in order.legs)
    given_back, by_points = 0, False
    for _ in range(data.draw(st.integers(0, 6))):
        wish = {
            line.line_id: data.draw(st.integers(1, line.left))
            for line in order.lines
            if line.left and data.draw(st.booleans())
        }
        left = order.delivery_cost - order.refunded_delivery
        delivery = data.draw(st.none() | st.integers(0, left))
        plan = planner.plan_refund(order, wish, delivery=delivery)

        assert plan.amount == sum(leg.amount for leg in plan.legs)
        assert all(leg.amount > 0 for leg in plan.legs)
        # Points only once all outside money is back.
        for leg in plan.legs:
            by_points = by_points or not leg.is_outside
            assert not (by_points and leg.is_outside)
        order = after(order, plan)
        given_back += plan.amount
        assert given_back <= total

    rest = planner.everything_left(order)
    order = after(order, rest)

    assert given_back + rest.amount == total
    assert rest.is_complete
    assert all((line.left, line.paid) == (0, line.refunded) for line in order.lines)
    assert all(leg.left == 0 for leg in order.legs)


@given(order=paid_orders(), data=st.data())
def test_no_plan_gives_back_more_than_there_is(
    order: PaidOrder, data: st.DataObject
) -> None:
    line = data.draw(st.sampled_from(order.lines))
    too_many = data.draw(st.integers(line.left + 1, line.left + 10**6))
    too_dear = data.draw(st.integers(order.delivery_cost + 1, 10**12))

    for wish, delivery in (
        ({line.line_id: too_many}, None),
        ({line.line_id: 0}, None),
        ({line.line_id: -1}, None),
        ({99: 1}, None),
        ({}, too_dear),
        ({}, -1),
    ):
        if wish == {line.line_id: 0}:
            # Nothing of it is asked for.
            assert planner.plan_refund(order, wish, delivery=0).amount == 0
            continue
        with pytest.raises(Impossible):
            planner.plan_refund(order, wish, delivery=delivery)


# --- The whole shop ------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["refund", "send", "arrive", "return", "delivery", "cancel"]),
        st.integers(0, 2),
        st.integers(1, 3),
    ),
    max_size=8,
)


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class Life:
    """An order with three lines, and what can happen to it."""

    def __init__(self, points_part: int | None, percent: int) -> None:
        DeliveryMethodFactory.create(free_from=None)
        self.order = packed_order(
            3, 2, 1, price=3_333, coupon_percent=percent, points_part=points_part
        )
        self.lines = [line.pk for line in lines_of(self.order)]
        self.count = 0

    def try_to(self, what: str, place: int, quantity: int) -> None:
        """Do a step; one that is refused has changed nothing."""
        self.count += 1
        some = {self.lines[place]: quantity}
        try:
            with transaction.atomic():
                getattr(self, what)(some)
        except DomainError:
            pass

    def refund(self, some: dict[int, int]) -> None:
        self._refund(some, None)

    def delivery(self, _some: dict[int, int]) -> None:
        self._refund({}, 700)

    def _refund(self, some: dict[int, int], delivery: int | None) -> None:
        checkout.refund(
            order_id=self.order.pk,
            quantities=some,
            delivery=delivery,
            reason="",
            actor_id=None,
            key=str(self.count),
        )

    def send(self, some: dict[int, int]) -> None:
        send(self.order, some)

    def arrive(self, _some: dict[int, int]) -> None:
        checkout.deliver(order_id=self.order.pk, actor_id=None)

    def cancel(self, _some: dict[int, int]) -> None:
        checkout.cancel(order_id=self.order.pk, user_id=None, actor_id=None, reason="")

    def take_back(self, some: dict[int, int]) -> None:
        asked = returns.open_for_shopper(
            order_id=self.order.pk, quantities=some, reason="x"
        )
        returns.approve(return_id=asked.pk, answer="")
        returns.receive(return_id=asked.pk, restocked=some, actor_id=None)

    def end(self) -> None:
        """Give all that is left back: what was sent returns, the rest is refunded."""
        standing = standing_of(self.order.pk)
        if standing.to_return:
            self.take_back(dict(standing.to_return))
        self.count += 1
        standing = standing_of(self.order.pk)
        if standing.to_send:
            self._refund(dict(standing.to_send), None)
        self.count += 1
        left = self.order.delivery_cost - sum(
            Refund.objects.filter(order=self.order).values_list(
                "delivery_amount", flat=True
            )
        )
        if left:
            self._refund({}, left)


@pytest.mark.django_db
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=STEPS,
    points_part=st.none() | st.sampled_from([0, 1, 5_000, 12_345]),
    percent=st.sampled_from([0, 7, 33]),
)
def test_books_balance_after_every_life_and_a_complete_return_nets_to_zero(
    steps: list[tuple[str, int, int]], points_part: int | None, percent: int
) -> None:
    with rolled_back():
        life = Life(points_part, percent)
        order = life.order
        for what, place, quantity in steps:
            life.try_to("take_back" if what == "return" else what, place, quantity)
            paid = sum(p.amount - p.refunded for p in _legs(order))
            assert 0 <= paid <= order.total
        assert_books_balance()

        if status_of(order) != OrderStatus.CANCELLED:
            life.end()

        assert_books_balance()
        assert sum(_amounts(order)) == order.total
        assert all(leg.amount == leg.refunded for leg in _legs(order))
        assert set(Stock.objects.values_list("on_hand", "reserved")) == {(20, 0)}
        spent = sum(leg.amount for leg in _legs(order) if leg.is_outside)
        balance = PointAccount.objects.get(user=order.user_id).balance
        assert (balance, spent + order_points(order)) == (1_000_000, order.total)


def order_points(order: Order) -> int:
    return sum(leg.amount for leg in _legs(order) if not leg.is_outside)


def _legs(order: Order) -> Any:
    return list(Payment.objects.settled().filter(order=order))


def _amounts(order: Order) -> Any:
    return Refund.objects.filter(order=order).values_list("amount", flat=True)
