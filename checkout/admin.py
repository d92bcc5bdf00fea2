"""Orders, as staff see them and move them on.

They stand here and not in ``orders``, because what staff do with an order is a use case
of checkout, which is above it.
"""

from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.contrib.admin import ShowFacets
from django.contrib.admin.views.main import ChangeList
from django.db.models import (
    CharField,
    Exists,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.models import ADDRESS_FIELDS
from checkout import labels, replaying
from checkout import services as checkout
from checkout.admin_customers import CustomerAdmin as CustomerAdmin
from checkout.admin_filters import (
    AttentionFilter,
    CouponFilter,
    DeliveryFilter,
    PaidFilter,
    TotalFilter,
    presets,
)
from checkout.admin_forms import ShipForm
from checkout.admin_order import OrderPageAdmin
from checkout.admin_payments import PaymentAdmin as PaymentAdmin
from checkout.admin_returns import ReturnAdmin as ReturnAdmin
from checkout.exports import OrderSheet
from checkout.finding import orders_named
from common.admin import ReasonForm, action, display, register, short, tag
from common.admin_sheets import ExportAdmin
from common.audit import Facts
from common.money import money
from common.paging import QuickPaginator
from delivery.models import DeliveryMethod
from orders import services as orders
from orders.models import (
    NEXT_STATUSES,
    Fulfilment,
    Order,
    OrderLine,
    OrderStatus,
)
from outbox.models import Dispatch, Event
from payments.models import Refund

COLOURS = {
    OrderStatus.PENDING: "warn",
    OrderStatus.PAID: "info",
    OrderStatus.PROCESSING: "info",
    OrderStatus.SHIPPED: "info",
    OrderStatus.DELIVERED: "good",
}
# What brings an order into a status.
ACTIONS = {
    OrderStatus.PAID: "mark_paid",
    OrderStatus.PROCESSING: "pack",
    OrderStatus.SHIPPED: "ship",
    OrderStatus.DELIVERED: "deliver",
    OrderStatus.CANCELLED: "cancel",
}


class CancelForm(ReasonForm):
    """Asks why, and what is to become of goods that were paid for."""

    writes_off = forms.BooleanField(
        label=_("The goods cannot be sold again: write them off"), required=False
    )


class PaidForm(forms.Form):
    """Asks how money came past all providers."""

    reason = forms.CharField(
        label=_("How the money came, with its reference"), max_length=200
    )


class NoteForm(forms.Form):
    """Asks for a few words to other staff."""

    text = forms.CharField(
        label=_("Note"), max_length=1000, widget=forms.Textarea(attrs={"rows": 4})
    )


@register(Order)
class OrderAdmin(ExportAdmin[Order], OrderPageAdmin):
    """Nothing of an order is edited; it is moved on, under its lock."""

    exports = {"orders": OrderSheet}

    list_display = [
        "number",
        "shopper",
        "state",
        "items",
        "sum",
        "paid",
        "delivery",
        "tracking",
        "told",
    ]
    list_filter = [
        "status",
        AttentionFilter,
        PaidFilter,
        TotalFilter,
        DeliveryFilter,
        CouponFilter,
    ]
    search_fields = ["number"]
    search_help_text = _("Order number, e-mail address, phone, SKU or tracking number")
    ordering = ["-id"]
    paginator = QuickPaginator
    show_facets = ShowFacets.NEVER
    change_list_template = "admin/orders/list.html"
    actions = [
        "mark_paid",
        "pack",
        "ship",
        "ship_many",
        "ship_part",
        "deliver",
        "cancel",
        "refund",
        "take_return",
        "replay",
        "add_note",
        "print_slips",
    ]
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "state",
                    "customer",
                    "parcel_to",
                    "way",
                    "note",
                    "papers",
                )
            },
        ),
        (_("Money"), {"fields": ("bill", "given_back")}),
        (_("Times"), {"fields": ("placed_at", "expires_at", "paid_at", "closed_at")}),
    )
    readonly_fields = ["state", "customer", "parcel_to", "way", "papers", "bill"]
    readonly_fields += ["given_back"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        lines = OrderLine.objects.filter(order=OuterRef("pk")).order_by()
        parcels = Fulfilment.objects.filter(order=OuterRef("pk")).order_by("-pk")
        ways = DeliveryMethod.objects.filter(code=OuterRef("delivery_method"))
        aggregate = Concat(Value("order/"), Cast(OuterRef("pk"), CharField()))
        dispatches = Dispatch.objects.filter(event__aggregate=aggregate).order_by()
        events = Event.objects.filter(aggregate=aggregate).order_by()
        return (
            super()
            .get_queryset(request)
            .annotate(
                pieces=Subquery(
                    lines.values("order").annotate(n=Sum("quantity")).values("n")
                ),
                parcel=Subquery(parcels.values("tracking_number")[:1]),
                method_name=Subquery(ways.values("name")[:1]),
                # Not given their numbers yet is not told, either.
                is_waiting=Exists(dispatches.waiting())
                | Exists(events.filter(sequence=None)),
                is_dead=Exists(dispatches.dead()),
            )
        )

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        found = super().get_changelist_instance(request)
        # Of the page that is shown: each row can be unfolded.
        rows = cast("QuerySet[Order]", found.result_list)
        found.result_list = rows.prefetch_related("lines")
        return found

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        by_payment = str(self.list_display.index("paid") + 1)
        more: dict[str, Any] = {"presets": presets(request, oldest=by_payment)}
        if self.has_operate_permission(request):
            more["ship_many_url"] = reverse("admin:orders_order_ship_many")
        return super().changelist_view(request, (extra_context or {}) | more)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        if search_term.strip():
            found = orders_named(search_term)
            queryset = queryset.filter(pk__in=found.values("pk"))
        return queryset, False

    def facts(self, obj: Order) -> Facts:
        given_back = Refund.objects.filter(order=obj).aggregate(sum=Sum("amount"))
        return {"status": obj.status, "refunded": given_back["sum"] or 0}

    def has_settle_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may say that money came."""
        return request.user.has_perm("payments.change_payment")

    def offered_actions(self, request: HttpRequest, obj: Order) -> list[str]:
        nexts = NEXT_STATUSES[OrderStatus(obj.status)]
        steps = [name for status, name in ACTIONS.items() if status in nexts]
        if obj.fulfilments.exists():
            # What was sent can only come back.
            steps = [name for name in steps if name != "cancel"]
        told = ["replay"] if obj.paid_at is not None else []
        return [*steps, *self.offered_goods(obj), *told, "add_note"]

    # --- columns and fields ----------------------------------------------------------

    @display(description=_("status"), ordering="status")
    def state(self, order: Order) -> SafeString:
        return status_tag(order.status)

    @display(description=_("customer"), ordering="email")
    def shopper(self, order: Order) -> SafeString:
        name = order.address.get("recipient") or (
            _("Guest") if not order.user_id else ""
        )
        return format_html("{}<br><small>{}</small>", name, order.email)

    @display(description=_("items"))
    def items(self, order: Order) -> SafeString:
        """Count the units; unfolded, the row tells what they are."""
        rows = [
            (line.quantity, line.name, line.sku, money(line.line_total))
            for line in sorted(order.lines.all(), key=lambda line: line.pk)
        ]
        lines = format_html_join("", "<li>{} × {} <small>{} {}</small></li>", rows)
        note = format_html("<p>{}</p>", order.note) if order.note else ""
        pieces = int(getattr(order, "pieces", 0) or 0)
        return format_html(
            '<details class="lines"><summary>{}</summary><ul>{}</ul>{}</details>',
            ngettext("%(n)s item", "%(n)s items", pieces) % {"n": pieces},
            lines,
            note,
        )

    @display(description=_("total"), ordering="total")
    def sum(self, order: Order) -> str:
        return money(order.total)

    @display(description=_("paid"), ordering="paid_at")
    def paid(self, order: Order) -> str:
        return short(order.paid_at)

    @display(description=_("delivery"), ordering="delivery_method")
    def delivery(self, order: Order) -> str:
        return getattr(order, "method_name", None) or order.delivery_method or "–"

    @display(description=_("delivery"))
    def way(self, order: Order) -> str:
        name = self.delivery(order)
        if order.deliver_by is None:
            return name
        day = date_format(order.deliver_by, "j M Y")
        return str(_("%(way)s, promised by %(day)s") % {"way": name, "day": day})

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

    # --- actions ---------------------------------------------------------------------

    @action(_("Mark as paid…"), permission="settle")
    def mark_paid(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse:
        """Note that the whole total came past all providers."""
        return self.ask(
            request,
            queryset,
            form=PaidForm,
            title=_("Mark as paid"),
            do=lambda order, given: checkout.pay_by_hand(
                order_id=order.pk, reason=given["reason"], actor_id=request.user.pk
            ),
        )

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
            form=CancelForm,
            title=_("Cancel and give the money back"),
            do=lambda order, given: checkout.cancel(
                order_id=order.pk,
                user_id=None,
                actor_id=request.user.pk,
                reason=given["reason"],
                writes_off=given["writes_off"],
            ),
        )

    @action(_("Send to the data platform again"))
    def replay(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda order: replaying.tell_platform_again(order_id=order.pk),
            _("Send to the data platform again"),
        )

    @action(_("Add a note…"))
    def add_note(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self.ask(
            request,
            queryset,
            form=NoteForm,
            title=_("Add a note"),
            do=lambda order, given: orders.note_down(
                order, given["text"], author_id=cast(int, request.user.pk)
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
