"""Proving that an e-mail address is one's own."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.signup import send_unknown_account_mail
from allauth.account.models import EmailAddress
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.request import Request

from accounts import proving
from accounts.errors import VerificationOver
from accounts.models import User
from api.fields import Input, StrictText, clean
from api.schema import operation
from api.v1.auth import AnonymousView
from common.db import use_case


class VerificationInput(Input):
    # The last part of the letter's link.
    token = StrictText(max_length=500)


class ResendInput(Input):
    email = serializers.EmailField(max_length=254)


VERIFICATION = VerificationInput()
RESEND = ResendInput()


class VerifyEmailView(AnonymousView):
    """The letter's token."""

    @operation(
        "auth_verify-email",
        "Confirm an e-mail address",
        body=VERIFICATION,
        example={"token": "MTc:1xyzAB:0dKc0hV5n6T3wq"},
        reply={204: None},
        problems=(400, 410),
    )
    def post(self, request: Request) -> HttpResponse:
        """Confirm an address with the token of a letter, which is the end of its link.

        Orders that were placed with the address as a guest become the account's. The
        token works once and for three days.
        """
        http = request._request  # noqa: SLF001 — allauth takes Django's request
        _confirm(http, clean(VERIFICATION, request)["token"])
        return HttpResponse(status=204)


class ResendVerificationView(AnonymousView):
    """Another letter."""

    @operation(
        "auth_resend-verification",
        "Send the confirmation again",
        body=RESEND,
        example={"email": "min-ji@example.com"},
        reply={204: None},
        problems=(400,),
    )
    def post(self, request: Request) -> HttpResponse:
        """Send another letter to an address, at most one in three minutes.

        The answer is the same whether there is an account or not; the letter differs.
        """
        http = request._request  # noqa: SLF001 — allauth takes Django's request
        email = clean(RESEND, request)["email"].lower()
        _write(http, email)
        return HttpResponse(status=204)


@use_case
def _confirm(http: Any, token: str) -> None:
    address = proving.lock_address(token)
    if not get_adapter().confirm_email(http, address):
        # The same address has meanwhile been proved by another account.
        raise VerificationOver


def _write(http: Any, email: str) -> None:
    """Write one letter in any case, so that all take as long."""
    known = EmailAddress.objects.filter(email=email).order_by("-verified", "pk").first()
    if known is not None and not known.verified:
        known.send_confirmation(http)
    elif known is not None or User.objects.filter(email=email).exists():
        get_adapter().send_account_already_exists_mail(email)
    else:
        send_unknown_account_mail(http, email)
