"""The shopper's points: balance, charging, and every movement so far."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from checkout import paying
from common.days import shop_day
from common.errors import DomainError
from common.languages import reader_language
from payments.gateways import offered
from points import services as points
from points.models import EntryKind, LedgerEntry
from shop.guards import say_no, see_other, shopper_action
from shop.paging import first_rows
from shop.paying import return_url
from shop.templatetags.shop import points as written_points
from shop.typing import AuthenticatedHttpRequest
from shop.views.preferences import safe_next
from shop.wallet import as_csv, by_month, line_of

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
    # What the page said; something else may have happened since.
    seen = forms.IntegerField(required=False, min_value=0, max_value=2**62)
    # Empty: at once, as the shop's own.
    method = forms.SlugField(required=False, max_length=16)


class LedgerForm(forms.Form):
    """Which movements are shown, and from which on the older ones."""

    kind = forms.ChoiceField(required=False, choices=EntryKind.choices)
    before = forms.IntegerField(required=False, min_value=1, max_value=2**62)


@login_required
def points_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show balance, charge form and ledger."""
    return _page(request, ChargeForm(initial={"key": uuid.uuid4().hex}))


@login_required
@require_safe
def ledger_file(request: AuthenticatedHttpRequest) -> StreamingHttpResponse:
    """Send all movements, or those of one kind, for a spreadsheet."""
    asked = LedgerForm(request.GET)
    kind = asked.cleaned_data["kind"] if asked.is_valid() else ""
    name = f"points-{shop_day(timezone.now())}.csv"
    return StreamingHttpResponse(
        as_csv(_entries(request, kind)),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "private, no-store",
        },
    )


@require_POST
@shopper_action(back="shop:points")
def charge(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Charge points and go back to where they were missing."""
    form = ChargeForm(_chosen(request))
    if not form.is_valid():
        return _page(request, form, status=422)
    amount, key = form.cleaned_data["amount"], f"page:{form.cleaned_data['key']}"
    if method := form.cleaned_data["method"]:
        return _buy(request, amount=amount, method=method, key=key)
    try:
        entry = points.charge(
            user_id=request.user.pk, amount=amount, idempotency_key=key
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
        before, seen = entry.balance_after - amount, form.cleaned_data["seen"]
        if seen is not None and seen != before:
            changed = _("Your balance had changed meanwhile: it was %(balance)s.")
            messages.info(request, changed % {"balance": written_points(before)})
    return see_other(request, safe_next(request, reverse("shop:points")))


def _buy(
    request: AuthenticatedHttpRequest, *, amount: int, method: str, key: str
) -> HttpResponse:
    """Send the shopper on to whoever takes the money."""
    try:
        payment = paying.start_charge(
            user_id=request.user.pk,
            email=request.user.email,
            amount=amount,
            method=method,
            key=key,
            return_url=return_url(request),
            language=reader_language(),
        )
    except DomainError as error:
        say_no(request, error)
        return see_other(request, reverse("shop:points"))
    if payment.is_open:
        return see_other(request, payment.provider_url)
    # Pressed again long after: what became of it is told there.
    return see_other(request, reverse("shop:payment-return", args=[payment.pk]))


def _chosen(request: AuthenticatedHttpRequest) -> dict[str, Any]:
    # A preset is a button of its own and wins over the free field beside it.
    amount = request.POST.get("preset") or request.POST.get("amount")
    return {
        "amount": amount,
        "key": request.POST.get("key"),
        "seen": request.POST.get("seen"),
        "method": request.POST.get("method"),
    }


def _page(
    request: AuthenticatedHttpRequest, form: ChargeForm, status: int = 200
) -> HttpResponse:
    asked = LedgerForm(request.GET)
    clean = asked.cleaned_data if asked.is_valid() else {}
    kind, before = clean.get("kind", ""), clean.get("before")
    entries = _entries(request, kind)
    if before:
        entries = entries.filter(sequence__lt=before)
    page = first_rows(entries, size=ENTRIES_PER_PAGE)
    narrowed = f"kind={kind}&" if kind else ""
    here = reverse("shop:points")
    context = {
        "form": form,
        "presets": PRESETS,
        "limit": settings.POINTS_MAX_CHARGE,
        "ceiling": settings.POINTS_MAX_BALANCE,
        "ways": offered(),
        "entries": page.rows,
        "months": by_month(page.rows),
        "line": line_of(LedgerEntry.objects.of_user(request.user.pk)),
        "kinds": EntryKind.choices,
        "kind": kind,
        "next_url": f"?{narrowed}before={page.rows[-1].sequence}"
        if page.has_older
        else "",
        "previous_url": f"{here}?{narrowed}".rstrip("?&") if before else "",
        "nav": "account",
        "account_nav": "points",
    }
    return render(request, "shop/points/wallet.html", context, status=status)


def _entries(request: AuthenticatedHttpRequest, kind: str) -> QuerySet[LedgerEntry]:
    entries = LedgerEntry.objects.of_user(request.user.pk).order_by("-sequence")
    return entries.filter(kind=kind) if kind else entries
