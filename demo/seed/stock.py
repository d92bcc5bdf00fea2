"""The warehouse while history is written: every movement with what it left."""

from array import array
from collections.abc import Sequence
from uuid import UUID

from demo.seed.moments import aware
from demo.seed.tables import MOVEMENTS, STOCKS, Writer
from inventory.models import MovementKind


class Warehouse:
    """Stocks and their journal; products are given by their place in the goods."""

    def __init__(self, writer: Writer, first_id: int, size: int) -> None:
        self._writer = writer
        self._first_id = first_id
        self._on_hand = array("q", bytes(8 * size))
        self._reserved = array("q", bytes(8 * size))
        self._versions = array("q", bytes(8 * size))

    def receive(self, quantities: Sequence[int], *, actor_id: int, at: int) -> None:
        """Put the first delivery on the shelves."""
        for place, quantity in enumerate(quantities):
            if quantity:
                self._move(
                    place,
                    MovementKind.RECEIVED,
                    (quantity, 0),
                    at,
                    reason="First delivery",
                    actor_id=actor_id,
                )

    def sell(self, items: dict[int, int], order_id: UUID, at: int) -> None:
        """Sell at once."""
        for place, quantity in sorted(items.items()):
            self._move(place, MovementKind.SOLD, (-quantity, 0), at, order_id)

    def reserve(self, items: dict[int, int], order_id: UUID, at: int) -> None:
        """Hold for an unpaid order."""
        for place, quantity in sorted(items.items()):
            self._move(place, MovementKind.RESERVED, (0, quantity), at, order_id)

    def commit(self, items: dict[int, int], order_id: UUID, at: int) -> None:
        """Sell what was held."""
        for place, quantity in sorted(items.items()):
            delta = (-quantity, -quantity)
            self._move(place, MovementKind.COMMITTED, delta, at, order_id)

    def release(self, items: dict[int, int], order_id: UUID, at: int) -> None:
        """Hold no longer."""
        for place, quantity in sorted(items.items()):
            self._move(place, MovementKind.RELEASED, (0, -quantity), at, order_id)

    def take_back(self, items: dict[int, int], order_id: UUID, at: int) -> None:
        """Take the goods of a cancelled order back."""
        for place, quantity in sorted(items.items()):
            self._move(place, MovementKind.RETURNED, (quantity, 0), at, order_id)

    def settle(self) -> None:
        """Write what there is of each product."""
        stocks = zip(self._on_hand, self._reserved, self._versions, strict=True)
        for product_id, stock in enumerate(stocks, self._first_id):
            self._writer.add(STOCKS, (product_id, *stock))

    def _move(
        self,
        place: int,
        kind: MovementKind,
        delta: tuple[int, int],
        at: int,
        order_id: UUID | None = None,
        *,
        reason: str = "",
        actor_id: int | None = None,
    ) -> None:
        self._on_hand[place] += delta[0]
        self._reserved[place] += delta[1]
        self._versions[place] += 1
        row = (self._first_id + place, kind.value, *delta)
        after = (self._on_hand[place], self._reserved[place])
        self._writer.add(
            MOVEMENTS, (*row, *after, order_id, reason, actor_id, aware(at))
        )
