"""The shopper's points: balance, charging, and every movement so far."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from common.errors import DomainError
from points import services as points
from points.models import LedgerEntry
from shop.guards import say_no, see_other, shopper_action
from shop.paging import first_rows
from shop.templatetags.shop import points as written_points
from shop.typing import AuthenticatedHttpRequest
from shop.views.preferences import safe_next

PRESETS = (10_000, 30_000, 50_000, 100_000)
ENTRIES_PER_PAGE = 20


class ChargeForm(forms.Form):
    """How many points to charge; the key makes pressing twice harmless."""

    amount = forms.IntegerField(
        label=gettext_lazy("Other amount"),
        min_value=1,
        max_value=settings.POINTS_MAX_CHARGE,
    )
    key = forms.CharField(max_length=64)


class LedgerForm(forms.Form):
    """From which entry on the older ones are shown."""

    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)


@login_required
def points_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show balance, charge form and ledger."""
    return _page(request, ChargeForm(initial={"key": uuid.uuid4().hex}))


@require_POST
@shopper_action(back="shop:points")
def charge(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Charge points and go back to where they were missing."""
    form = ChargeForm(_chosen(request))
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        entry = points.charge(
            user_id=request.user.pk,
            amount=form.cleaned_data["amount"],
            idempotency_key=f"page:{form.cleaned_data['key']}",
        )
    except DomainError as error:
        say_no(request, error)
    else:
        text = _("%(amount)s charged. You now have %(balance)s.")
        amounts = {
            "amount": written_points(entry.amount),
            "balance": written_points(entry.balance_after),
        }
        messages.success(request, text % amounts)
    return see_other(request, safe_next(request, reverse("shop:points")))


def _chosen(request: AuthenticatedHttpRequest) -> dict[str, Any]:
    # A preset is a button of its own and wins over the free field beside it.
    amount = request.POST.get("preset") or request.POST.get("amount")
    return {"amount": amount, "key": request.POST.get("key")}


def _page(
    request: AuthenticatedHttpRequest, form: ChargeForm, status: int = 200
) -> HttpResponse:
    entries = LedgerEntry.objects.of_user(request.user.pk).order_by("-sequence")
    asked = LedgerForm(request.GET)
    before = asked.cleaned_data["before"] if asked.is_valid() else None
    if before:
        entries = entries.filter(sequence__lt=before)
    page = first_rows(entries, size=ENTRIES_PER_PAGE)
    context = {
        "form": form,
        "presets": PRESETS,
        "limit": settings.POINTS_MAX_CHARGE,
        "entries": page.rows,
        "next_url": f"?before={page.rows[-1].sequence}" if page.has_older else "",
        "previous_url": reverse("shop:points") if before else "",
        "nav": "account",
        "account_nav": "points",
    }
    return render(request, "shop/points/wallet.html", context, status=status)
