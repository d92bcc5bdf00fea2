"""Orders, as staff see them and move them on.

They stand here and not in ``orders``, because what staff do with an order is a use case
of checkout, which is above it.
"""

from collections.abc import Callable
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.db.models import (
    CharField,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.models import ADDRESS_FIELDS
from checkout import labels
from checkout import services as checkout
from checkout.admin_customers import CustomerAdmin as CustomerAdmin
from checkout.admin_goods import (
    FulfilmentInline,
    GoodsAdmin,
    ReturnInline,
    ShipForm,
)
from checkout.admin_payments import PaymentAdmin as PaymentAdmin
from checkout.admin_returns import ReturnAdmin as ReturnAdmin
from common.admin import (
    ReadOnlyInline,
    ReasonForm,
    action,
    display,
    register,
    short,
    tag,
)
from common.money import money
from inventory.models import StockMovement
from orders.models import (
    NEXT_STATUSES,
    AddressChange,
    Fulfilment,
    Order,
    OrderEvent,
    OrderLine,
    OrderStatus,
)
from outbox.models import Dispatch
from payments.models import Payment, Refund
from points.models import LedgerEntry

COLOURS = {
    OrderStatus.PENDING: "warn",
    OrderStatus.PAID: "info",
    OrderStatus.PROCESSING: "info",
    OrderStatus.SHIPPED: "info",
    OrderStatus.DELIVERED: "good",
}
# What brings an order into a status.
ACTIONS = {
    OrderStatus.PROCESSING: "pack",
    OrderStatus.SHIPPED: "ship",
    OrderStatus.DELIVERED: "deliver",
    OrderStatus.CANCELLED: "cancel",
}


class AttentionFilter(SimpleListFilter):
    """Keeps the orders that somebody should look at."""

    title = _("attention")
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("expiring", _("Unpaid, about to expire")), ("late", _("Paid, late"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> QuerySet[Order]:
        if self.value() == "expiring":
            return queryset.filter(pk__in=Order.objects.expiring().values("pk"))
        if self.value() == "late":
            return queryset.filter(pk__in=Order.objects.late().values("pk"))
        return queryset


class LineInline(ReadOnlyInline[OrderLine]):
    """What was bought, as it was."""

    model = OrderLine
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


class TimelineInline(ReadOnlyInline[OrderEvent]):
    """What happened, by whom and why."""

    model = OrderEvent
    verbose_name_plural = _("timeline")
    fields = ["happened_at", "step", "actor", "reason"]
    readonly_fields = ["step"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderEvent]:
        return super().get_queryset(request).select_related("actor")

    @display(description=_("status"))
    def step(self, event: OrderEvent) -> SafeString:
        return status_tag(event.to_status)


class AddressChangeInline(ReadOnlyInline[AddressChange]):
    """Where it would have gone before its shopper sent it elsewhere."""

    model = AddressChange
    verbose_name_plural = _("addresses before")
    fields = ["happened_at", "address", "actor"]
    readonly_fields = ["address"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[AddressChange]:
        return super().get_queryset(request).select_related("actor")

    @display(description=_("address"))
    def address(self, change: AddressChange) -> str:
        return ", ".join(str(part) for part in change.before.values() if part)


class PaymentInline(ReadOnlyInline[Payment]):
    """How it was paid."""

    model = Payment
    fields = ["method", "sum", "given_back", "state", "captured_at"]
    readonly_fields = ["sum", "given_back"]

    @display(description=_("amount"))
    def sum(self, payment: Payment) -> str:
        return money(payment.amount)

    @display(description=_("refunded"))
    def given_back(self, payment: Payment) -> str:
        return money(payment.refunded)


class StockMovementInline(ReadOnlyInline[StockMovement]):
    """What it did to the stock."""

    model = StockMovement
    fields = ["moved_at", "product", "kind", "on_hand_delta", "reserved_delta"]
    ordering = ["id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[StockMovement]:
        return super().get_queryset(request).select_related("product")


@register(Order)
class OrderAdmin(GoodsAdmin):
    """Nothing of an order is edited; it is moved on, under its lock."""

    list_display = [
        "number",
        "email",
        "state",
        "items",
        "sum",
        "placed",
        "paid",
        "tracking",
        "told",
    ]
    list_filter = ["status", AttentionFilter, "paid_at"]
    search_fields = ["number"]
    search_help_text = _("Order number, e-mail address, SKU or tracking number")
    ordering = ["-id"]
    actions = [
        "pack",
        "ship",
        "ship_part",
        "deliver",
        "cancel",
        "refund",
        "take_return",
        "print_slips",
    ]
    inlines = [
        LineInline,
        TimelineInline,
        AddressChangeInline,
        PaymentInline,
        FulfilmentInline,
        ReturnInline,
        StockMovementInline,
    ]
    fieldsets = (
        (
            None,
            {"fields": ("state", "customer", "parcel_to", "delivery_method", "papers")},
        ),
        (_("Money"), {"fields": ("bill", "given_back", "ledger")}),
        (_("Times"), {"fields": ("placed_at", "expires_at", "paid_at", "closed_at")}),
    )
    readonly_fields = [
        "state",
        "customer",
        "parcel_to",
        "papers",
        "bill",
        "given_back",
        "ledger",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        lines = OrderLine.objects.filter(order=OuterRef("pk")).order_by()
        parcels = Fulfilment.objects.filter(order=OuterRef("pk")).order_by("-pk")
        aggregate = Concat(Value("order/"), Cast(OuterRef("pk"), CharField()))
        untold = Dispatch.objects.filter(
            aggregate=aggregate, delivered_at__isnull=True
        ).order_by()
        return (
            super()
            .get_queryset(request)
            .select_related("user")
            .annotate(
                pieces=Subquery(
                    lines.values("order").annotate(n=Sum("quantity")).values("n")
                ),
                parcel=Subquery(parcels.values("tracking_number")[:1]),
                is_waiting=Exists(untold.filter(dead_at__isnull=True)),
                is_dead=Exists(untold.filter(dead_at__isnull=False)),
            )
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Search what each kind of term could be, by index, without joining."""
        term = search_term.strip()
        if not term:
            return queryset, False
        lines = OrderLine.objects.filter(sku__iexact=term)
        parcels = Fulfilment.objects.filter(tracking_number=term)
        return queryset.filter(
            Q(number=term.upper())
            | Q(email__icontains=term)
            | Q(pk__in=lines.values("order"))
            | Q(pk__in=parcels.values("order"))
        ), False

    def offered_actions(self, request: HttpRequest, obj: Order) -> list[str]:
        nexts = NEXT_STATUSES[OrderStatus(obj.status)]
        steps = [name for status, name in ACTIONS.items() if status in nexts]
        if obj.fulfilments.exists():
            # What was sent can only come back.
            steps = [name for name in steps if name != "cancel"]
        return steps + self.offered_goods(obj)

    # --- columns and fields ----------------------------------------------------------

    @display(description=_("status"), ordering="status")
    def state(self, order: Order) -> SafeString:
        return status_tag(order.status)

    @display(description=_("items"), ordering="pieces")
    def items(self, order: Order) -> int:
        return int(getattr(order, "pieces", 0) or 0)

    @display(description=_("total"), ordering="total")
    def sum(self, order: Order) -> str:
        return money(order.total)

    @display(description=_("placed"), ordering="placed_at")
    def placed(self, order: Order) -> str:
        return short(order.placed_at)

    @display(description=_("paid"), ordering="paid_at")
    def paid(self, order: Order) -> str:
        return short(order.paid_at)

    @display(description=_("tracking"))
    def tracking(self, order: Order) -> str:
        return getattr(order, "parcel", "") or "–"

    @display(description=_("told others"))
    def told(self, order: Order) -> SafeString:
        if getattr(order, "is_dead", False):
            return tag("bad", _("Given up"))
        if getattr(order, "is_waiting", False):
            return tag("warn", _("On its way"))
        return tag("good", _("Yes"))

    @display(description=_("customer"))
    def customer(self, order: Order) -> SafeString | str:
        if order.user_id is None:
            return order.email
        url = reverse("admin:accounts_user_change", args=[order.user_id])
        return format_html('<a href="{}">{}</a>', url, order.email)

    @display(description=_("address"))
    def parcel_to(self, order: Order) -> SafeString | str:
        lines = [(order.address.get(name),) for name in ADDRESS_FIELDS]
        lines = [line for line in lines if line[0]]
        return format_html_join(SafeString("<br>"), "{}", lines) or "–"

    @display(description=_("bill"))
    def bill(self, order: Order) -> SafeString:
        steps = [(str(_("Goods")), money(order.subtotal))]
        steps += [
            (str(step["label"]), money(step["amount"])) for step in order.adjustments
        ]
        steps += [(str(_("Total")), money(order.total))]
        rows = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", steps)
        return format_html('<table class="bill">{}</table>', rows)

    @display(description=_("refunds"))
    def given_back(self, order: Order) -> SafeString | str:
        refunds = Refund.objects.filter(order=order).select_related("actor")
        rows = [
            (money(refund.amount), refund.reason, refund.actor or _("the shop"))
            for refund in refunds
        ]
        return format_html_join(SafeString("<br>"), "{} ({}, {})", rows) or "–"

    @display(description=_("points"))
    def ledger(self, order: Order) -> SafeString | str:
        entries = LedgerEntry.objects.filter(
            account_id=order.user_id, reference=order.number
        ).order_by("pk")
        rows = [
            (entry.get_kind_display(), f"{entry.amount:+,}", f"{entry.balance_after:,}")
            for entry in entries
        ]
        return format_html_join(SafeString("<br>"), "{} {} → {}", rows) or "–"

    # --- actions ---------------------------------------------------------------------

    @action(_("Begin to pack"))
    def pack(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._move_on(request, queryset, checkout.pack, _("Begin to pack"))

    @action(_("Ship…"))
    def ship(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        asked = ShipForm(request.POST)
        if "confirmed" in request.POST and asked.is_valid():
            given = asked.cleaned_data
            if given["carrier_code"]:
                # The carrier is called: no transaction may be open meanwhile.
                return self.do_to_each(
                    request,
                    queryset,
                    lambda order: labels.ship_with(
                        order_id=order.pk,
                        carrier_code=given["carrier_code"],
                        service=given["service"],
                        actor_id=request.user.pk,
                    ),
                    _("Ship"),
                    calls_out=True,
                )
        return self.ask(
            request,
            queryset,
            form=ShipForm,
            title=_("Ship"),
            do=lambda order, given: checkout.ship(
                order_id=order.pk,
                carrier=given["carrier"],
                tracking_number=given["tracking_number"],
                actor_id=request.user.pk,
            ),
        )

    @action(_("Delivered"))
    def deliver(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._move_on(request, queryset, checkout.deliver, _("Delivered"))

    @action(_("Cancel and give the money back…"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self.ask(
            request,
            queryset,
            form=ReasonForm,
            title=_("Cancel and give the money back"),
            do=lambda order, given: checkout.cancel(
                order_id=order.pk,
                user_id=None,
                actor_id=request.user.pk,
                reason=given["reason"],
            ),
        )

    def _move_on(
        self,
        request: HttpRequest,
        queryset: QuerySet[Order],
        step: Callable[..., Order],
        title: Any,
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda order: step(order_id=order.pk, actor_id=request.user.pk),
            title,
        )


def status_tag(status: str) -> SafeString:
    """Write a status as a tag."""
    known = OrderStatus(status)
    return tag(COLOURS.get(known, "off"), known.label)
