"""Goods of an order for staff: parcels that are sent, refunds, and what comes back."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from checkout import labels, refunding, returns
from checkout import services as checkout
from checkout.admin_forms import (
    INLINE,
    RefundForm,
    ReturnForm,
    ShipPartForm,
)
from checkout.admin_papers import PapersAdmin
from checkout.standing import standing_of
from common import idempotency
from common.admin import ReadOnlyInline, action, display, short, tag
from common.db import use_case
from common.errors import DomainError
from common.idempotency import Claim, Reply
from common.ids import uuid7
from common.money import money
from orders.models import OPEN_RETURNS, SETTLED, Fulfilment, Order, OrderStatus, Return
from payments.models import Payment, PaymentMethod
from payments.planner import RefundPlan

MAY_REFUND = "payments.add_refund"


class FulfilmentInline(ReadOnlyInline[Fulfilment]):
    """The parcels, with what is in them and where they were seen."""

    model = Fulfilment
    template = INLINE
    verbose_name_plural = _("parcels")
    fields = ["carrier", "number", "contents", "state", "scans", "shipped_at"]
    readonly_fields = ["number", "contents", "state", "scans"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Fulfilment]:
        parcels = super().get_queryset(request)
        return parcels.prefetch_related("lines__order_line", "events").order_by("pk")

    @display(description=_("tracking"))
    def number(self, parcel: Fulfilment) -> SafeString | str:
        links = [(parcel.tracking_url, parcel.tracking_number or _("follow"))]
        links += [(parcel.label_url, _("label"))]
        found = [link for link in links if link[0]]
        if not parcel.tracking_url:
            found.insert(0, ("", parcel.tracking_number or "–"))
        return format_html_join(
            SafeString("<br>"),
            "{}",
            (
                (format_html('<a href="{}">{}</a>', url, text) if url else text,)
                for url, text in found
            ),
        )

    @display(description=_("in it"))
    def contents(self, parcel: Fulfilment) -> SafeString:
        rows = [(line.quantity, line.order_line.name) for line in parcel.lines.all()]
        return format_html_join(SafeString("<br>"), "{} × {}", rows)

    @display(description=_("stage"))
    def state(self, parcel: Fulfilment) -> SafeString:
        kind = "good" if parcel.delivered_at else "info"
        return tag(kind, parcel.get_stage_display())

    @display(description=_("scans"))
    def scans(self, parcel: Fulfilment) -> SafeString | str:
        events = sorted(parcel.events.all(), key=lambda event: event.happened_at)
        rows = [
            (
                short(event.happened_at),
                event.text or event.get_stage_display(),
                event.place,
            )
            for event in events
        ]
        return format_html_join(SafeString("<br>"), "{} {} {}", rows) or "–"


class ReturnInline(ReadOnlyInline[Return]):
    """What comes back."""

    model = Return
    template = INLINE
    verbose_name_plural = _("returns")
    fields = ["page", "reason", "requested_at", "closed_at"]
    readonly_fields = ["page"]

    @display(description=_("state"))
    def page(self, asked: Return) -> SafeString:
        url = reverse("admin:orders_return_change", args=[asked.pk])
        return format_html('<a href="{}">{}</a>', url, asked.get_state_display())


class GoodsAdmin(PapersAdmin):
    """Adds pages on which goods are sent, given back and taken back."""

    def get_urls(self) -> list[URLPattern]:
        pages: tuple[tuple[str, Callable[..., HttpResponse]], ...] = (
            ("ship", self.ship_page),
            ("refund", self.refund_page),
            ("return", self.return_page),
        )
        return [
            *(
                path(
                    f"<uuid:order_id>/{name}/",
                    self.admin_site.admin_view(view),
                    name=f"orders_order_{name}",
                )
                for name, view in pages
            ),
            *super().get_urls(),
        ]

    def has_refund_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may give money back."""
        return request.user.has_perm(MAY_REFUND)

    def offered_goods(self, order: Order) -> list[str]:
        """Name the actions on the goods of an order that make sense now."""
        if order.status not in SETTLED:
            return []
        standing = standing_of(order.pk)
        is_open = order.returns.filter(state__in=OPEN_RETURNS).exists()
        return [
            name
            for name, is_offered in (
                ("ship_part", order.status == OrderStatus.PROCESSING),
                ("refund", bool(standing.to_send) or order.delivery_cost > 0),
                ("take_return", bool(standing.to_return) and not is_open),
            )
            if is_offered
        ]

    @action(_("Ship a part…"))
    def ship_part(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse:
        return self._to_page(request, queryset, "ship")

    @action(_("Refund…"), permission="refund")
    def refund(self, request: HttpRequest, queryset: QuerySet[Order]) -> HttpResponse:
        return self._to_page(request, queryset, "refund")

    @action(_("Take something back…"))
    def take_return(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse:
        return self._to_page(request, queryset, "return")

    def ship_page(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Ask what goes into a parcel and who carries it, then send it."""
        order = self._find(request, order_id, self.has_operate_permission(request))
        form = ShipPartForm(
            request.POST or None,
            lines=list(standing_of(order.pk).lines),
            left=lambda line: line.left_to_send,
        )
        if form.is_valid() and self._try(
            request,
            lambda: _ship(request, order, form),
            _("Shipped"),
            order,
            calls_out=bool(form.cleaned_data["carrier_code"]),
        ):
            return self._back_to(order)
        context = {"form": form, "title": _("Ship a part")}
        return self._page(request, order, "ship", context)

    def refund_page(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Ask what to give back, show what that means, then do it."""
        order = self._find(request, order_id, self.has_refund_permission(request))
        form = RefundForm(
            request.POST or None,
            has_account=order.user_id is not None,
            lines=list(standing_of(order.pk).lines),
            left=lambda line: line.left_to_send,
        )
        plan = self._planned(request, order, form) if form.is_valid() else None
        # Confirmed is what was seen, and nothing else.
        is_seen = plan and request.POST.get("expected") == _seen(plan, form)
        if is_seen and self._try(
            request,
            lambda: _refund(request, order, form),
            _("Refunded"),
            order,
            reason=form.cleaned_data["reason"],
        ):
            return self._back_to(order)
        told = _told(plan, form) if plan else None
        context = {"form": form, "title": _("Refund"), "plan": told}
        return self._page(request, order, "refund", context)

    def return_page(self, request: HttpRequest, order_id: UUID) -> HttpResponse:
        """Note that a shopper sends something back."""
        order = self._find(request, order_id, self.has_operate_permission(request))
        form = ReturnForm(
            request.POST or None,
            lines=list(standing_of(order.pk).lines),
            left=lambda line: line.returnable,
        )
        if form.is_valid() and self._try(
            request,
            lambda: returns.open_for_shopper(
                order_id=order.pk,
                quantities=form.units(),
                reason=form.cleaned_data["reason"],
            ),
            _("Return noted"),
            order,
            reason=form.cleaned_data["reason"],
        ):
            return self._back_to(order)
        context = {"form": form, "title": _("Take something back")}
        return self._page(request, order, "return", context)

    def _planned(
        self, request: HttpRequest, order: Order, form: RefundForm
    ) -> RefundPlan | None:
        try:
            return refunding.plan(
                order_id=order.pk,
                quantities=form.units(),
                delivery=form.cleaned_data["delivery"],
            )
        except DomainError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
            return None

    def _try(
        self,
        request: HttpRequest,
        do: Callable[[], object],
        done: Any,
        order: Order,
        *,
        reason: str = "",
        calls_out: bool = False,
    ) -> bool:
        """Do something and write it down, in one transaction unless it calls others."""
        run = self._do_and_tell if calls_out else use_case(self._do_and_tell)
        try:
            run(request, order, lambda _order: do(), done, reason)
        except DomainError as error:
            self.message_user(request, str(error.detail), messages.ERROR)
            return False
        self.message_user(request, f"{order}: {done}.", messages.SUCCESS)
        return True

    def _find(self, request: HttpRequest, order_id: UUID, is_allowed: Any) -> Order:
        if not is_allowed:
            raise PermissionDenied
        return get_object_or_404(Order, pk=order_id)

    def _to_page(
        self, request: HttpRequest, queryset: QuerySet[Order], name: str
    ) -> HttpResponse:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, str(_("One order at a time.")), messages.ERROR)
            return self.back(request)
        url = reverse(f"admin:orders_order_{name}", args=[chosen[0].pk])
        return HttpResponseRedirect(url)

    def _back_to(self, order: Order) -> HttpResponse:
        return HttpResponseRedirect(
            reverse("admin:orders_order_change", args=[order.pk])
        )

    def _page(
        self, request: HttpRequest, order: Order, name: str, context: dict[str, Any]
    ) -> HttpResponse:
        whole = {
            **self.admin_site.each_context(request),
            **context,
            "opts": self.opts,
            "order": order,
            "subtitle": order.number,
            "key": request.POST.get("key") or uuid7().hex,
        }
        return TemplateResponse(request, f"admin/orders/{name}.html", whole)


def _ship(request: HttpRequest, order: Order, form: ShipPartForm) -> Reply:
    given, lines = form.cleaned_data, form.units()
    claim = _claim(request, order, repr(sorted(given.items())))
    actor_id = cast(int, request.user.pk)

    def by_label() -> Reply:
        labels.ship_with(
            order_id=order.pk,
            carrier_code=given["carrier_code"],
            service=given["service"],
            lines=lines,
            actor_id=actor_id,
            key=claim.key if claim else "",
        )
        return Reply(204, "")

    def by_hand() -> Reply:
        checkout.ship(
            order_id=order.pk,
            carrier=given["carrier"],
            tracking_number=given["tracking_number"],
            lines=lines,
            actor_id=actor_id,
        )
        return Reply(204, "")

    if given["carrier_code"]:
        return idempotency.run_outside(claim, by_label)
    return idempotency.run(claim, by_hand)


def _refund(request: HttpRequest, order: Order, form: RefundForm) -> Reply:
    key = request.POST.get("key", "")[:64] or uuid7().hex

    def once() -> Reply:
        checkout.refund(
            order_id=order.pk,
            quantities=form.units(),
            delivery=form.cleaned_data["delivery"],
            restock=form.restock(),
            reason=form.cleaned_data["reason"],
            actor_id=request.user.pk,
            key=key,
            as_points=form.goes_as_points(),
        )
        return Reply(204, "")

    wish = repr((form.units(), form.restock(), sorted(form.cleaned_data.items())))
    return idempotency.run(_claim(request, order, wish), once)


def _seen(plan: RefundPlan, form: RefundForm) -> str:
    """Name what a preview showed: confirmed is that, and nothing else."""
    way = "points" if form.goes_as_points() else "origin"
    shelf = sum(form.restock().values())
    return f"{plan.amount}/{way}/{shelf}"


def _told(plan: RefundPlan, form: RefundForm) -> dict[str, Any]:
    methods = {
        payment.pk: payment.get_method_display()
        for payment in Payment.objects.filter(
            pk__in=[leg.payment_id for leg in plan.legs]
        )
    }
    legs = [(methods[leg.payment_id], money(leg.amount)) for leg in plan.legs]
    if form.goes_as_points():
        legs = [(str(PaymentMethod.POINTS.label), money(plan.amount))]
    restock, wanted = form.restock(), form.units()
    return {
        "amount": plan.amount,
        "expected": _seen(plan, form),
        "total": money(plan.amount),
        "goods": money(plan.amount - plan.delivery),
        "delivery": money(plan.delivery),
        "legs": legs,
        "shelf": [
            (line, restock.get(line.line_id, 0), n - restock.get(line.line_id, 0))
            for line in form.lines
            if (n := wanted.get(line.line_id, 0))
        ],
        "is_complete": plan.is_complete,
    }


def _claim(request: HttpRequest, order: Order, wish: str) -> Claim | None:
    key = request.POST.get("key", "")[:64]
    if not key:
        return None
    return Claim(
        subject=f"u:{request.user.pk}",
        method="POST",
        path=request.path,
        key=f"{key}/{order.pk}",
        fingerprint=idempotency.fingerprint("POST", request.path, wish.encode()),
    )
