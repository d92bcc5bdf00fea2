"""Signing in with the account of another service, by the token that its app gives."""

from typing import Any, Literal, TypedDict

import jwt
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.email_verification import (
    handle_verification_email_rate_limit,
)
from allauth.account.models import EmailAddress
from allauth.socialaccount.adapter import get_adapter as get_social_adapter
from allauth.socialaccount.internal.flows.login import pre_social_login
from allauth.socialaccount.models import SocialLogin, SocialToken
from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _
from requests import HTTPError, RequestException
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import EmailMissing, ServiceNotOffered, ServiceTokenInvalid
from accounts.models import User
from api.fields import Input, StrictText, clean
from api.schema import CART_TOKEN, operation
from api.shapes import ListJson
from api.v1.auth import (
    AnonymousView,
    EmailNotVerified,
    TokensJson,
    check_second_step,
    sign_in,
)
from api.v1.carts import guest_token
from common.errors import Unavailable

KAKAO_TOKEN_URL = "https://kapi.kakao.com/v1/user/access_token_info"  # noqa: S105 — an address
ID_TOKEN, ACCESS_TOKEN = "id_token", "access_token"
# What an app of each has to show. The others know no tokens that only we may take.
TAKES: dict[str, Literal["id_token", "access_token"]] = {
    "google": "id_token",
    "kakao": "access_token",
    "yandex": "access_token",
}
SERVER_ERROR = 500


class ServiceAway(Unavailable):
    """The other service does not answer; the same request may succeed soon."""

    code = "service_away"

    def __init__(self) -> None:
        super().__init__(_("The other service does not answer."))


class ServiceJson(TypedDict):
    """A service one can sign in with: its id of us, and which token it has to give."""

    service: str
    title: str
    client_id: str
    takes: Literal["id_token", "access_token"]


class ServiceTokenInput(Input):
    """One of the tokens, as ``takes`` says."""

    id_token = StrictText(max_length=8000, required=False)
    access_token = StrictText(max_length=4000, required=False)
    code = StrictText(max_length=16, required=False, allow_blank=True)
    device = StrictText(max_length=80, required=False, allow_blank=True)


SERVICE_TOKEN = ServiceTokenInput()


class ServiceListView(AnonymousView):
    """Services one can sign in with."""

    @operation("auth_services", "List services", reply={200: ListJson[ServiceJson]})
    def get(self, request: Request) -> Response:  # noqa: ARG002 — DRF's signature
        """List the services one can sign in with; there may be none."""
        body: ListJson[ServiceJson] = {
            "items": [
                {
                    "service": name,
                    "title": name.title(),
                    "client_id": about["APPS"][0]["client_id"],
                    "takes": TAKES[name],
                }
                for name, about in settings.SOCIALACCOUNT_PROVIDERS.items()
                if _is_offered(name)
            ]
        }
        return Response(body)


class ServiceSignInView(AnonymousView):
    """Signing in and up."""

    @operation(
        "auth_service-token",
        "Sign in with another service",
        body=SERVICE_TOKEN,
        example={"id_token": "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.e30.c2ln"},
        reply={200: TokensJson},
        headers=[CART_TOKEN],
        problems=(400, 401, 403, 404),
    )
    def post(self, request: Request, service: str) -> Response:
        """Exchange the token of another service for ours; sign up who is new.

        An account with the same address is opened if the service has proved the
        address. Otherwise a letter asks for the proof first (403 `email_not_verified`,
        the same whether the address is known or not).
        """
        asked = clean(SERVICE_TOKEN, request)
        if not _is_offered(service):
            raise ServiceNotOffered
        token = asked.get(TAKES[service])
        if not token:
            raise ValidationError(
                {TAKES[service]: [_("This token is needed.")]}, "required"
            )
        cart_token = guest_token(request)
        http = request._request  # noqa: SLF001 — allauth takes Django's request
        login = _login_of(http, service, token)
        user = _open(http, login, asked.get("code", ""))
        body = sign_in(request, user, asked.get("device", ""), cart_token)
        return Response(body)


def _is_offered(service: str) -> bool:
    is_on = service in settings.SOCIALACCOUNT_PROVIDERS
    return is_on and (service != "kakao" or settings.KAKAO_APP_ID != 0)


def _login_of(http: Any, service: str, token: str) -> SocialLogin:
    """Return who the service says it is, if it made the token for us."""
    provider = get_social_adapter(http).get_provider(http, service)
    try:
        if service == "google":
            return _by_id_token(http, provider, token)
        return _by_access_token(http, provider, token)
    except DjangoValidationError as error:
        raise _refusal(error.__cause__) from error
    except (RequestException, KeyError, TypeError, ValueError) as error:
        raise _refusal(error) from error


def _by_id_token(http: Any, provider: Any, token: str) -> SocialLogin:
    try:
        head = jwt.get_unverified_header(token)
    except jwt.InvalidTokenError:
        raise ServiceTokenInvalid from None
    # The library would take whatever the token says that it is signed with.
    if head.get("alg") != "RS256" or not isinstance(head.get("kid"), str):
        raise ServiceTokenInvalid
    return provider.verify_token(http, {ID_TOKEN: token})


def _by_access_token(http: Any, provider: Any, token: str) -> SocialLogin:
    """Ask who it is, and for which app the token was made: another's opens nothing."""
    if provider.id == "kakao" and _kakao_app(token) != settings.KAKAO_APP_ID:
        raise ServiceTokenInvalid
    adapter = provider.get_oauth2_adapter(http)
    login = adapter.complete_login(http, provider.app, SocialToken(token=token))
    told = login.account.extra_data
    if provider.id == "yandex" and told.get("client_id") != provider.app.client_id:
        raise ServiceTokenInvalid
    return login


def _kakao_app(token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    with get_social_adapter().get_requests_session() as session:
        answer = session.get(KAKAO_TOKEN_URL, headers=headers)
        answer.raise_for_status()
        return answer.json()["app_id"]


def _refusal(error: BaseException | None) -> ServiceTokenInvalid | ServiceAway:
    if isinstance(error, HTTPError) and error.response.status_code < SERVER_ERROR:
        return ServiceTokenInvalid()
    return (
        ServiceAway() if isinstance(error, RequestException) else ServiceTokenInvalid()
    )


def _open(http: Any, login: SocialLogin, code: str) -> User:
    """Return whose account it is, a new one's too, or raise what is still missing."""
    pre_social_login(http, login)
    if not login.is_existing:
        try:
            return _sign_up(http, login)
        except IntegrityError:
            # Somebody signed up with the same address or account at the same moment.
            login.lookup()
    if not login.is_existing:
        raise EmailNotVerified
    user: User = login.user
    if not user.is_active:
        raise AuthenticationFailed(_("E-mail or password is wrong."))
    if not EmailAddress.objects.filter(user=user, verified=True).exists():
        _write(http, user.email, user)
        raise EmailNotVerified
    check_second_step(user, code)
    login._accept_login(http)  # noqa: SLF001 — what its own flow does
    return user


def _sign_up(http: Any, login: SocialLogin) -> User:
    if not login.email_addresses:
        raise EmailMissing
    email = login.email_addresses[0].email
    if User.objects.filter(email=email).exists() or _is_taken(email):
        # The service has not proved it, or the account would have been found.
        _write(http, email, None)
        raise EmailNotVerified
    with transaction.atomic():
        user: User = get_social_adapter().save_user(http, login)
    if not EmailAddress.objects.filter(user=user, verified=True).exists():
        _write(http, email, user)
        raise EmailNotVerified
    return user


def _is_taken(email: str) -> bool:
    return bool(EmailAddress.objects.filter(email=email).exists())


def _write(http: Any, email: str, user: User | None) -> None:
    if not handle_verification_email_rate_limit(http, email):
        return
    if user is None:
        get_adapter().send_account_already_exists_mail(email)
    else:
        address = EmailAddress.objects.get(user=user, email=email)
        address.send_confirmation(http, signup=True)
