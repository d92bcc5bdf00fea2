"""Orders as a table for those who keep the books."""

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from common.importing import Amount, Plain, SheetExport, shown
from orders.models import Order
from payments.models import Refund


class OrderSheet(SheetExport):
    """A row per order; amounts in its currency. Nothing of it is ever imported."""

    number = shown("number")
    status = shown("status")
    placed_at = shown("placed_at")
    paid_at = shown("paid_at")
    closed_at = shown("closed_at")
    email = shown("email")
    units = shown("units")
    products = shown("products")
    subtotal = shown("subtotal", Amount())
    discount = shown("discount", Amount())
    delivery_cost = shown("delivery_cost", Amount())
    total = shown("total", Amount())
    refunded = shown("refunded", Amount())
    currency = shown("currency")
    coupon = shown("coupon", reads="coupon_name")
    delivery_method = shown("delivery_method")
    tracking = shown("tracking", Plain())

    class Meta:
        model = Order
        fields = (
            *("number", "status", "placed_at", "paid_at", "closed_at", "email"),
            *("units", "products", "subtotal", "discount", "delivery_cost", "total"),
            *("refunded", "currency", "coupon", "delivery_method", "tracking"),
        )

    def get_queryset(self) -> QuerySet[Any]:
        own = Refund.objects.of_sales().filter(order=OuterRef("pk"))
        total = Subquery(own.values("order").values(total=Sum("amount")))
        orders = Order.objects.annotate(refunded=Coalesce(total, 0))
        return orders.prefetch_related("lines", "fulfilments")

    def dehydrate_units(self, order: Order) -> int:
        return sum(line.quantity for line in order.lines.all())

    def dehydrate_products(self, order: Order) -> str:
        return ", ".join(f"{line.quantity} × {line.sku}" for line in order.lines.all())

    def dehydrate_tracking(self, order: Order) -> str:
        parcels = order.fulfilments.all()
        return ", ".join(
            parcel.tracking_number for parcel in parcels if parcel.tracking_number
        )
