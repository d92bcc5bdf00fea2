"""Prices that were changed together, what became of each, and every price there was."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from catalog import revisions
from catalog.admin_prices import MAY_CHANGE, ask_for_prices
from catalog.errors import TooManyPrices
from catalog.models import (
    LineOutcome,
    PriceChange,
    PriceRevision,
    PriceRevisionLine,
    Product,
    RevisionState,
)
from common.admin import (
    ReadOnlyAdmin,
    ReasonForm,
    action,
    display,
    register,
    short,
    tag,
)
from common.money import money

MAY_SEE = "catalog.view_pricechange"
MOST_NAMED = 20
COLOURS = {
    RevisionState.SCHEDULED: "info",
    RevisionState.APPLIED: "good",
    RevisionState.UNDONE: "warn",
}


def revisions_of(product: Product) -> SafeString | str:
    """Lead to the changes of many prices of which a product's is, or will be, one."""
    open_lines = product.price_revision_lines.filter(
        revision__state__in=[RevisionState.SCHEDULED, RevisionState.APPLIED],
        outcome__in=[LineOutcome.WAITING, LineOutcome.CHANGED],
    )
    lines = open_lines.select_related("revision").order_by("-pk")[:MOST_NAMED]
    page = "admin:catalog_pricerevision_change"
    rows = (
        (
            reverse(page, args=[line.revision_id]),
            line.revision,
            short(line.revision.starts_at),
            money(line.old_price),
            money(line.new_price),
        )
        for line in lines
    )
    row = '<a href="{}">{}</a> ({}): {} → {}'
    return format_html_join(SafeString("<br>"), row, rows) or "–"


@register(PriceRevision)
class PriceRevisionAdmin(ReadOnlyAdmin[PriceRevision]):
    """Prices that were changed together: each stands until it ends or is undone."""

    list_display = [
        "created_at",
        "rule",
        "reason",
        "standing",
        "prices",
        "starts_at",
        "ends_at",
        "actor",
    ]
    list_display_links = ["created_at", "rule"]
    list_select_related = ["actor"]
    list_filter = ["state", "created_at"]
    search_fields = ["reason", "rule", "=lines__product__sku"]
    ordering = ["-id"]
    actions = ["undo", "end_now", "call_off"]
    object_actions = ["undo", "end_now", "call_off"]
    fields = [
        "rule",
        "reason",
        "standing",
        "prices",
        "created_at",
        "actor",
        "starts_at",
        "ends_at",
        "applied_at",
        "closed_at",
        "closed_by",
        "closed_because",
    ]
    readonly_fields = ["standing", "prices"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceRevision]:
        found = super().get_queryset(request).select_related("actor", "closed_by")
        return found.annotate(number=Count("lines", distinct=True))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.prices_page)
        own = path("prices/", view, name="catalog_pricerevision_prices")
        return [own, *super().get_urls()]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MAY_SEE)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MAY_CHANGE)

    def offered_actions(self, request: HttpRequest, obj: PriceRevision) -> list[str]:
        if obj.state == RevisionState.SCHEDULED:
            return ["call_off"]
        if obj.can_be_undone(timezone.now()):
            return ["undo"]
        is_running = obj.state == RevisionState.APPLIED and obj.ends_at is not None
        return ["end_now"] if is_running else []

    def prices_page(self, request: HttpRequest) -> HttpResponse:
        """Take the form of ``ask_for_prices``; it begins at a list of products."""
        given = request.POST.get("products", "").split(",")
        ids = [int(one) for one in given if one.isascii() and one.isdecimal()]
        if len(ids) > revisions.MOST:
            refused = TooManyPrices(limit=revisions.MOST)
            self.message_user(request, str(refused.detail), messages.ERROR)
        elif ids:
            return ask_for_prices(request, self.admin_site, ids)
        return HttpResponseRedirect(reverse("admin:catalog_product_changelist"))

    @display(description=_("state"), ordering="state")
    def standing(self, revision: PriceRevision) -> SafeString:
        state = RevisionState(revision.state)
        return tag(COLOURS.get(state, "off"), state.label)

    @display(description=_("prices"))
    def prices(self, revision: Any) -> SafeString:
        page = reverse("admin:catalog_pricerevisionline_changelist")
        address = f"{page}?revision__id__exact={revision.pk}"
        return format_html('<a href="{}">{}</a>', address, revision.number)

    @action(_("Undo…"))
    def undo(
        self, request: HttpRequest, queryset: QuerySet[PriceRevision]
    ) -> HttpResponse:
        return self._put_back(request, queryset, revisions.undo, _("Undo"))

    @action(_("End now…"))
    def end_now(
        self, request: HttpRequest, queryset: QuerySet[PriceRevision]
    ) -> HttpResponse:
        return self._put_back(request, queryset, revisions.end, _("End now"))

    @action(_("Call off…"))
    def call_off(
        self, request: HttpRequest, queryset: QuerySet[PriceRevision]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Call off"),
            lambda revision, reason: revisions.call_off(
                revision_id=revision.pk, reason=reason, actor_id=request.user.pk
            ),
        )

    def _put_back(
        self,
        request: HttpRequest,
        queryset: QuerySet[PriceRevision],
        service: Any,
        title: Any,
    ) -> HttpResponse:
        def put_back(revision: PriceRevision, given: dict[str, Any]) -> None:
            done: revisions.PutBack = service(
                revision_id=revision.pk,
                reason=given["reason"],
                actor_id=request.user.pk,
            )
            text = _("Prices put back: %(n)s.") % {"n": done.restored}
            self.message_user(request, str(text), messages.SUCCESS)
            if done.left:
                text = _("Changed since, so left as they are: %(skus)s") % {
                    "skus": ", ".join(done.left[:MOST_NAMED])
                    + ("…" if len(done.left) > MOST_NAMED else "")
                }
                self.message_user(request, str(text), messages.WARNING)

        return self.ask(request, queryset, form=ReasonForm, title=title, do=put_back)


class SeenByPrices(ReadOnlyAdmin[Any]):
    """What is read by whoever may read prices' history."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(MAY_SEE)


@register(PriceRevisionLine)
class PriceRevisionLineAdmin(SeenByPrices):
    """The prices of a revision, and what became of each."""

    list_display = ["sku", "product", "was", "becomes", "outcome", "revision"]
    list_display_links = ["sku"]
    list_select_related = ["product", "revision"]
    list_filter = ["outcome"]
    search_fields = ["=product__sku", "product__name"]
    ordering = ["-revision_id", "id"]
    linked_by = ["revision__id__exact"]

    @display(description=_("SKU"), ordering="product__sku")
    def sku(self, line: PriceRevisionLine) -> str:
        return line.product.sku

    @display(description=_("old price"), ordering="old_price")
    def was(self, line: PriceRevisionLine) -> str:
        return money(line.old_price)

    @display(description=_("new price"), ordering="new_price")
    def becomes(self, line: PriceRevisionLine) -> str:
        return money(line.new_price)


@register(PriceChange)
class PriceChangeAdmin(SeenByPrices):
    """Every price there was: by whom it was changed, when and why."""

    list_display = ["changed_at", "sku", "product", "was", "became", "cause", "actor"]
    list_select_related = ["product", "actor"]
    list_filter = ["changed_at"]
    search_fields = ["=product__sku", "product__name", "cause"]
    ordering = ["-id"]
    linked_by = ["product__id__exact"]

    @display(description=_("SKU"), ordering="product__sku")
    def sku(self, change: PriceChange) -> str:
        return change.product.sku

    @display(description=_("old price"), ordering="old_price")
    def was(self, change: PriceChange) -> str:
        return money(change.old_price)

    @display(description=_("new price"), ordering="new_price")
    def became(self, change: PriceChange) -> str:
        return money(change.new_price)
