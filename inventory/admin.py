"""Stock, changed with a reason only, the journal of why, and who waits for it."""

from typing import Any, cast

from django import forms
from django.contrib.admin import SimpleListFilter
from django.db.models import Count, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from catalog.models import Product
from common.admin import (
    ReadOnlyAdmin,
    ReasonForm,
    action,
    display,
    register,
    short,
    tag,
)
from common.admin_sheets import ImportAdmin
from inventory import services as inventory
from inventory.admin_products import StockedProductAdmin as StockedProductAdmin
from inventory.admin_products import journal_of
from inventory.errors import AdjustmentInvalid
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
from inventory.sheets import StockSheet

STOCK_FIELDS = (
    "product",
    "on_hand",
    "reserved",
    "left",
    "waiting_shoppers",
    "kept_units",
    "version",
    "journal",
)
MOST = 10**9
STAFF_CHOICES = [(kind.value, kind.label) for kind in STAFF_KINDS]


class AdjustManyForm(ReasonForm):
    """Asks what happened to the goods, to how many of each, and why."""

    kind = forms.ChoiceField(label=_("What happened"), choices=STAFF_CHOICES)
    delta = forms.IntegerField(
        label=_("Pieces more or, with a minus, fewer"), min_value=-MOST, max_value=MOST
    )
    reference = forms.CharField(
        label=_("Reference"),
        max_length=64,
        required=False,
        help_text=_("A delivery note, a claim, a list: what it can be looked up by."),
    )
    reason = forms.CharField(label=_("Note"), max_length=200)
    field_order = ["kind", "delta", "counted", "reference", "reason"]


class AdjustForm(AdjustManyForm):
    """Takes what was counted on the shelf as well, for one product at a time."""

    counted = forms.IntegerField(
        label=_("Or: pieces counted on the shelf"),
        min_value=0,
        max_value=MOST,
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["delta"].required = False

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if self.errors:
            return given
        if (given["delta"] is None) == (given["counted"] is None):
            self.add_error(
                "delta", str(_("Say how many more or fewer, or how many there are."))
            )
        elif given["counted"] is not None and given["kind"] != MovementKind.COUNTED:
            self.add_error(
                "counted", str(_("This is for goods that were counted: choose that."))
            )
        return given


class FirstStockForm(forms.ModelForm[Stock]):
    """Takes a product into stock for the first time."""

    product = forms.ModelChoiceField(Product.objects.filter(stock__isnull=True))
    received = forms.IntegerField(
        label=_("Pieces received"), min_value=1, max_value=10**9
    )
    reference = forms.CharField(label=_("Reference"), max_length=64, required=False)
    reason = forms.CharField(label=_("Note"), max_length=200)

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
class StockAdmin(ImportAdmin[Stock]):
    """On hand, reserved and available, side by side; adjusted, never edited."""

    exports = {"stock": StockSheet}
    imports = {"stock": StockSheet}
    import_permissions = {"stock": ("inventory.change_stock",)}
    import_help = {
        "stock": _(
            "Each row is a movement: “change” by so many pieces of the kind received,"
            " corrected, damaged, lost or brought_back, or “counted” as they lie there."
        )
    }

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
        if obj is None:
            return ["product", "received", "reference", "reason"]
        return [*STOCK_FIELDS]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        # The page of a product that was never in stock leads here.
        return {"product": request.GET.get("product", "")}

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
            reference=form.cleaned_data["reference"],
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

    @display(description=_("movements"))
    def journal(self, stock: Stock) -> SafeString:
        return journal_of(stock.product_id)

    @display(description=_("level"))
    def level(self, stock: Stock) -> Any:
        if not stock.available:
            return tag("bad", _("Sold out"))
        if stock.available <= LOW_STOCK:
            return tag("warn", _("Low"))
        return tag("good", _("Enough"))

    def facts(self, stock: Stock) -> dict[str, int]:
        return {"on_hand": stock.on_hand, "reserved": stock.reserved}

    @action(_("Adjust stock…"))
    def adjust(self, request: HttpRequest, queryset: QuerySet[Stock]) -> HttpResponse:
        """Ask what happened; what was counted holds for the stock that was seen."""
        chosen = queryset.order_by("product_id")
        response = self.ask(
            request,
            chosen,
            form=AdjustForm if chosen.count() == 1 else AdjustManyForm,
            title=_("Adjust stock"),
            do=lambda stock, given: _adjust(request, stock, given),
        )
        if isinstance(response, TemplateResponse):
            response.template_name = "admin/inventory/adjust.html"
        return response


def _adjust(request: HttpRequest, stock: Stock, given: dict[str, Any]) -> object:
    if given.get("counted") is None:
        return inventory.adjust(
            product_id=stock.product_id,
            kind=MovementKind(given["kind"]),
            delta=given["delta"],
            reason=given["reason"],
            reference=given["reference"],
            actor_id=request.user.pk,
        )
    seen = request.POST.get(f"seen-{stock.pk}", "")
    counted = inventory.count(
        product_id=stock.product_id,
        on_hand=given["counted"],
        expected_version=int(seen) if seen.isdecimal() else stock.version,
        reason=given["reason"],
        reference=given["reference"],
        actor_id=request.user.pk,
    )
    if counted is None:
        raise AdjustmentInvalid(_("That is what the books say: nothing to change."))
    return counted


def _number_of(rows: QuerySet[Any]) -> Coalesce:
    own = rows.filter(product=OuterRef("product")).order_by().values("product")
    return Coalesce(Subquery(own.values(number=Count("pk"))), 0)


def _link(model: str, stock: Stock, number: int, state: str) -> SafeString | int:
    if not number:
        return number
    page = reverse(f"admin:inventory_{model}_changelist")
    query = f"?product__id__exact={stock.product_id}&state__exact={state}"
    return format_html('<a href="{}">{}</a>', page + query, number)


class MoverFilter(SimpleListFilter):
    """Keeps what staff moved, or what orders, holds and other systems did."""

    title = _("moved by")
    parameter_name = "mover"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("me", _("Me")),
            ("staff", _("Staff")),
            ("shop", _("The shop by itself")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[StockMovement]
    ) -> QuerySet[StockMovement]:
        if self.value() == "me":
            return queryset.filter(actor=cast(int, request.user.pk))
        if self.value():
            return queryset.filter(actor__isnull=self.value() == "shop")
        return queryset


@register(StockMovement)
class StockMovementAdmin(ReadOnlyAdmin[StockMovement]):
    """The journal: its sum is the stock."""

    list_display = [
        "moved",
        "sku",
        "product",
        "kind",
        "on_hand",
        "reserved",
        "available_after",
        "order",
        "reference",
        "reason",
        "actor",
    ]
    list_display_links = ["moved"]
    list_select_related = ["product", "order", "actor"]
    list_filter = ["kind", MoverFilter, "moved_at"]
    search_fields = ["=product__sku", "=order__number", "reference", "reason"]
    search_help_text = _("SKU, order number, reference, or words of the note")
    ordering = ["-id"]
    # The pages of a stock and of a product lead here.
    linked_by = ["product__id__exact"]

    @display(description=_("SKU"), ordering="product__sku")
    def sku(self, movement: StockMovement) -> str:
        return movement.product.sku

    @display(description=_("time"), ordering="moved_at")
    def moved(self, movement: StockMovement) -> str:
        return short(movement.moved_at)

    @display(description=_("on hand"))
    def on_hand(self, movement: StockMovement) -> str:
        return f"{movement.on_hand_delta:+d} → {movement.on_hand_after}"

    @display(description=_("reserved"))
    def reserved(self, movement: StockMovement) -> str:
        return f"{movement.reserved_delta:+d} → {movement.reserved_after}"

    @display(description=_("available"))
    def available_after(self, movement: StockMovement) -> int:
        return movement.on_hand_after - movement.reserved_after


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
    # The page of a stock leads to its product's.
    linked_by = ["product__id__exact"]


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
    linked_by = ["product__id__exact"]


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
