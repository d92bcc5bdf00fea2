"""Products with their stock: read beside the rest, changed by an adjustment only.

The catalogue describes the page of a product and knows nothing of stock; so the page is
registered here, one layer above.
"""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from catalog.admin import ProductAdmin
from catalog.models import Product
from common.admin import action, display, register
from inventory.models import Stock

MAY_ADJUST = "inventory.change_stock"


def journal_of(product_id: int) -> SafeString:
    """Lead to what moved the stock of a product."""
    page = reverse("admin:inventory_stockmovement_changelist")
    address = f"{page}?product__id__exact={product_id}"
    return format_html('<a href="{}">{}</a>', address, _("All movements"))


@register(Product)
class StockedProductAdmin(ProductAdmin):
    """Adds on hand, reserved and available, and the way to adjust them."""

    list_display = [*ProductAdmin.list_display, "on_hand", "reserved", "available"]
    list_select_related = ["category", "stock"]
    fields = [*ProductAdmin.fields, "stock_now"]
    actions = [*ProductAdmin.actions, "adjust"]
    object_actions = [*ProductAdmin.object_actions, "adjust"]

    def offered_actions(self, request: HttpRequest, obj: Product) -> list[str]:
        return [*super().offered_actions(request, obj), "adjust"]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Product | None = None
    ) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "stock_now"]

    def has_adjust_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may change what is in stock."""
        return request.user.has_perm(MAY_ADJUST)

    @display(description=_("stock"))
    def stock_now(self, product: Product) -> SafeString | str:
        if not hasattr(product, "stock"):
            return str(_("Never in stock"))
        stock = product.stock
        words = _("%(hand)s on hand, %(reserved)s reserved, %(left)s available") % {
            "hand": stock.on_hand,
            "reserved": stock.reserved,
            "left": stock.available,
        }
        return format_html("{} · {}", words, journal_of(product.pk))

    @display(description=_("on hand"), ordering="stock__on_hand")
    def on_hand(self, product: Product) -> int:
        return product.stock.on_hand if hasattr(product, "stock") else 0

    @display(description=_("reserved"), ordering="stock__reserved")
    def reserved(self, product: Product) -> int:
        return product.stock.reserved if hasattr(product, "stock") else 0

    @display(description=_("available"))
    def available(self, product: Product) -> int:
        return product.stock.available if hasattr(product, "stock") else 0

    @action(_("Adjust stock…"), permission="adjust")
    def adjust(self, request: HttpRequest, queryset: QuerySet[Product]) -> Any:
        """Ask on the page of the stock; one that never was in stock is taken in."""
        stocks = Stock.objects.filter(product__in=queryset.values("pk"))
        strange = list(queryset.filter(stock__isnull=True).values_list("pk", flat=True))
        if strange and not stocks.exists():
            return self._first_stock(request, strange)
        admin_of_stock: Any = self.admin_site.get_model_admin(Stock)
        known = admin_of_stock.get_queryset(request).filter(pk__in=stocks.values("pk"))
        return admin_of_stock.adjust(request, known)

    def _first_stock(self, request: HttpRequest, pks: list[int]) -> HttpResponse:
        if len(pks) > 1:
            text = _("These were never in stock: take them in one at a time.")
            self.message_user(request, str(text), messages.ERROR)
            return self.back(request)
        page = reverse("admin:inventory_stock_add")
        return HttpResponseRedirect(f"{page}?product={pks[0]}")
