"""An order before it is written."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings

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
    # The database's clock, a moment before the order is written.
    placed_at: datetime
    # The last day that the shopper was promised.
    deliver_by: date | None = None
    id: UUID = field(default_factory=uuid7)
    number: str = field(default_factory=public_number)

    @property
    def expires_at(self) -> datetime | None:
        """Until when the order can be paid; ``None`` if it is paid already."""
        if self.status != OrderStatus.PENDING:
            return None
        return self.placed_at + timedelta(minutes=settings.PAYMENT_WINDOW_MINUTES)

    @property
    def paid_at(self) -> datetime | None:
        return self.placed_at if self.status == OrderStatus.PAID else None
