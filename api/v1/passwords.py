"""New passwords: by a letter, and by knowing the old one."""

from typing import Any, TypedDict

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm
from allauth.account.models import EmailAddress
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import proving
from accounts import services as accounts
from accounts.errors import PasswordChanged, ResetInvalid
from accounts.models import User
from api import tokens
from api.authentication import sign_in_of
from api.errors import RateLimited
from api.fields import Input, StrictText, clean
from api.schema import operation
from api.typing import AuthenticatedRequest
from api.v1.auth import MAX_PASSWORD, AnonymousView
from api.views import PersonalView
from common.db import use_case


class ResetAskedJson(TypedDict):
    """To whom a letter goes, whether they are known or not."""

    email: str


class AskResetInput(Input):
    email = serializers.EmailField(max_length=254)


class ResetInput(Input):
    # The end of the letter's link.
    token = StrictText(max_length=200)
    password = StrictText(max_length=MAX_PASSWORD, trim_whitespace=False)


class ChangePasswordInput(Input):
    current_password = StrictText(max_length=MAX_PASSWORD, trim_whitespace=False)
    new_password = StrictText(max_length=MAX_PASSWORD, trim_whitespace=False)


ASK_RESET = AskResetInput()
RESET = ResetInput()
CHANGE_PASSWORD = ChangePasswordInput()


class PasswordResetView(AnonymousView):
    """A letter for who has forgotten the password."""

    @operation(
        "auth_reset-password",
        "Ask for a new password",
        body=ASK_RESET,
        example={"email": "min-ji@example.com"},
        reply={202: ResetAskedJson},
    )
    def post(self, request: Request) -> Response:
        """Send a letter whose link sets a new password, once and within 30 minutes.

        The answer is the same whether there is an account or not; the letter differs.
        """
        http = request._request  # noqa: SLF001 — allauth takes Django's request
        email = clean(ASK_RESET, request)["email"].lower()
        form = ResetPasswordForm(data={"email": email})
        if form.is_valid():
            form.save(http)
        body: ResetAskedJson = {"email": email}
        return Response(body, status=202)


class PasswordResetConfirmView(AnonymousView):
    """The letter's token."""

    @operation(
        "auth_confirm-password-reset",
        "Set a new password by letter",
        body=RESET,
        example={
            "token": "1f-cx2k0q-5d1c0f6b8e3a4c7f9b2d",
            "password": "correct horse battery",
        },
        reply={204: None},
        problems=(400,),
    )
    def post(self, request: Request) -> HttpResponse:
        """Set a new password with a letter's token; every sign-in ends at once.

        The token is the end of the letter's link, works once and for 30 minutes.
        """
        http = request._request  # noqa: SLF001 — allauth takes Django's request
        asked = clean(RESET, request)
        user = proving.resetter(asked["token"])
        _accept("password", asked["password"], user)
        if _replace(user, asked["password"], keep="") is None:
            raise ResetInvalid
        _forget_attempts(http, user)
        return HttpResponse(status=204)


class PasswordChangeView(PersonalView):
    """The password of who is signed in."""

    cache_control = "no-store"

    @operation(
        "auth_change-password",
        "Change the password",
        body=CHANGE_PASSWORD,
        example={
            "current_password": "correct horse battery",
            "new_password": "another horse battery",
        },
        reply={204: None},
        problems=(400, 409),
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Set a new password; every other sign-in ends at once.

        Of this one the access token ends, too: its refresh token gets the next pair.
        """
        asked = clean(CHANGE_PASSWORD, request)
        user: User = request.user
        prove(user, asked["current_password"], "current_password")
        _accept("new_password", asked["new_password"], user)
        changed = _replace(user, asked["new_password"], keep=sign_in_of(request))
        if changed is None:
            raise PasswordChanged
        if request.auth is None:
            # The browser's session gets another key, and stays.
            update_session_auth_hash(request._request, changed)  # noqa: SLF001 — Django's request
        return HttpResponse(status=204)


def prove(user: User, password: str, field: str) -> None:
    """Let only those go on who know the password; wrong ones are counted."""
    try:
        is_right = get_adapter().reauthenticate(user, password)
    except DjangoValidationError:
        # The only thing it raises: too many failed attempts.
        raise RateLimited(wait=60) from None
    if not is_right:
        wrong = ErrorDetail(str(_("This is not your password.")), code="wrong_password")
        raise ValidationError({field: [wrong]})


def _accept(field: str, password: str, user: User) -> None:
    try:
        get_adapter().clean_password(password, user=user)
    except DjangoValidationError as error:
        raise ValidationError(
            {
                field: [
                    ErrorDetail(message, code=one.code or "invalid")
                    for one in error.error_list
                    for message in one.messages
                ]
            }
        ) from None


@use_case
def _replace(user: User, password: str, *, keep: str) -> User | None:
    proved = user.password
    user.set_password(password)
    changed = accounts.change_password(
        user_id=user.pk, proved=proved, password=user.password, keep=keep
    )
    if changed is not None and keep:
        tokens.carry_over(changed, keep)
    return changed


def _forget_attempts(http: Any, user: User) -> None:
    for address in EmailAddress.objects.filter(user=user):
        get_adapter()._delete_login_attempts_cached_email(http, email=address.email)  # noqa: SLF001 — as allauth does after a reset
