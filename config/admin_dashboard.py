"""The first page of the admin: what happened, and what needs somebody."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from analytics import dashboard
from analytics.dashboard import Conversion, Takings
from analytics.reports.periods import Period, last_days
from analytics.tables import Column, Kind, Table, chart, csv_lines, written
from common.money import money
from config.admin_needs import attention
from points.selectors import NEWEST, mismatched

SEES_SALES = "analytics.view_dailysales"
SEES_LEDGER = "points.view_ledgerentry"
PERIODS = (7, 30, 90)
USUAL = 30


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of today beside that of a week ago."""

    label: Any
    today: str
    before: str
    difference: str


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows to this person: each sees what their role may."""
    now = timezone.now()
    shown: dict[str, Any] = {
        "as_of": now,
        "sees_sales": request.user.has_perm(SEES_SALES),
        "attention": attention(request),
    }
    if request.user.has_perm(SEES_LEDGER):
        shown |= {"ledger": mismatched(), "ledger_newest": NEWEST}
    if shown["sees_sales"]:
        shown |= _sales(asked(request))
    return shown


def _sales(length: int) -> dict[str, Any]:
    now = timezone.now()
    period = last_days(length, now)
    table, days = table_of(period)
    points = [(date_format(day.day, "j M"), day.net, money(day.net)) for day in days]
    return {
        "figures": figures(*dashboard.today_and_a_week_ago(now), now),
        "chart": chart(_("Revenue, less refunds"), points),
        "table": table,
        "total": money(sum(day.net for day in days)),
        "length": length,
        "periods": PERIODS,
        "fresh": dashboard.freshness(period),
        "top": [(item, money(item.revenue)) for item in dashboard.top_sellers()],
    }


def csv(request: HttpRequest) -> StreamingHttpResponse:
    """Return the numbers of the chart as a file; for those who may see sales."""
    if not request.user.has_perm(SEES_SALES):
        raise PermissionDenied
    period = last_days(asked(request), timezone.now())
    table, _days = table_of(period)
    name = f"dashboard-{period.first}-{period.last}.csv"
    return StreamingHttpResponse(
        csv_lines(table),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def asked(request: HttpRequest) -> int:
    """Return for how many days somebody asked; what makes no sense is the usual."""
    given = request.GET.get("days", "")
    return next((days for days in PERIODS if str(days) == given), USUAL)


def table_of(period: Period) -> tuple[Table, list[dashboard.Day]]:
    """Return the days of a period as a table, the newest first, and as they are."""
    days = dashboard.days(period)
    columns = (
        Column(_("Day"), Kind.DAY),
        Column(_("Paid orders")),
        Column(_("Revenue"), Kind.MONEY),
        Column(_("Refunds"), Kind.MONEY),
        Column(_("Net"), Kind.MONEY),
        Column(_("Average order"), Kind.MONEY),
        Column(_("Visits")),
        Column(_("Bought")),
        Column(_("Conversion"), Kind.SHARE),
    )
    rows = [
        (
            day.day,
            day.orders,
            day.revenue,
            day.refunded,
            day.net,
            day.average,
            day.visits.visits,
            day.visits.bought,
            day.visits.share,
        )
        for day in reversed(days)
    ]
    return Table(_("Revenue by day"), columns, rows), days


def figures(today: Takings, before: Takings, now: Any) -> list[Figure]:
    """Put today's numbers beside those of the same weekday, up to the same time."""
    return [
        Figure(
            label=_("Paid orders"),
            today=f"{today.orders:,}",
            before=f"{before.orders:,}",
            difference=difference(today.orders, before.orders),
        ),
        *(
            Figure(label, money(new), money(old), difference(new, old))
            for label, new, old in (
                (_("Revenue"), today.revenue, before.revenue),
                (_("Average order"), today.average, before.average),
            )
        ),
        _conversion(*dashboard.conversions(now)),
        Figure(
            label=_("Refunds"),
            today=money(today.refunds),
            before=money(before.refunds),
            difference=difference(today.refunds, before.refunds),
        ),
    ]


def _conversion(today: Conversion, before: Conversion) -> Figure:
    is_known = today.share is not None and before.share is not None
    points = 100 * ((today.share or 0) - (before.share or 0))
    return Figure(
        label=_("Conversion"),
        today=written(today.share, Kind.SHARE),
        before=written(before.share, Kind.SHARE),
        difference=f"{points:+.1f} pp" if is_known else "–",
    )


def difference(new: int, old: int) -> str:
    """Write by how many percent ``new`` is above or below ``old``."""
    if not old:
        return "–"
    return f"{(new - old) * 100 // old:+d} %"
