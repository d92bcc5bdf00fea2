"""The page of an order: what was bought, what became of it, and what was told of it."""

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from checkout.admin_forms import INLINE
from checkout.admin_goods import FulfilmentInline, ReturnInline
from checkout.admin_shipping import ShippingAdmin
from checkout.admin_timeline import timeline_of
from common import dossier
from common.admin import ReadOnlyInline, display, short, tag
from common.dossier import Panel, Row, Sees
from common.money import money
from inventory.models import StockMovement
from orders.models import Order, OrderLine
from outbox.models import Dispatch, Event
from payments.models import LegState, Payment, Refund
from points.models import LedgerEntry

LEG_COLOURS = {LegState.PENDING: "info", LegState.DONE: "good", LegState.REFUSED: "bad"}


class LineInline(ReadOnlyInline[OrderLine]):
    """What was bought, as it was."""

    model = OrderLine
    template = INLINE
    verbose_name_plural = _("order lines")
    fields = ["sku", "name", "price", "quantity", "total", "discount"]
    readonly_fields = ["price", "total", "discount"]
    ordering = ["id"]

    @display(description=_("unit price"))
    def price(self, line: OrderLine) -> str:
        return money(line.unit_price)

    @display(description=_("total"))
    def total(self, line: OrderLine) -> str:
        return money(line.line_total)

    @display(description=_("discount"))
    def discount(self, line: OrderLine) -> str:
        return money(line.discount_share)


class PaymentInline(ReadOnlyInline[Payment]):
    """How it was paid."""

    model = Payment
    template = INLINE
    fields = ["method", "sum", "given_back", "state", "captured_at", "note"]
    readonly_fields = ["sum", "given_back"]
    show_change_link = True

    @display(description=_("amount"))
    def sum(self, payment: Payment) -> str:
        return money(payment.amount)

    @display(description=_("refunded"))
    def given_back(self, payment: Payment) -> str:
        return money(payment.refunded)


class RefundInline(ReadOnlyInline[Refund]):
    """What was given back, why, and where it went."""

    model = Refund
    template = INLINE
    fields = ["refunded_at", "sum", "reason", "by", "ways"]
    readonly_fields = ["sum", "by", "ways"]
    show_change_link = True
    ordering = ["id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        refunds = super().get_queryset(request).select_related("actor")
        return refunds.prefetch_related("legs__payment")

    @display(description=_("amount"))
    def sum(self, refund: Refund) -> str:
        return money(refund.amount)

    @display(description=_("by"))
    def by(self, refund: Refund) -> str:
        return str(refund.actor or _("the shop"))

    @display(description=_("back to"))
    def ways(self, refund: Refund) -> SafeString:
        rows = [
            (
                leg.payment.get_method_display(),
                money(leg.amount),
                tag(LEG_COLOURS[LegState(leg.state)], leg.get_state_display()),
                leg.note,
            )
            for leg in refund.legs.all()
        ]
        return format_html_join(SafeString("<br>"), "{}: {} {} {}", rows)


class StockMovementInline(ReadOnlyInline[StockMovement]):
    """What it did to the stock."""

    model = StockMovement
    template = INLINE
    verbose_name_plural = _("stock movements")
    fields = ["moved_at", "product", "kind", "on_hand_delta", "reserved_delta"]
    ordering = ["id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockMovement]:
        return super().get_queryset(request).select_related("product")


class OrderPageAdmin(ShippingAdmin):
    """Shows all of an order on one page; each part to those who may see it."""

    change_form_template = "admin/orders/order.html"
    inlines = [
        LineInline,
        PaymentInline,
        RefundInline,
        FulfilmentInline,
        ReturnInline,
        StockMovementInline,
    ]

    def get_inlines(self, request: HttpRequest, obj: Order | None = None) -> Any:
        # A table without a row tells nothing.
        empty = set[Any]()
        if obj is not None:
            empty |= {FulfilmentInline} if not obj.fulfilments.exists() else set()
            empty |= {ReturnInline} if not obj.returns.exists() else set()
            empty |= {RefundInline} if not obj.refunds.exists() else set()
        return [inline for inline in self.inlines if inline not in empty]

    def beside(self, request: HttpRequest, obj: Order) -> dict[str, Any]:
        return {
            "timeline": timeline_of(obj, request.user.has_perm),
            "panels": panels_of(obj, request.user.has_perm),
        }


def panels_of(order: Order, sees: Sees) -> list[Panel]:
    """Return the tables of what points to an order without being a part of it."""
    panels = []
    if sees("points.view_ledgerentry") and order.user_id:
        panels.append(_ledger(order))
    for chapter in dossier.chapters("order", str(order.pk), sees):
        panels += chapter.panels
    if sees("outbox.view_event"):
        panels.append(_outbox(order))
    return [panel for panel in panels if panel.rows]


def _ledger(order: Order) -> Panel:
    entries = LedgerEntry.objects.filter(
        account_id=order.user_id, reference=order.number
    )
    return Panel(
        title=_("Points"),
        columns=(_("time"), _("kind"), _("amount"), _("balance after")),
        rows=[
            Row(
                [
                    short(entry.created_at),
                    entry.get_kind_display(),
                    f"{entry.amount:+,}",
                    f"{entry.balance_after:,}",
                ]
            )
            for entry in entries.order_by("pk")
        ],
    )


def _outbox(order: Order) -> Panel:
    events = Event.objects.filter(aggregate=f"order/{order.pk}").order_by("position")
    return Panel(
        title=_("Told to others"),
        columns=(_("time"), _("topic"), _("to whom")),
        rows=[
            Row([short(event.occurred_at), _linked(event), _ways(event)])
            for event in events.prefetch_related("dispatches")
        ],
    )


def _linked(event: Event) -> SafeString:
    url = reverse("admin:outbox_event_change", args=[event.pk])
    return format_html('<a href="{}">{}</a>', url, event.topic)


def _ways(event: Event) -> SafeString:
    dispatches: Sequence[Dispatch] = sorted(event.dispatches.all(), key=lambda d: d.pk)
    rows = [(_state(dispatch), _subscriber(dispatch)) for dispatch in dispatches]
    if event.sequence is None:
        rows = [(tag("warn", _("On its way")), "")]
    return format_html_join(SafeString("<br>"), "{} {}", rows)


def _state(dispatch: Dispatch) -> SafeString:
    if dispatch.delivered_at is not None:
        return tag("good", short(dispatch.delivered_at))
    if dispatch.dead_at is not None:
        return tag("bad", _("Given up"))
    return tag("warn", _("On its way"))


def _subscriber(dispatch: Dispatch) -> str:
    if dispatch.last_error and dispatch.delivered_at is None:
        return f"{dispatch.subscriber}: {dispatch.last_error[:100]}"
    return dispatch.subscriber
