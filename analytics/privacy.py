"""What shoppers say about being observed, and which products they want to be spared."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from analytics import buffer, pseudonyms
from analytics.models import (
    Behaviour,
    BehaviourEvent,
    CustomerSegment,
    NotInterested,
    Privacy,
)
from catalog.errors import ProductNotFound
from catalog.models import Product
from common.db import use_case

# Far more than anybody clicks away; what is older is shown again.
MOST_DISMISSED = 500


@dataclass(frozen=True, slots=True)
class Choices:
    """A shopper's word; ``consents`` is ``None`` until they were asked."""

    consents: bool | None = None
    wants_recommendations: bool = True


def choices_of(user_id: int) -> Choices:
    """Return what a shopper chose, or what holds until they choose."""
    row = Privacy.objects.filter(user=user_id).first()
    return Choices(row.consents, row.wants_recommendations) if row else Choices()


def choose(
    *,
    user_id: int,
    consents: bool | None = None,
    wants_recommendations: bool | None = None,
) -> Choices:
    """Note a choice; ``None`` leaves it as it is. A no forgets what was observed."""
    given = {"consents": consents, "wants_recommendations": wants_recommendations}
    changed = {name: value for name, value in given.items() if value is not None}
    actor = pseudonyms.of_user(user_id)
    _write_choice(user_id, changed, actor)
    # Beside the transaction, for Redis is outside of it.
    if consents is False:
        buffer.forget(actor)
    elif consents:
        buffer.welcome(actor)
    return choices_of(user_id)


@use_case
def _write_choice(user_id: int, changed: dict[str, bool], actor: UUID) -> None:
    Privacy.objects.update_or_create(
        user_id=user_id, defaults={**changed, "changed_at": Now()}
    )
    if changed.get("consents") is False:
        BehaviourEvent.objects.filter(actor=actor).delete()


def forget_visitor(visitor_id: str) -> None:
    """Delete what is known of a visitor who takes the consent back."""
    actor = pseudonyms.of_visitor(visitor_id)
    BehaviourEvent.objects.filter(actor=actor).delete()
    buffer.forget(actor)


def forget_views(actor: UUID) -> None:
    """Delete what somebody looked at so far; they are still observed from now on."""
    BehaviourEvent.objects.filter(actor=actor, kind=Behaviour.VIEW).delete()
    buffer.forget_until(actor, timezone.now())


def forget_user(user_id: int) -> None:
    """Delete what is known of a shopper: looks, choices, and how they buy."""
    actor = pseudonyms.of_user(user_id)
    BehaviourEvent.objects.filter(actor=actor).delete()
    buffer.forget(actor)
    for rows in (Privacy.objects, NotInterested.objects, CustomerSegment.objects):
        rows.filter(user=user_id).delete()


def dismissed_by(user_id: int) -> list[int]:
    """Return the products that a shopper does not want to see, the last first."""
    rows = NotInterested.objects.filter(user=user_id).order_by("-at", "-pk")
    return list(rows.values_list("product_id", flat=True))


@use_case
def dismiss(*, user_id: int, product_id: int) -> bool:
    """Never recommend a product to a shopper again; return whether that is new.

    Raises ``ProductNotFound`` if it is not sold.
    """
    if not Product.objects.on_sale().filter(pk=product_id).exists():
        raise ProductNotFound
    rows = NotInterested.objects.filter(user=user_id)
    _row, is_new = rows.get_or_create(user_id=user_id, product_id=product_id)
    kept = rows.order_by("-at", "-pk").values("pk")[:MOST_DISMISSED]
    rows.exclude(pk__in=kept).delete()
    return is_new


def undo_dismissal(*, user_id: int, product_id: int) -> bool:
    """Let a product be recommended again; return whether it was not before."""
    rows = NotInterested.objects.filter(user=user_id, product=product_id)
    return rows.delete()[0] > 0
