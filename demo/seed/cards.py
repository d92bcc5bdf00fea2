"""Orders that were paid by the test card: our side of it, and the test bank's."""

import json
from dataclasses import dataclass
from random import Random
from uuid import UUID

from django.conf import settings

from demo.seed import tables
from demo.seed.fates import Story
from demo.seed.moments import aware, uuid7_at
from demo.seed.plan import Fate, Plan
from demo.seed.tables import Row, Writer
from payments.models import InboxState, PaymentMethod, PaymentState, SandboxState

# Of the paid orders; and of those, how many pay a part with points.
CARD_SHARE, MIXED_SHARE = 0.1, 0.3
POINTS_STEP = 1_000
SANDBOX = PaymentMethod.SANDBOX.value


@dataclass(frozen=True, slots=True)
class Card:
    """What of an order was paid by card; nothing for most of them."""

    payment_id: UUID
    amount: int

    @property
    def reference(self) -> str:
        return f"sb_{self.payment_id.hex}"


def draw(plan: Plan, story: Story, total: int, rng: Random) -> Card:
    """Draw how much of an order the card pays."""
    is_card, is_mixed = rng.random() < CARD_SHARE, rng.random() < MIXED_SHARE
    if plan.is_scripted:
        # So that there is one of each kind: with points beside it, and refunded.
        is_mixed = plan.fate == Fate.PAID_LATER
        is_card = is_mixed or plan.fate == Fate.CANCELLED_PAID
    points_part = total // 3 // POINTS_STEP * POINTS_STEP if is_mixed else 0
    amount = total - points_part if is_card and story.paid and total else 0
    return Card(uuid7_at(story.paid or plan.at, rng), amount)


def write(writer: Writer, card: Card, story: Story, number: str, *, leg: int) -> None:
    """Write the payment, the message about it, and the bank's own entry of it.

    ``leg`` counts the refunds: it names this one in the bank's books.
    """
    at = aware(story.paid or 0)
    refunded = card.amount if story.closed else 0
    captured = PaymentState.CAPTURED.value
    row: Row = (card.payment_id, story.id, SANDBOX, card.amount, refunded, captured)
    writer.add(tables.PAYMENTS, (*row, card.reference, at, at, at))
    kind, event_id = "payment.captured", f"evt_{card.payment_id.hex}"
    told: Row = (SANDBOX, event_id, kind, card.payment_id, card.reference)
    writer.add(tables.TOLD, (*told, InboxState.HANDLED.value, "", at))
    refunds = {f"refund/past-{leg}": refunded} if refunded else {}
    entry: Row = (card.reference, str(card.payment_id), card.amount)
    words = (settings.SHOP_CURRENCY, f"{settings.SHOP_NAME} {number}")
    back = f"{settings.SHOP_BASE_URL}/pay/{card.payment_id}/return/"
    state = SandboxState.CAPTURED.value
    writer.add(
        tables.BANK, (*entry, *words, back, state, "success", json.dumps(refunds), at)
    )
