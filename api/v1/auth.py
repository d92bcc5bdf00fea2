"""Registering, signing in, staying signed in and signing out, for mobile clients."""

from typing import Any, TypedDict

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.email_verification import (
    handle_verification_email_rate_limit,
)
from allauth.account.models import EmailAddress
from allauth.headless.account.inputs import SignupInput
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import (
    AuthenticationFailed,
    ErrorDetail,
    ValidationError,
)
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import services as accounts
from accounts.models import User
from api import limits, tokens
from api.errors import RateLimited
from api.fields import Input, StrictText, clean
from api.idempotency import claim_of, respond
from api.renderers import dump
from api.schema import CART_TOKEN, operation
from api.v1.carts import guest_token
from api.views import PublicView
from cart import services as carts
from checkout import services as checkout
from common import idempotency
from common.errors import Forbidden
from common.idempotency import Reply

# Longer ones would only cost time to hash.
MAX_PASSWORD = 256


class EmailNotVerified(Forbidden):
    """The e-mail address has to be verified before the first sign-in."""

    code = "email_not_verified"

    def __init__(self) -> None:
        super().__init__(_("Please verify your e-mail address first."))


class SecondStepNeeded(Forbidden):
    """The password is right, and a code of the authenticator app is missing."""

    code = "second_step_needed"

    def __init__(self) -> None:
        super().__init__(_("Please send the code of your authenticator app, too."))


class RegisteredJson(TypedDict):
    """What was registered. A letter says how it goes on."""

    email: str
    name: str


class TokensJson(TypedDict):
    """A pair of tokens; ``expires_in`` is the access token's life in seconds."""

    access: str
    refresh: str
    expires_in: int
    token_type: str


class RegisterInput(Input):
    email = serializers.EmailField(max_length=254)
    password = StrictText(max_length=MAX_PASSWORD, trim_whitespace=False)
    name = StrictText(max_length=150, required=False, allow_blank=True)


class SignInInput(Input):
    email = serializers.EmailField(max_length=254)
    password = StrictText(max_length=MAX_PASSWORD, trim_whitespace=False)
    # Of the authenticator app, or one of the recovery codes.
    code = StrictText(max_length=16, required=False, allow_blank=True)
    device = StrictText(
        max_length=80,
        required=False,
        allow_blank=True,
        help_text="What its owner calls the device, for the list of sign-ins.",
    )


class RefreshInput(Input):
    refresh = StrictText(max_length=2000)


REGISTER = RegisterInput()
SIGN_IN = SignInInput()
REFRESH = RefreshInput()


class AnonymousView(PublicView):
    """For people who are not signed in yet; never kept by anybody."""

    cache_control = "no-store"

    def get_authenticate_header(self, request: Request) -> str:  # noqa: ARG002 — DRF's signature
        # Without it a refused sign-in would be a 403.
        return 'Bearer realm="api"'


class RegisterView(AnonymousView):
    """New shoppers."""

    @operation(
        "auth_register",
        "Register",
        body=REGISTER,
        example={"email": "min-ji@example.com", "password": "correct horse battery"},
        reply={201: RegisteredJson},
        keyed="yes",
    )
    def post(self, request: Request) -> HttpResponse:
        """Register an e-mail address.

        The answer is the same for an address that is known already: only its owner is
        told, by letter.
        """
        asked = clean(REGISTER, request)
        http = request._request  # noqa: SLF001 — allauth takes Django's request
        email = asked["email"].lower()

        def register() -> Reply:
            form = SignupInput(data={"email": email, "password": asked["password"]})
            user = None if _is_known(form) else _register(http, form, asked)
            _send_letter(http, email, user, asked["password"])
            body: RegisteredJson = {"email": email, "name": asked.get("name", "")}
            return Reply(201, dump(body).decode())

        claim = claim_of(request, limits.account_key(email))
        response = respond(idempotency.run_outside(claim, register))
        # Else it would be there for newcomers only, whose session was looked for.
        response["Vary"] = "Cookie"
        return response


class TokenView(AnonymousView):
    """Signing in."""

    @operation(
        "auth_token",
        "Sign in",
        body=SIGN_IN,
        example={
            "email": "min-ji@example.com",
            "password": "correct horse battery",
            "device": "Min-ji's phone",
        },
        reply={200: TokensJson},
        headers=[CART_TOKEN],
        problems=(401, 403),
    )
    def post(self, request: Request) -> Response:
        """Exchange e-mail and password for tokens; a guest's cart comes along.

        Who has a second step sends the `code` of the authenticator app or a recovery
        code, too; without it the answer is 403 `second_step_needed`.
        """
        asked = clean(SIGN_IN, request)
        token = guest_token(request)
        user = _authenticate(request, asked)
        return Response(sign_in(request, user, asked.get("device", ""), token))


class RefreshView(AnonymousView):
    """Staying signed in."""

    @operation(
        "auth_refresh",
        "Renew the tokens",
        body=REFRESH,
        reply={200: TokensJson},
        problems=(401,),
    )
    def post(self, request: Request) -> Response:
        """Exchange the refresh token for a new pair.

        Each can be used once. One that comes back later ends the whole sign-in, because
        somebody else must have it too.
        """
        try:
            pair = tokens.refresh(clean(REFRESH, request)["refresh"])
        except tokens.TokenRefused:
            raise AuthenticationFailed(
                _("This refresh token is not valid any more.")
            ) from None
        return Response(tokens_json(pair))


class RevokeView(AnonymousView):
    """Signing out."""

    @operation("auth_revoke", "Sign out", body=REFRESH, reply={204: None})
    def post(self, request: Request) -> HttpResponse:
        """End the sign-in of this refresh token; its access tokens end at once."""
        tokens.revoke(clean(REFRESH, request)["refresh"])
        return HttpResponse(status=204)


def sign_in(
    request: Request, user: User, device: str, cart_token: str | None
) -> TokensJson:
    """Let somebody in who has proved who they are, with what they had as a guest."""
    checkout.claim_orders(user_id=user.pk)
    if cart_token:
        carts.merge(token=cart_token, user_id=user.pk)
    http = request._request  # noqa: SLF001 — allauth takes Django's request
    pair = tokens.sign_in(
        user,
        user_agent=request.headers.get("User-Agent", ""),
        ip=get_adapter().get_client_ip(http),
        device=device,
    )
    return tokens_json(pair)


def check_second_step(user: User, code: str) -> None:
    """Ask for the second step of whoever has one; raise what refuses the sign-in."""
    steps = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    if not is_mfa_enabled(user, steps):
        return
    if not code:
        raise SecondStepNeeded
    form = AuthenticateForm(user=user, data={"code": code})
    # Counts wrong ones, and says no to all after too many.
    if not form.is_valid():
        raise AuthenticationFailed(_("This code is not valid."))
    form.authenticator.record_usage()


def _authenticate(request: Request, asked: dict[str, Any]) -> User:
    http = request._request  # noqa: SLF001 — allauth takes Django's request
    email = asked["email"].lower()
    limits.check_password_try(request, email)
    try:
        user = get_adapter().authenticate(http, email=email, password=asked["password"])
    except DjangoValidationError:
        # The only thing it raises: too many failed attempts.
        raise RateLimited(wait=60) from None
    if user is None or not user.is_active:
        raise AuthenticationFailed(_("E-mail or password is wrong."))
    known = EmailAddress.objects.filter(user=user, email=email)
    if (
        settings.ACCOUNT_EMAIL_VERIFICATION == "mandatory"
        and not known.filter(verified=True).exists()
    ):
        raise EmailNotVerified
    found: User = user
    check_second_step(found, asked.get("code", ""))
    limits.password_was_right(request, email)
    return found


def _is_known(form: Any) -> bool:
    """Tell whether the address has an account; raise for everything else wrong."""
    if form.is_valid():
        return bool(form.account_already_exists)
    errors = form.errors.as_data()
    taken = [error for error in errors.get("email", ()) if error.code == "email_taken"]
    if taken:
        del errors["email"]
    if errors:
        raise ValidationError(_details(errors))
    return True


def _register(http: Any, form: Any, asked: dict[str, Any]) -> User | None:
    try:
        with transaction.atomic():
            user: User = form.save(http)
            if asked.get("name"):
                accounts.change_profile(
                    user_id=user.pk, name=asked["name"], phone="", marketing="no"
                )
    except IntegrityError:
        # Somebody registered the same address at the same moment.
        return None
    return user


def _send_letter(http: Any, email: str, user: User | None, password: str) -> None:
    if user is None:
        # Takes as long as storing the password of a new shopper.
        make_password(password)
    if not handle_verification_email_rate_limit(http, email):
        return
    if user is None:
        get_adapter().send_account_already_exists_mail(email)
    else:
        EmailAddress.objects.get(user=user, email=email).send_confirmation(
            http, signup=True
        )


def _details(errors: dict[str, list[DjangoValidationError]]) -> dict[str, Any]:
    return {
        "non_field_errors" if name == "__all__" else name: [
            ErrorDetail(message, code=error.code or "invalid")
            for error in found
            for message in error.messages
        ]
        for name, found in errors.items()
    }


def tokens_json(pair: tokens.TokenPair) -> TokensJson:
    return {
        "access": pair.access,
        "refresh": pair.refresh,
        "expires_in": pair.expires_in,
        "token_type": "Bearer",
    }
