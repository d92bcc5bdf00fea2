"""What can be given back of an order, line by line: a pure function.

No database, no clock. All amounts are integers in minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class PaidLine:
    """An order line: what was paid for it, and what has gone back already.

    ``paid`` is the line's total less its share of the discount, for all ``quantity``.
    """

    line_id: int
    product_id: int
    quantity: int
    paid: int
    refunded_quantity: int
    refunded: int

    @property
    def left(self) -> int:
        """How many units can still be refunded."""
        return self.quantity - self.refunded_quantity

    def worth(self, quantity: int) -> int:
        """Return what the next ``quantity`` units are worth.

        The first k units of n are worth floor(paid x k / n): whatever the order of
        partial refunds, the last unit takes the residue and the sum is ``paid``.
        """
        upto = self.refunded_quantity + quantity
        return self.paid * upto // self.quantity - self.refunded


@dataclass(frozen=True, slots=True)
class PaidLeg:
    """A payment: what came in by it, and what has gone back."""

    payment_id: UUID
    is_outside: bool
    amount: int
    refunded: int

    @property
    def left(self) -> int:
        return self.amount - self.refunded


@dataclass(frozen=True, slots=True)
class PaidOrder:
    """Everything that decides what can go back."""

    lines: Sequence[PaidLine]
    legs: Sequence[PaidLeg]
    delivery_cost: int
    refunded_delivery: int
    # Nothing has been handed to a carrier: then delivery was not used.
    is_unsent: bool


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """What goes back for some units of one line."""

    line_id: int
    product_id: int
    quantity: int
    amount: int


@dataclass(frozen=True, slots=True)
class PlannedLeg:
    """What goes back through one payment."""

    payment_id: UUID
    is_outside: bool
    amount: int


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """A refund, ready to be carried out. ``amount`` is the sum of its legs."""

    lines: tuple[PlannedLine, ...]
    delivery: int
    legs: tuple[PlannedLeg, ...]
    # After it nothing is left to give back for goods.
    is_complete: bool
    # What was paid for delivery and stays with the shop after it.
    delivery_kept: int

    @property
    def amount(self) -> int:
        """Return what goes back in all."""
        return sum(line.amount for line in self.lines) + self.delivery

    @property
    def points(self) -> int:
        """Return what of it goes back as points."""
        return sum(leg.amount for leg in self.legs if not leg.is_outside)


class Impossible(ValueError):
    """More is asked for than there is; ``line_id`` says of what, if it is a line."""

    def __init__(self, *, line_id: int | None, left: int) -> None:
        super().__init__(f"line {line_id}: {left} left")
        self.line_id = line_id
        self.left = left


def plan_refund(
    order: PaidOrder, quantities: Mapping[int, int], *, delivery: int | None = None
) -> RefundPlan:
    """Plan to give back ``quantities`` (units by line id) of a paid order.

    ``delivery`` is the part of the delivery cost to give back. ``None`` is the rule:
    all of it with the last goods if nothing was ever sent, else nothing. Outside money
    goes back first, and points last: they take every residue. Raises ``Impossible``.
    """
    lines = tuple(
        _plan_line(line, quantities[line.line_id])
        for line in order.lines
        if quantities.get(line.line_id)
    )
    unknown = set(quantities) - {line.line_id for line in order.lines}
    if unknown:
        raise Impossible(line_id=min(unknown), left=0)
    is_complete = all(
        line.left == quantities.get(line.line_id, 0) for line in order.lines
    )
    delivery_amount = _plan_delivery(order, delivery, is_complete=is_complete)
    amount = sum(line.amount for line in lines) + delivery_amount
    return RefundPlan(
        lines=lines,
        delivery=delivery_amount,
        legs=_plan_legs(order.legs, amount),
        is_complete=is_complete,
        delivery_kept=order.delivery_cost - order.refunded_delivery - delivery_amount,
    )


def everything_left(order: PaidOrder) -> RefundPlan:
    """Plan to give back all that has not gone back yet, delivery included."""
    return plan_refund(
        order,
        {line.line_id: line.left for line in order.lines if line.left},
        delivery=order.delivery_cost - order.refunded_delivery,
    )


def _plan_line(line: PaidLine, quantity: int) -> PlannedLine:
    if not 1 <= quantity <= line.left:
        raise Impossible(line_id=line.line_id, left=line.left)
    return PlannedLine(
        line_id=line.line_id,
        product_id=line.product_id,
        quantity=quantity,
        amount=line.worth(quantity),
    )


def _plan_delivery(order: PaidOrder, asked: int | None, *, is_complete: bool) -> int:
    left = order.delivery_cost - order.refunded_delivery
    if asked is None:
        return left if is_complete and order.is_unsent else 0
    if not 0 <= asked <= left:
        raise Impossible(line_id=None, left=left)
    return asked


def _plan_legs(legs: Sequence[PaidLeg], amount: int) -> tuple[PlannedLeg, ...]:
    planned = []
    for leg in sorted(legs, key=lambda leg: not leg.is_outside):
        share = min(leg.left, amount)
        amount -= share
        if share:
            planned.append(PlannedLeg(leg.payment_id, leg.is_outside, share))
    if amount:
        raise Impossible(line_id=None, left=sum(leg.left for leg in legs))
    return tuple(planned)
