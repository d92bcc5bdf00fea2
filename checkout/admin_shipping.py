"""Ship many: a list of tracking numbers is looked at row by row, then carried out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from checkout import manifest
from checkout import services as checkout
from checkout.admin_goods import GoodsAdmin
from checkout.errors import ManifestInvalid
from checkout.manifest import Checked
from common import idempotency
from common.admin import action, tag
from common.db import use_case
from common.errors import DomainError
from common.idempotency import Claim, Reply
from common.ids import uuid7
from orders.models import Order


class ManifestForm(forms.Form):
    """Asks for a list, typed or as a file, and for the carrier of most of it."""

    rows = forms.CharField(
        label=_("List"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}),
        help_text=_(
            "A row for each order: number, tracking number and, if it is not the one"
            " below, the carrier. With commas, semicolons or tabs between them."
        ),
    )
    file = forms.FileField(
        label=_("Or a file"),
        required=False,
        help_text=_("CSV, as carriers’ programs and spreadsheets save it."),
    )
    carrier = forms.CharField(
        label=_("Carrier"),
        max_length=manifest.LONGEST_CARRIER,
        required=False,
        help_text=_("Of rows that name none."),
    )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        file = given.get("file")
        try:
            text = manifest.decoded(file.read()) if file else given.get("rows", "")
            given["found"] = manifest.read(text, carrier=given.get("carrier", ""))
        except ManifestInvalid as error:
            self.add_error("file" if file else "rows", str(error.detail))
        return given


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row."""

    checked: Checked
    outcome: SafeString
    problem: str = ""


class ShippingAdmin(GoodsAdmin):
    """Adds a page on which many orders are shipped at once."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.ship_many_page)
        own = path("ship-many/", page, name="orders_order_ship_many")
        return [own, *super().get_urls()]

    @action(_("Ship selected…"))
    def ship_many(
        self, request: HttpRequest, queryset: QuerySet[Order]
    ) -> HttpResponse:
        """Ask for the tracking numbers of the chosen orders."""
        chosen = queryset.order_by("pk").values_list("number", flat=True)
        rows = "".join(f"{number},\n" for number in chosen[: manifest.MOST_ROWS])
        return self._many_page(request, {"form": ManifestForm(initial={"rows": rows})})

    def ship_many_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for a list, show what it would do, do it, and show what was done."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._many_page(request, {"form": ManifestForm()})
        form = ManifestForm(request.POST, request.FILES)
        if not form.is_valid():
            return self._many_page(request, {"form": form})
        checked = manifest.check(form.cleaned_data["found"])
        if "confirmed" in request.POST:
            return self._many_page(request, {"results": self._ship(request, checked)})
        good = [each.row for each in checked if not each.problem]
        rows = manifest.write([each.row for each in checked])
        context = {
            # What came in a file can be mended here, too.
            "form": ManifestForm(
                initial={"rows": rows, "carrier": form.cleaned_data["carrier"]}
            ),
            "checked": checked,
            "good": len(good),
            "bad": len(checked) - len(good),
            "confirmed": manifest.write(good),
        }
        return self._many_page(request, context)

    def _ship(self, request: HttpRequest, rows: Sequence[Checked]) -> list[Result]:
        return [self._ship_one(request, checked) for checked in rows]

    def _ship_one(self, request: HttpRequest, checked: Checked) -> Result:
        order = checked.order
        if order is None or checked.error:
            return Result(checked, tag("bad", _("Not shipped")), checked.error)
        replies: list[Reply] = []

        def do(order: Order) -> Reply:
            claim = _claim(request, order, checked)
            replies.append(idempotency.run(claim, lambda: _send(request, checked)))
            return replies[-1]

        try:
            use_case(self._do_and_tell)(request, order, do, _("Ship by list"), "")
        except DomainError as error:
            return Result(checked, tag("bad", _("Not shipped")), str(error.detail))
        if replies[-1].is_replayed:
            return Result(checked, tag("info", _("Shipped by this list before")))
        return Result(checked, tag("good", _("Shipped")))

    def _many_page(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        whole = {
            **self.admin_site.each_context(request),
            **context,
            "opts": self.opts,
            "title": _("Ship many"),
            "media": self.media,
            # Two looks at one list are one wish.
            "key": request.POST.get("key", "")[:32] or uuid7().hex,
        }
        return TemplateResponse(request, "admin/orders/ship_many.html", whole)


def _send(request: HttpRequest, checked: Checked) -> Reply:
    if checked.order is None:
        raise LookupError(checked.row.number)
    checkout.ship(
        order_id=checked.order.pk,
        carrier=checked.row.carrier,
        tracking_number=checked.row.tracking_number,
        actor_id=cast(int, request.user.pk),
    )
    return Reply(204, "")


def _claim(request: HttpRequest, order: Order, checked: Checked) -> Claim | None:
    key = request.POST.get("key", "")[:32]
    if not key:
        return None
    row = checked.row
    wish = repr((row.number, row.tracking_number, row.carrier)).encode()
    return Claim(
        subject=f"u:{request.user.pk}",
        method="POST",
        path=request.path,
        key=f"{key}/{order.pk}",
        fingerprint=idempotency.fingerprint("POST", request.path, wish),
    )
