"""What becomes of an order, told in full at the moment it is placed."""

from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from django.conf import settings

from common.ids import ALPHABET, NUMBER_LENGTH, check_character
from demo.seed.moments import HOUR, MINUTE, SECOND, uuid7_at
from demo.seed.people import People
from demo.seed.plan import Fate, Plan
from orders.models import OrderStatus

# After payment: to packing, to the carrier, to the door.
STEPS = (
    (OrderStatus.PROCESSING, 2 * HOUR, 10 * HOUR),
    (OrderStatus.SHIPPED, 8 * HOUR, 28 * HOUR),
    (OrderStatus.DELIVERED, 20 * HOUR, 52 * HOUR),
)
EXPIRED_REASON = "payment window"
# The expiry job comes by this often.
EXPIRY_PAUSE = 15 * SECOND
REASONS = (
    "Ordered by mistake",
    "Found it nearby",
    "It takes too long",
    "The wrong colour",
    "Changed my mind",
)


@dataclass(frozen=True, slots=True)
class Step:
    """An entry of the timeline."""

    status: OrderStatus
    at: int
    actor: int | None
    reason: str


@dataclass(slots=True)
class Story:
    """An order's life, as far as it has come by now."""

    id: UUID
    number: str
    steps: list[Step] = field(default_factory=list)
    paid: int | None = None
    closed: int | None = None

    @property
    def status(self) -> OrderStatus:
        return self.steps[-1].status

    def go(
        self, status: OrderStatus, at: int, actor: int | None, reason: str = ""
    ) -> None:
        self.steps.append(Step(status, at, actor, reason))


class Teller:
    """Tells stories; what would happen after ``now`` has not happened."""

    def __init__(self, people: People, rng: Random, now: int) -> None:
        self._people = people
        self._rng = rng
        self._now = now
        self.window: int = settings.PAYMENT_WINDOW_MINUTES * MINUTE

    def tell(self, plan: Plan) -> Story:
        """Return what becomes of a planned order."""
        body = "".join(self._rng.choices(ALPHABET, k=NUMBER_LENGTH - 1))
        number = body + check_character(body)
        story = Story(uuid7_at(plan.at, self._rng), number)
        shopper = self._people.id_of(plan.user)
        story.go(OrderStatus.PENDING, plan.at, shopper)
        end = self._end(plan)
        if end > self._now:
            return story
        if plan.fate == Fate.EXPIRED:
            story.closed = end
            story.go(OrderStatus.EXPIRED, end, None, EXPIRED_REASON)
        elif plan.fate == Fate.CANCELLED_UNPAID:
            self._cancel(story, end, shopper)
        else:
            story.paid = end
            story.go(OrderStatus.PAID, end, shopper)
            self._go_on(plan, story, end, shopper)
        return story

    def _end(self, plan: Plan) -> int:
        """Return when the order is paid or given up."""
        if plan.fate == Fate.EXPIRED:
            return plan.at + self.window + self._rng.randrange(EXPIRY_PAUSE)
        if plan.fate in {Fate.PAID_LATER, Fate.CANCELLED_UNPAID}:
            return plan.at + self._rng.randrange(MINUTE, self.window * 2 // 3)
        return plan.at

    def _go_on(self, plan: Plan, story: Story, paid: int, shopper: int) -> None:
        if plan.fate == Fate.CANCELLED_PAID:
            end = paid + self._rng.randrange(10 * MINUTE, 2 * HOUR)
            if end <= self._now:
                self._cancel(story, end, shopper)
            return
        at = paid
        for status, quickest, slowest in STEPS:
            drawn = self._rng.randrange(quickest, slowest)
            at += (quickest + slowest) // 2 if plan.is_scripted else drawn
            if at > self._now:
                return
            story.go(status, at, self._people.staff_id)

    def _cancel(self, story: Story, at: int, shopper: int) -> None:
        story.closed = at
        story.go(OrderStatus.CANCELLED, at, shopper, self._rng.choice(REASONS))
