"""How far the goods of an order are: sent, given back, and what can still happen.

One statement over parcels, refunds and returns. Under the order's lock it stays true.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from common.db import run

# How long after its arrival something can be sent back.
RETURN_DAYS = 14
STANDING_SQL = """
    SELECT line.id, line.product_id, line.name, line.quantity, sent.quantity,
           sent.recent, refunded.quantity, back.quantity, back.coming
      FROM orders_orderline AS line
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(content.quantity), 0)::bigint AS quantity,
                  coalesce(sum(content.quantity) FILTER (
                      WHERE parcel.delivered_at IS NULL
                         OR parcel.delivered_at
                             > statement_timestamp() - %(window)s::interval
                  ), 0)::bigint AS recent
             FROM orders_fulfilmentline AS content
             JOIN orders_fulfilment AS parcel ON parcel.id = content.fulfilment_id
            WHERE content.order_line_id = line.id) AS sent
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(quantity), 0)::bigint AS quantity
             FROM payments_refundline WHERE order_line_id = line.id) AS refunded
     CROSS JOIN LATERAL (
           SELECT coalesce(sum(item.quantity)
                      FILTER (WHERE parent.state = 'received'), 0)::bigint AS quantity,
                  coalesce(sum(item.quantity) FILTER (
                      WHERE parent.state IN ('requested', 'approved')
                  ), 0)::bigint AS coming
             FROM orders_returnline AS item
             JOIN orders_return AS parent ON parent.id = item.parent_id
            WHERE item.order_line_id = line.id) AS back
     WHERE line.order_id = %(order_id)s::uuid
     ORDER BY line.id
"""


@dataclass(frozen=True, slots=True)
class LineStanding:
    """Units of one line of an order, by what became of them.

    ``recent`` of the ``sent`` ones are on their way or arrived within ``RETURN_DAYS``.
    ``refunded`` counts all units whose money went back, ``returned`` those of them that
    came back from the shopper, and ``coming`` those of an open return.
    """

    line_id: int
    product_id: int
    name: str
    quantity: int
    sent: int
    recent: int
    refunded: int
    returned: int
    coming: int

    @property
    def left_to_send(self) -> int:
        """How many units can still be sent, or refunded without coming back."""
        return self.quantity - self.sent - (self.refunded - self.returned)

    @property
    def returnable(self) -> int:
        """How many units a shopper can ask to send back."""
        return max(0, min(self.sent - self.returned, self.recent) - self.coming)


@dataclass(frozen=True, slots=True)
class Standing:
    """All lines of an order."""

    lines: Sequence[LineStanding]

    @property
    def to_send(self) -> Mapping[int, int]:
        """Units that can still be sent, by line id; lines without any are missing."""
        return {line.line_id: n for line in self.lines if (n := line.left_to_send)}

    @property
    def to_return(self) -> Mapping[int, int]:
        """Units that can be sent back, by line id; lines without any are missing."""
        return {line.line_id: n for line in self.lines if (n := line.returnable)}

    @property
    def is_unsent(self) -> bool:
        """Tell whether nothing has been handed to a carrier."""
        return not any(line.sent for line in self.lines)


def standing_of(order_id: UUID) -> Standing:
    """Read how far the goods of an order are."""
    params = {"order_id": order_id, "window": timedelta(days=RETURN_DAYS)}
    rows = run(STANDING_SQL, params).rows()
    return Standing([LineStanding(*row) for row in rows])
