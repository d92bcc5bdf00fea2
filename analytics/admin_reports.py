"""The pages of the reports: for whoever may see the sales."""

from typing import Any, cast

from django import forms
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from analytics import services as analytics
from analytics.models import DailySales
from analytics.pages import PAGES, Page
from analytics.reports.periods import Grain, Period, last_days
from analytics.tables import csv_lines
from common.admin import ReadOnlyAdmin
from common.days import shop_day

DAYS = 30
PRESETS = ((7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("Year")))
GRAINS = ((Grain.DAY, _("Days")), (Grain.WEEK, _("Weeks")), (Grain.MONTH, _("Months")))
# So many days are rolled up while staff wait; more are left to the worker.
AT_ONCE = 31


class PeriodForm(forms.Form):
    """Asks for which days, and in which steps."""

    first = forms.DateField(
        label=_("From"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    last = forms.DateField(
        label=_("To"), widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    grain = forms.ChoiceField(label=_("By"), choices=GRAINS)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "first" in given and "last" in given:
            try:
                given["period"] = Period(given["first"], given["last"])
            except ValueError:
                raise forms.ValidationError(
                    _("Choose at most three years, and the first day first.")
                ) from None
        return given


class ReportsAdmin(ReadOnlyAdmin[DailySales]):
    """Adds the reports to the admin of the daily sales."""

    change_list_template = "admin/analytics/dailysales.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "reports/recompute/",
                view(require_POST(self.recompute_page)),
                name="analytics_recompute",
            ),
            path(
                "reports/<slug:name>/",
                view(self.report_page),
                name="analytics_report",
            ),
            *super().get_urls(),
        ]

    def report_page(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """Show a report of some days, or send its first table as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        page = next((one for one in PAGES if one.name == name), None)
        if page is None:
            raise Http404
        form, period, grain = _asked(request)
        report = page.make(period, grain)
        if request.GET.get("format") == "csv":
            number = request.GET.get("table", "0")
            place = int(number) if number.isdecimal() else 0
            if place >= len(report.tables):
                raise Http404
            return _file(page, period, csv_lines(report.tables[place]))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": page.title,
            "page": page,
            "pages": PAGES,
            "report": report,
            "form": form,
            "period": period,
            "grain": grain,
            "query": f"first={period.first}&last={period.last}&grain={grain}",
            "presets": _presets(period),
            "may_recompute": self.has_operate_permission(request),
        }
        return TemplateResponse(request, "admin/analytics/report.html", context)

    def recompute_page(self, request: HttpRequest) -> HttpResponse:
        """Roll the days of a period up again, or have it done soon."""
        if not self.has_operate_permission(request):
            raise PermissionDenied
        form = PeriodForm(request.POST)
        back = reverse("admin:analytics_report", args=["sales"])
        if not form.is_valid():
            self.message_user(request, _("Choose the days first."), "error")
            return HttpResponseRedirect(back)
        period: Period = form.cleaned_data["period"]
        today = shop_day(timezone.now())
        days = [day for day in period.days() if day <= today]
        if len(days) <= AT_ONCE:
            changed = sum(analytics.roll_up_day(day) for day in days)
            text = _("Days rolled up again: %(days)s. Rows that differed: %(changed)s.")
            told = text % {"days": len(days), "changed": changed}
        else:
            for day in days:
                analytics.mark_dirty(day)
            told = _("Days that will be rolled up again soon: %(days)s.") % {
                "days": len(days)
            }
        _write_down(request, period)
        self.message_user(request, told)
        return HttpResponseRedirect(
            f"{back}?first={period.first}&last={period.last}&grain=day"
        )


def _asked(request: HttpRequest) -> tuple[PeriodForm, Period, Grain]:
    usual = last_days(DAYS, timezone.now())
    initial = {"first": usual.first, "last": usual.last, "grain": Grain.DAY}
    if not request.GET.keys() & initial.keys():
        return PeriodForm(initial=initial), usual, Grain.DAY
    form = PeriodForm({**initial, **request.GET.dict()})
    if not form.is_valid():
        return form, usual, Grain.DAY
    return form, form.cleaned_data["period"], Grain(form.cleaned_data["grain"])


def _presets(chosen: Period) -> list[tuple[Any, Period, bool]]:
    today = timezone.now()
    return [
        (label, period, period == chosen)
        for days, label in PRESETS
        for period in [last_days(days, today)]
    ]


def _file(page: Page, period: Period, lines: Any) -> StreamingHttpResponse:
    name = f"{page.name}-{period.first}-{period.last}.csv"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _write_down(request: HttpRequest, period: Period) -> None:
    LogEntry.objects.create(
        user_id=cast(int, request.user.pk),
        content_type=ContentType.objects.get_for_model(DailySales),
        object_id="",
        object_repr=f"{period.first} – {period.last}",
        action_flag=CHANGE,
        change_message=str(_("Rolled up again")),
    )
