"""How an account is protected: password, second step, and who is signed in."""

from dataclasses import dataclass
from typing import Any

from allauth.account.internal.flows.logout import logout
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from accounts import devices
from accounts.devices import SignIn
from accounts.user_agents import icon_of, named
from common.errors import DomainError
from shop.guards import say_no, see_other, shopper_action
from shop.typing import AuthenticatedHttpRequest

NAV = {"nav": "account", "account_nav": "security"}
# Fewer are left than one would like to have in a drawer.
FEW_CODES = 3


@dataclass(frozen=True)
class Line:
    """One device in words."""

    sign_in: SignIn
    name: str
    icon: str
    is_current: bool


@login_required
def security_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show how the account is protected, and where it is signed in."""
    emails = EmailAddress.objects.filter(user=request.user, verified=True)
    context = {
        "devices": _lines(request),
        "is_verified": emails.exists(),
        **_second_step(request.user.pk),
    }
    return render(request, "shop/account/security.html", context | NAV)


@require_POST
@shopper_action(back="shop:security")
def end_device(request: AuthenticatedHttpRequest, device_id: int) -> HttpResponse:
    """Sign one device out; the one in use is signed out like by the button for it."""
    try:
        ended = devices.end(user_id=request.user.pk, device_id=device_id)
    except DomainError as error:
        say_no(request, error)
        return see_other(request, reverse("shop:security"))
    if ended == request.session.session_key:
        logout(request)
        return see_other(request, reverse("account_login"))
    messages.success(request, _("That device is signed out."))
    return see_other(request, reverse("shop:security"))


@require_POST
@shopper_action(back="shop:security")
def end_others(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Sign out everywhere but here."""
    count = devices.end_others(
        user_id=request.user.pk, keep=request.session.session_key or ""
    )
    text = ngettext(
        "%(count)s other device is signed out.",
        "%(count)s other devices are signed out.",
        count,
    )
    messages.success(request, text % {"count": count})
    return see_other(request, reverse("shop:security"))


def _lines(request: AuthenticatedHttpRequest) -> list[Line]:
    mine = request.session.session_key
    lines = [
        Line(
            sign_in=one,
            name=named(one.user_agent, one.name),
            icon=icon_of(one.user_agent),
            is_current=one.session_key == mine,
        )
        for one in devices.open_of(request.user.pk)
    ]
    return sorted(lines, key=lambda line: not line.is_current)


def _second_step(user_id: int) -> dict[str, Any]:
    """Return what of a second step there is; one statement."""
    rows = list(Authenticator.objects.filter(user=user_id).order_by("pk"))
    by_type = {row.type: row for row in rows}
    codes = by_type.get(Authenticator.Type.RECOVERY_CODES)
    left = len(codes.wrap().get_unused_codes()) if codes else 0
    return {
        "totp": by_type.get(Authenticator.Type.TOTP),
        "passkeys": [row for row in rows if row.type == Authenticator.Type.WEBAUTHN],
        "codes": codes,
        "codes_left": left,
        "has_few_codes": left < FEW_CODES,
    }
