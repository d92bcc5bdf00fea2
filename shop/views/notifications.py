"""What the shopper was told, and what they want to be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from common.days import shop_day
from common.errors import DomainError
from notifications import selectors
from notifications import services as notifications
from notifications.links import read_unsubscribe_token
from notifications.models import Channel, Group, Notification
from notifications.selectors import Choice
from shop.guards import see_other, shopper_action
from shop.paging import first_rows
from shop.typing import AuthenticatedHttpRequest

ROWS_PER_PAGE = 20
ICONS = {
    Group.ORDERS: "box",
    Group.PAYMENTS: "coin",
    Group.RETURNS: "repeat",
    Group.REVIEWS: "star",
    Group.STOCK: "check",
    Group.REWARDS: "ticket",
    Group.PROMOTIONS: "star",
}
ACCOUNT = {"nav": "account", "account_nav": "notifications"}


class ListForm(forms.Form):
    """Which group is shown, and before which line the page begins."""

    group = forms.ChoiceField(required=False, choices=Group.choices)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)


class SeenForm(forms.Form):
    """The newest line that was on the page."""

    until = forms.IntegerField(required=False, min_value=1, max_value=2**62)


class QuietForm(forms.Form):
    """From when until when it is quiet; both or neither."""

    starts = forms.TimeField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )
    ends = forms.TimeField(
        label=gettext_lazy("Until"),
        required=False,
        widget=forms.TimeInput({"type": "time"}, format="%H:%M"),
    )

    def clean(self) -> dict[str, Any]:
        clean = self.cleaned_data
        if not self.errors and (clean["starts"] is None) != (clean["ends"] is None):
            raise forms.ValidationError(_("Fill in both times, or neither."))
        return clean

    def hours(self) -> tuple[time, time] | None:
        starts, ends = self.cleaned_data["starts"], self.cleaned_data["ends"]
        return None if starts is None else (starts, ends)


@dataclass(frozen=True)
class Line:
    """One notification in words."""

    row: Notification
    title: str
    body: str
    icon: str


@dataclass(frozen=True)
class Day:
    """The lines of one shop day."""

    day: date
    lines: list[Line]


@login_required
def notifications_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show what happened, newest first, by day."""
    form = ListForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {"group": "", "before": None}
    rows = Notification.objects.of_user(request.user.pk).newest_first()
    if asked["group"]:
        rows = rows.in_group(asked["group"])
    if asked["before"]:
        rows = rows.filter(pk__lt=asked["before"])
    page = first_rows(rows, size=ROWS_PER_PAGE)
    narrowed = f"group={asked['group']}&" if asked["group"] else ""
    here = reverse("shop:notifications")
    context = {
        "days": _by_day(page.rows),
        "groups": Group.choices,
        "current": asked["group"],
        "newest": page.rows[0].pk if page.rows else None,
        "next_url": f"?{narrowed}before={page.rows[-1].pk}" if page.has_older else "",
        "previous_url": f"{here}?{narrowed}".rstrip("?&") if asked["before"] else "",
    }
    return render(request, "shop/notifications/list.html", context | ACCOUNT)


@require_POST
@shopper_action(back="shop:notifications")
def read(request: AuthenticatedHttpRequest, notification_id: int) -> HttpResponse:
    """Mark one as read and go where it leads."""
    try:
        found = notifications.read(
            user_id=request.user.pk, notification_id=notification_id
        )
    except DomainError as error:
        raise Http404 from error
    return see_other(request, found.url or reverse("shop:notifications"))


@require_POST
@shopper_action(back="shop:notifications")
def read_all(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Mark everything as read that was there when the page was shown."""
    form = SeenForm(request.POST)
    until = form.cleaned_data["until"] if form.is_valid() else None
    notifications.read_all(user_id=request.user.pk, until_id=until)
    return see_other(request, reverse("shop:notifications"))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def preferences_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Choose what is told by which channel, and when it is quiet."""
    choices = selectors.choices_of(request.user)
    hours = selectors.quiet_hours_of(request.user.pk)
    initial = {"starts": hours.starts, "ends": hours.ends} if hours else {}
    form = QuietForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid() and _save(request, choices, form):
        return see_other(request, reverse("shop:notification-preferences"))
    context = {
        "form": form,
        "table": _table(choices),
        "zone": settings.TIME_ZONE,
        "channels": [one for one in Channel if any(c.channel == one for c in choices)],
    }
    status = 422 if form.errors else 200
    page = "shop/notifications/preferences.html"
    return render(request, page, context | ACCOUNT, status=status)


# Mail programs press the button without a browser, so without a cookie or a token of a
# form: the address is the proof (RFC 8058).
@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """End offers by one channel; looking at the page does nothing."""
    found = read_unsubscribe_token(token)
    if found is None:
        raise Http404
    user_id, channel = found
    is_done = request.method == "POST"
    if is_done:
        notifications.unsubscribe(user_id=user_id, channel=channel)
    return render(request, "shop/notifications/unsubscribe.html", {"is_done": is_done})


def _by_day(rows: Sequence[Notification]) -> list[Day]:
    days: list[Day] = []
    for row in rows:
        day = shop_day(row.created_at)
        if not days or days[-1].day != day:
            days.append(Day(day, []))
        title, body = selectors.worded(row)
        icon = ICONS[Group(row.group)]
        days[-1].lines.append(Line(row=row, title=title, body=body, icon=icon))
    return days


def _table(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """Return a row for each group with a cell for each channel, in order."""
    by_place = {(choice.group, choice.channel): choice for choice in choices}
    used = [one for one in Channel if any(c.channel == one for c in choices)]
    return [
        {
            "group": group,
            "cells": [(channel, by_place.get((group, channel))) for channel in used],
        }
        for group in Group
    ]


def _save(
    request: AuthenticatedHttpRequest, choices: Sequence[Choice], form: QuietForm
) -> bool:
    ticked = {
        (choice.group.value, choice.channel.value): _name(choice) in request.POST
        for choice in choices
        if not choice.is_fixed
    }
    try:
        notifications.choose(
            user_id=request.user.pk, choices=ticked, hours=form.hours()
        )
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, _("Saved."))
    return True


def _name(choice: Choice) -> str:
    return f"{choice.group}-{choice.channel}"
