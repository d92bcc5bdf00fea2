"""An order before it is written."""

from dataclasses import dataclass, field
from uuid import UUID

from common.ids import public_number, uuid7
from orders.models import OrderStatus
from promotions.pricing import Quote


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything about an order that is fixed before it is written."""

    user_id: int | None
    email: str
    quote: Quote
    address: dict[str, str]
    delivery_method: str
    coupon_id: int | None
    coupon_name: str
    status: OrderStatus
    id: UUID = field(default_factory=uuid7)
    number: str = field(default_factory=public_number)
