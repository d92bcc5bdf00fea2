"""What a promotion would have cost, as a page for staff."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from checkout.simulator import Simulation, Tally, simulate
from common.money import money
from promotions.models import Promotion
from promotions.pricing import Reason

# As many as a page can be waited for; the command takes all.
MOST_ORDERS = 3_000
WIDTH, HEIGHT, GAP = 720, 120, 3
REASONS = {
    Reason.NOT_FOR_YOU: _("for other shoppers"),
    Reason.NOT_IN_CART: _("nothing it is for"),
    Reason.BELOW_MIN_SPEND: _("too little spent"),
    Reason.TOO_FEW: _("too few units"),
    Reason.EXCLUDED: _("another of its group"),
    Reason.NOTHING_LEFT: _("nothing left to take off"),
    Reason.BUDGET_SPENT: _("budget spent"),
}


class DaysForm(forms.Form):
    """How far back to look."""

    days = forms.TypedChoiceField(
        label=_("Orders of the last"),
        choices=[(7, _("7 days")), (30, _("30 days")), (90, _("90 days"))],
        coerce=int,
        initial=30,
    )


@dataclass(frozen=True, slots=True)
class Bar:
    """What it would have cost on a day: a bar, and the row of a table."""

    day: date
    text: str
    x: float
    y: float
    width: float
    height: float


def simulate_page(request: HttpRequest, promotion_id: int) -> HttpResponse:
    """Run a saved promotion over past orders and today's carts; change nothing."""
    if not request.user.has_perm("promotions.view_promotion"):
        raise PermissionDenied
    promotion = get_object_or_404(Promotion, pk=promotion_id)
    form = DaysForm(request.GET if "days" in request.GET else {"days": 30})
    days = form.cleaned_data["days"] if form.is_valid() else 30
    found = simulate(promotion, days=days, limit=MOST_ORDERS)
    context = {
        **admin.site.each_context(request),
        "opts": Promotion._meta,  # noqa: SLF001 — as Django's admin does
        "title": _("Simulate “%(name)s”") % {"name": promotion.name},
        "promotion": promotion,
        "form": form,
        "found": found,
        "most": MOST_ORDERS,
        "tallies": [
            (_("Orders"), found.orders, _rows(found.orders)),
            (_("Carts of this moment"), found.carts, _rows(found.carts)),
        ],
        "bars": _bars(found),
        "chart": (WIDTH, HEIGHT),
    }
    return TemplateResponse(request, "admin/promotions/simulate.html", context)


def _rows(tally: Tally) -> list[tuple[Any, str]]:
    rows: list[tuple[Any, str]] = [
        (_("Would get it"), f"{tally.touched:,} / {tally.seen:,} ({tally.share} %)"),
        (_("Cost"), f"{money(tally.cost)} ({tally.cost_share} %)"),
        (_("Their total without it"), money(tally.turnover)),
        (_("For nothing"), f"{tally.free:,}"),
    ]
    if tally.biggest:
        text = f"{money(tally.biggest.amount)}, {tally.biggest.label}"
        rows.append((_("Biggest discount"), text))
    rows += [
        (_("Not given: %(reason)s") % {"reason": REASONS.get(reason, reason)}, f"{n:,}")
        for reason, n in tally.refused.most_common()
    ]
    rows += [
        (_("Instead of “%(name)s”") % {"name": name}, f"{n:,}")
        for name, n in tally.displaced.most_common()
    ]
    rows += [
        (_("“%(name)s” came first") % {"name": name}, f"{n:,}")
        for name, n in tally.displaced_by.most_common()
    ]
    return rows


def _bars(found: Simulation) -> list[Bar]:
    by_day = sorted(found.orders.cost_by_day.items())
    highest = max((cost for _day, cost in by_day), default=0) or 1
    step = WIDTH / max(len(by_day), 1)
    return [
        Bar(
            day=day,
            text=money(cost),
            x=round(index * step, 1),
            y=round(HEIGHT - cost * HEIGHT / highest, 1),
            width=round(max(step - GAP, 1), 1),
            height=round(cost * HEIGHT / highest, 1),
        )
        for index, (day, cost) in enumerate(by_day)
    ]
