"""Stock, changed with a reason only, the journal of why, and who waits for it."""

from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from catalog.models import Product
from common.admin import (
    ModelAdmin,
    ReadOnlyAdmin,
    ReasonForm,
    action,
    display,
    register,
    tag,
)
from inventory import services as inventory
from inventory.models import (
    LOW_STOCK,
    STAFF_KINDS,
    AlertState,
    Hold,
    HoldState,
    MovementKind,
    RefusedMessages,
    RestockAlert,
    SourceVersion,
    Stock,
    StockMovement,
)

STOCK_FIELDS = (
    "product",
    "on_hand",
    "reserved",
    "left",
    "waiting_shoppers",
    "kept_units",
    "version",
)
STAFF_CHOICES = [(kind.value, kind.label) for kind in STAFF_KINDS]


class AdjustForm(ReasonForm):
    """Asks what happened to the goods, to how many of them, and why."""

    kind = forms.ChoiceField(label=_("What happened"), choices=STAFF_CHOICES)
    delta = forms.IntegerField(
        label=_("Pieces more or, with a minus, fewer"),
        min_value=-(10**9),
        max_value=10**9,
    )
    field_order = ["kind", "delta", "reason"]


class FirstStockForm(forms.ModelForm[Stock]):
    """Takes a product into stock for the first time."""

    product = forms.ModelChoiceField(Product.objects.filter(stock__isnull=True))
    received = forms.IntegerField(
        label=_("Pieces received"), min_value=1, max_value=10**9
    )
    reason = forms.CharField(label=_("Reason"), max_length=200)

    class Meta:
        model = Stock
        fields = ["product"]


class LowStockFilter(SimpleListFilter):
    """Keeps what will be gone soon, or is."""

    title = _("stock")
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("low", _("Low")), ("none", _("Sold out"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Stock]
    ) -> QuerySet[Stock]:
        if self.value() == "low":
            return queryset.filter(pk__in=Stock.objects.low())
        if self.value() == "none":
            return queryset.filter(on_hand__lte=F("reserved"))
        return queryset


@register(Stock)
class StockAdmin(ModelAdmin[Stock]):
    """On hand, reserved and available, side by side; adjusted, never edited."""

    list_display = [
        "sku",
        "product",
        "on_hand",
        "reserved",
        "left",
        "level",
        "waiting_shoppers",
    ]
    list_display_links = ["sku", "product"]
    list_select_related = ["product"]
    list_filter = [LowStockFilter]
    search_fields = ["=product__sku", "product__name"]
    ordering = ["-product_id"]
    actions = ["adjust"]
    object_actions = ["adjust"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Stock]:
        stocks = super().get_queryset(request).select_related("product")
        return stocks.annotate(
            left=F("on_hand") - F("reserved"),
            waiting=_number_of(RestockAlert.objects.waiting()),
            kept=_number_of(Hold.objects.active()),
        )

    def get_fields(self, request: HttpRequest, obj: Stock | None = None) -> list[Any]:
        return ["product", "received", "reason"] if obj is None else [*STOCK_FIELDS]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Stock | None = None
    ) -> list[str]:
        return [] if obj is None else [*STOCK_FIELDS]

    def get_form(
        self,
        request: HttpRequest,
        obj: Stock | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        if obj is None:
            return FirstStockForm
        return super().get_form(request, obj, change=change, **kwargs)

    def save_model(
        self, request: HttpRequest, obj: Stock, form: Any, change: Any
    ) -> None:
        if change:
            return
        inventory.adjust(
            product_id=obj.product_id,
            kind=MovementKind.RECEIVED,
            delta=form.cleaned_data["received"],
            reason=form.cleaned_data["reason"],
            actor_id=request.user.pk,
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("SKU"), ordering="product__sku")
    def sku(self, stock: Stock) -> str:
        return stock.product.sku

    @display(description=_("available"), ordering="left")
    def left(self, stock: Stock) -> int:
        return stock.available

    @display(description=_("waiting"), ordering="waiting")
    def waiting_shoppers(self, stock: Any) -> SafeString | int:
        return _link("restockalert", stock, stock.waiting, AlertState.WAITING)

    @display(description=_("kept for shoppers"))
    def kept_units(self, stock: Any) -> SafeString | int:
        return _link("hold", stock, stock.kept, HoldState.ACTIVE)

    @display(description=_("level"))
    def level(self, stock: Stock) -> Any:
        if not stock.available:
            return tag("bad", _("Sold out"))
        if stock.available <= LOW_STOCK:
            return tag("warn", _("Low"))
        return tag("good", _("Enough"))

    @action(_("Adjust stock…"))
    def adjust(self, request: HttpRequest, queryset: QuerySet[Stock]) -> HttpResponse:
        return self.ask(
            request,
            queryset,
            form=AdjustForm,
            title=_("Adjust stock"),
            do=lambda stock, given: inventory.adjust(
                product_id=stock.product_id,
                kind=MovementKind(given["kind"]),
                delta=given["delta"],
                reason=given["reason"],
                actor_id=request.user.pk,
            ),
        )


def _number_of(rows: QuerySet[Any]) -> Coalesce:
    own = rows.filter(product=OuterRef("product")).order_by().values("product")
    return Coalesce(Subquery(own.values(number=Count("pk"))), 0)


def _link(model: str, stock: Stock, number: int, state: str) -> SafeString | int:
    if not number:
        return number
    page = reverse(f"admin:inventory_{model}_changelist")
    query = f"?product__id__exact={stock.product_id}&state__exact={state}"
    return format_html('<a href="{}">{}</a>', page + query, number)


@register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin[StockMovement]):
    """The journal: its sum is the stock."""

    list_display = [
        "moved_at",
        "product",
        "kind",
        "on_hand_delta",
        "reserved_delta",
        "on_hand_after",
        "reserved_after",
        "order",
        "reference",
        "reason",
        "actor",
    ]
    list_select_related = ["product", "order", "actor"]
    list_filter = ["kind", "moved_at"]
    search_fields = ["=product__sku", "=order__number", "reason"]
    ordering = ["-id"]


@register(RestockAlert)
class RestockAlertAdmin(ReadOnlyAdmin[RestockAlert]):
    """Who waits for what, in the order they are served."""

    list_display = [
        "created_at",
        "product",
        "user",
        "email",
        "language",
        "state",
        "offered_at",
    ]
    list_select_related = ["product", "user"]
    list_filter = ["state", "created_at"]
    search_fields = ["=product__sku", "=email", "=user__email"]
    ordering = ["-id"]

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        # The page of a stock leads to its product's.
        return lookup == "product__id__exact" or super().lookup_allowed(
            lookup, value, request
        )


@register(Hold)
class HoldAdmin(ReadOnlyAdmin[Hold]):
    """What is kept for whom, until when, and what became of it."""

    list_display = [
        "created_at",
        "product",
        "user",
        "email",
        "quantity",
        "state",
        "expires_at",
        "order",
    ]
    list_select_related = ["product", "user", "order"]
    list_filter = ["state", "created_at"]
    search_fields = ["=product__sku", "=email", "=user__email", "=order__number"]
    ordering = ["-id"]

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        return lookup == "product__id__exact" or super().lookup_allowed(
            lookup, value, request
        )


@register(SourceVersion)
class SourceVersionAdmin(ReadOnlyAdmin[SourceVersion]):
    """How far each outside system has told us of each product."""

    list_display = [
        "source",
        "product",
        "aspect",
        "version",
        "taken",
        "repeated",
        "heard_at",
    ]
    list_select_related = ["product"]
    list_filter = ["source", "aspect", "heard_at"]
    search_fields = ["=product__sku", "product__name"]
    ordering = ["-heard_at", "-id"]


@register(RefusedMessages)
class RefusedMessagesAdmin(ReadOnlyAdmin[RefusedMessages]):
    """What nobody could take; `manage.py dead_products` shows the messages."""

    list_display = ["day", "code", "count", "last_reason", "last_at"]
    list_filter = ["day", "code"]
    ordering = ["-day", "code"]
