"""Invoices and packing slips, for the screen, for paper and as PDF.

One template of each serves all three. Everything on them is as it was ordered; only
what was paid back since is read anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from checkout.standing import standing_of
from common.days import shop_day
from common.money import money
from common.pdf import pdf_of
from delivery.models import DeliveryMethod
from orders import invoicing
from orders.models import Fulfilment, FulfilmentLine, Invoice, Order
from payments.models import Payment, Refund
from promotions.pricing import PromotionKind

INVOICE = "documents/invoice.html"
PACKING_SLIPS = "documents/packing_slips.html"
# A word longer than this does not fit into its column, and is broken anywhere.
LONGEST_WORD = 28
STYLES = settings.BASE_DIR / "static" / "css" / "document.css"


@dataclass(frozen=True, slots=True)
class Line:
    """A row: how many of what, and on an invoice for how much."""

    name: str
    sku: str
    quantity: int
    unit_price: str = ""
    discount: str = ""
    amount: str = ""

    @property
    def has_long_word(self) -> bool:
        """Tell whether the name has to be broken within a word."""
        return any(len(word) > LONGEST_WORD for word in self.name.split())


@dataclass(frozen=True, slots=True)
class Slip:
    """What goes into one parcel, or what is left to be sent."""

    number: str
    placed_on: date
    address: Sequence[str]
    delivery: str
    parcel: str
    lines: Sequence[Line]

    @property
    def pieces(self) -> int:
        """How many units that is altogether."""
        return sum(line.quantity for line in self.lines)


def invoice_of(order: Order) -> dict[str, Any] | None:
    """Return what stands on an order's invoice; ``None`` if it was never paid.

    ``order.lines`` are read if they are not there yet.
    """
    invoice = invoicing.issue_now(order.pk) if order.paid_at else None
    if invoice is None:
        return None
    refunds = list(Refund.objects.of_sales().filter(order=order).order_by("pk"))
    back = sum(refund.amount for refund in refunds)
    return {
        "order": order,
        "title": _("Invoice %(number)s") % {"number": invoice.number},
        "dates": _dates(order, invoice),
        "merchant": _merchant(),
        "address": _address_lines(order.address),
        "lines": _invoice_lines(order),
        "sums": _sums(order),
        "payments": _payments(order),
        "refunds": [_refund(refund) for refund in refunds],
        "kept": money(order.total - back) if refunds else "",
        "total": money(order.total),
    }


def packing_slips_of(orders: Sequence[Order]) -> dict[str, Any]:
    """Return a slip for each order with what is left to send of it."""
    slips = []
    for order in orders:
        to_send = standing_of(order.pk).to_send
        slips.append(_slip(order, to_send, parcel=""))
    return _slips(slips)


def packing_slip_of_parcel(parcel: Fulfilment) -> dict[str, Any]:
    """Return the slip with what is in a parcel."""
    inside = FulfilmentLine.objects.filter(fulfilment=parcel)
    quantities = dict(inside.values_list("order_line_id", "quantity"))
    name = f"{parcel.carrier} {parcel.tracking_number}".strip()
    return _slips([_slip(parcel.order, quantities, parcel=name)])


def page_of(template: str, context: Mapping[str, Any]) -> str:
    """Write a document in the reader's language, for a browser and its printer."""
    return render_to_string(template, {**context, "shop": settings.SHOP_NAME})


def file_of(template: str, context: Mapping[str, Any]) -> bytes:
    """Write a document as PDF; raise ``PrinterBusy`` rather than take long."""
    return pdf_of(
        render_to_string(
            template, {**context, "shop": settings.SHOP_NAME, "styles": _styles()}
        )
    )


@cache
def _styles() -> str:
    return str(STYLES.read_text())


def _slips(slips: Sequence[Slip]) -> dict[str, Any]:
    return {"title": _("Packing slip"), "merchant": _merchant(), "slips": slips}


def _slip(order: Order, quantities: Mapping[int, int], *, parcel: str) -> Slip:
    method = DeliveryMethod.objects.filter(code=order.delivery_method).first()
    return Slip(
        number=order.number,
        placed_on=shop_day(order.placed_at),
        address=_address_lines(order.address),
        delivery=method.name if method else order.delivery_method,
        parcel=parcel,
        lines=[
            Line(line.name, line.sku, quantities[line.pk])
            for line in sorted(order.lines.all(), key=lambda line: line.pk)
            if quantities.get(line.pk)
        ],
    )


def _merchant() -> dict[str, Any]:
    address = settings.SHOP_LEGAL_ADDRESS.split(";")
    return {
        "name": settings.SHOP_LEGAL_NAME,
        "address": [part.strip() for part in address if part.strip()],
        "tax_id": settings.SHOP_TAX_ID,
    }


def _dates(order: Order, invoice: Invoice) -> list[tuple[str, date]]:
    paid_at = order.paid_at or invoice.issued_at
    return [
        (_("Issued"), shop_day(invoice.issued_at)),
        (_("Paid"), shop_day(paid_at)),
        (_("Ordered"), shop_day(order.placed_at)),
    ]


def _address_lines(address: Mapping[str, str]) -> list[str]:
    street = ", ".join(
        part for name in ("line1", "line2") if (part := address.get(name, ""))
    )
    town = f"{address.get('postal_code', '')} {address.get('city', '')}".strip()
    lines = [
        address.get("recipient", ""),
        street,
        town,
        address.get("country", ""),
        address.get("phone", ""),
    ]
    return [line for line in lines if line]


def _invoice_lines(order: Order) -> list[Line]:
    return [
        Line(
            name=line.name,
            sku=line.sku,
            quantity=line.quantity,
            unit_price=money(line.unit_price),
            discount=money(-line.discount_share) if line.discount_share else "",
            amount=money(line.line_total - line.discount_share),
        )
        for line in sorted(order.lines.all(), key=lambda line: line.pk)
    ]


def _sums(order: Order) -> list[tuple[str, str]]:
    sums = [(_("Products"), money(order.subtotal))]
    if order.discount:
        names = ", ".join(
            str(step["label"])
            for step in order.adjustments
            if step["kind"] != "delivery"
            and step.get("rule") != PromotionKind.FREE_DELIVERY
        )
        label = f"{_('Discount')}: {names}" if names else _("Discount")
        sums.append((label, money(-order.discount)))
    return [*sums, (_("Delivery"), money(order.delivery_cost))]


def _payments(order: Order) -> list[tuple[str, str]]:
    paid = Payment.objects.settled().filter(order=order).order_by("captured_at", "pk")
    return [
        (str(payment.get_method_display()), money(payment.amount)) for payment in paid
    ]


def _refund(refund: Refund) -> tuple[date, str]:
    # Its reason is between staff.
    return shop_day(refund.refunded_at), money(-refund.amount)
