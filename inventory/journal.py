"""One movement of one locked stock; what is hot moves stock in sets instead."""

from uuid import UUID

from inventory.models import MovementKind, Stock, StockMovement


def move(
    stock: Stock,
    *,
    kind: MovementKind,
    deltas: tuple[int, int],
    order_id: UUID | None = None,
    reference: str = "",
    reason: str = "",
    actor_id: int | None = None,
) -> StockMovement:
    """Change what is on hand and reserved of a locked stock, and write it down."""
    on_hand_delta, reserved_delta = deltas
    stock.on_hand += on_hand_delta
    stock.reserved += reserved_delta
    stock.version += 1
    stock.save(update_fields=["on_hand", "reserved", "version"])
    return StockMovement.objects.create(
        product_id=stock.product_id,
        kind=kind,
        on_hand_delta=on_hand_delta,
        reserved_delta=reserved_delta,
        on_hand_after=stock.on_hand,
        reserved_after=stock.reserved,
        order_id=order_id,
        reference=reference,
        reason=reason,
        actor_id=actor_id,
    )
