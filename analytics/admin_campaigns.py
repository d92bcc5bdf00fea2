"""A coupon campaign: watched live, given to a segment, and who holds one."""

import csv
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from analytics import segments
from analytics.reports.live import Live, live
from analytics.tables import Line, plain
from common.admin import audit
from common.admin_flow import SPARK
from common.charts import chart
from common.errors import DomainError
from common.money import money
from coupons.admin import STATES, CouponBatchAdmin, sentence, state_of
from coupons.models import Coupon, CouponBatch, Segment

SEES_COUPONS = "coupons.view_couponbatch"
SEES_HOLDERS = "coupons.view_coupon"
SEES_PEOPLE = "accounts.view_user"
SEES_SALES = "analytics.view_dailysales"
ISSUES = "coupons.change_couponbatch"
# So many coupons are issued while staff wait; then they press again.
MOST = 10_000
PAGE = 2_000  # rows of a file that are read at once
REFUSED = {
    "coupon_sold_out": _("All gone"),
    "coupon_already_issued": _("Has one already"),
    "coupon_not_open": _("Not open yet"),
    "coupon_expired": _("Over"),
}


class SegmentForm(forms.Form):
    """Asks whom to give a coupon, and why."""

    segment = forms.ChoiceField(
        label=_("For whom"), choices=[("", "–"), *Segment.choices]
    )
    reason = forms.CharField(label=_("Reason"), max_length=200)


def live_page(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Show how a campaign goes; a script renews the numbers every two seconds."""
    batch = _batch(request, batch_id)
    context = {**_page(request, batch), **_numbers(request, batch)}
    return TemplateResponse(request, "admin/coupons/live.html", context)


def live_part(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Show the numbers alone, as they are now."""
    batch = _batch(request, batch_id)
    context = _numbers(request, batch)
    return TemplateResponse(request, "admin/coupons/_live.html", context)


def segment_page(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Give a coupon to each customer of a segment; done again, it goes on."""
    if not request.user.has_perm(ISSUES):
        raise PermissionDenied
    batch = _batch(request, batch_id)
    standing = segments.standing(batch.pk)
    form = SegmentForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        segment, reason = form.cleaned_data["segment"], form.cleaned_data["reason"]
        missing = next(one.lacking for one in standing if one.segment == segment)
        if missing > batch.left:
            form.add_error(
                "segment",
                _("%(missing)s would get one, %(left)s are left: add stock first.")
                % {"missing": f"{missing:,}", "left": f"{batch.left:,}"},
            )
        else:
            _issue(request, batch, segment, reason)
            return HttpResponseRedirect(request.path)
    context = {
        **_page(request, batch),
        "title": _("Give to a segment"),
        "form": form,
        "standing": standing,
        "most": f"{MOST:,}",
    }
    return TemplateResponse(request, "admin/coupons/segment.html", context)


def holders(request: HttpRequest, batch_id: int) -> StreamingHttpResponse:
    """Send who holds a campaign's coupons as a file; who they are to who may know."""
    if not request.user.has_perm(SEES_HOLDERS):
        raise PermissionDenied
    batch = _batch(request, batch_id)
    audit(request, batch, action=_("Holders exported"))
    knows_people = request.user.has_perm(SEES_PEOPLE)
    return StreamingHttpResponse(
        _holders(batch, with_email=knows_people),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="holders-{batch.pk}.csv"'
        },
    )


def _issue(request: HttpRequest, batch: CouponBatch, segment: str, reason: str) -> None:
    try:
        given = segments.issue_to(batch_id=batch.pk, segment=segment, most=MOST)
    except DomainError as error:
        messages.error(request, str(error.detail))
        return
    label = Segment(segment).label
    audit(
        request,
        batch,
        action=_("Given to a segment"),
        reason=reason,
        before={"issued": batch.issued, "segment": segment},
        after={"issued": batch.issued + given, "segment": segment},
    )
    text = _("“%(segment)s”: %(given)s coupons issued.")
    messages.success(request, text % {"segment": label, "given": f"{given:,}"})


def _batch(request: HttpRequest, batch_id: int) -> CouponBatch:
    if not request.user.has_perm(SEES_COUPONS):
        raise PermissionDenied
    return get_object_or_404(CouponBatch, pk=batch_id)


def _page(request: HttpRequest, batch: CouponBatch) -> dict[str, Any]:
    """Return what the pages of a campaign share, with its buttons."""
    model_admin = admin.site.get_model_admin(CouponBatch)
    assert isinstance(model_admin, CouponBatchAdmin)  # noqa: S101 — for the types
    offered = model_admin.offered_actions(request, batch)
    return {
        **admin.site.each_context(request),
        "opts": model_admin.opts,
        "title": batch.name,
        "batch": batch,
        "sentence": sentence(batch),
        "object_actions": [
            (name, label)
            for name, label in model_admin.get_action_choices(request, [])
            if name in offered
        ],
        "checkbox": ACTION_CHECKBOX_NAME,
        "may_export": request.user.has_perm(SEES_HOLDERS),
        "may_issue": request.user.has_perm(ISSUES) and not batch.is_personal,
        "changelist": reverse("admin:coupons_couponbatch_changelist"),
    }


def _numbers(request: HttpRequest, batch: CouponBatch) -> dict[str, Any]:
    now = live(batch)
    label, colour = STATES[state_of(batch)]
    return {
        "issued": f"{batch.issued:,}",
        "quantity": f"{batch.quantity:,}",
        "left": f"{batch.left:,}",
        "at": now.at,
        "state": (label, colour),
        "share": round(100 * batch.issued / batch.quantity) if batch.quantity else 0,
        "figures": _figures(request, now),
        "refused": _refused(now.refused),
        "is_counted": now.refused is not None,
        "is_moving": now.is_moving,
        "chart": _chart(now),
        "peak": now.peak,
    }


def _figures(request: HttpRequest, now: Live) -> list[tuple[Any, str]]:
    figures = [
        (_("Used"), f"{now.used:,}"),
        (_("On unpaid orders"), f"{now.reserved:,}"),
        (_("This second"), f"{now.seconds[-1][1]:,}"),
    ]
    if request.user.has_perm(SEES_SALES):
        figures += [
            (_("Revenue with it, less refunds"), money(now.effect.revenue)),
            (_("Given off"), money(now.effect.cost)),
            (_("New buyers"), f"{now.effect.new_buyers:,}"),
        ]
    return figures


def _refused(counts: dict[str, int] | None) -> list[tuple[Any, str]]:
    known = counts or {}
    return [(label, f"{known.get(code, 0):,}") for code, label in REFUSED.items()]


def _chart(now: Live) -> Any:
    points = [
        (date_format(localtime(second), "H:i:s"), number, f"{number:,}")
        for second, number in now.seconds
    ]
    return chart(_("Issued, by second"), points, width=3 * SPARK[0], height=SPARK[1])


def _holders(batch: CouponBatch, *, with_email: bool) -> Iterator[str]:
    writer = csv.writer(Line())
    names = ["serial", "user", "state", "issued_at", "used_at", "order"]
    columns = ["serial", "user_id", "state", "issued_at", "used_at", "order__number"]
    if with_email:
        names, columns = [*names, "email"], [*columns, "user__email"]
    yield "\N{ZERO WIDTH NO-BREAK SPACE}"
    yield writer.writerow(names)  # what Line.write returned
    last = 0
    while True:
        rest = Coupon.objects.filter(batch=batch, serial__gt=last).order_by("serial")
        rows = list(rest.values_list(*columns)[:PAGE])
        for row in rows:
            yield writer.writerow([plain(value) for value in row])
        if len(rows) < PAGE:
            return
        last = rows[-1][0]
