"""Signing in with the account of another service, as the settings switch it on."""

from typing import Any

from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.internal.flows.login import perform_login
from allauth.account.internal.flows.manage_email import assess_unique_email
from allauth.account.models import Login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.forms import SignupForm
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.conf import settings
from django.db.models.expressions import DatabaseDefault
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language

from accounts import proving
from checkout import services as checkout

MUST = EmailVerificationMethod.MANDATORY
# What a service says of an address is believed; this one says nothing, so only
# addresses that it gives out itself are.
OWN_DOMAINS = {
    "yandex": {
        *("ya.ru", "yandex.by", "yandex.com", "yandex.com.tr", "yandex.kz"),
        *("yandex.ru", "yandex.ua", "yandex.uz", "narod.ru"),
    }
}


class SocialAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Knows the services of the settings, and none from the database."""

    def list_apps(
        self,
        request: HttpRequest,  # noqa: ARG002 — allauth's signature
        provider: Any = None,
        client_id: Any = None,
    ) -> list[SocialApp]:
        """Return the services that are on, all or the one that is asked for."""
        apps = [
            SocialApp(provider=name, name=name.title(), **app)
            for name, about in settings.SOCIALACCOUNT_PROVIDERS.items()
            for app in about["APPS"]
            if provider in {None, name} and client_id in {None, app["client_id"]}
        ]
        if provider is not None and not apps:
            raise Http404
        return apps

    def pre_social_login(
        self,
        request: HttpRequest,  # noqa: ARG002 — allauth's signature
        sociallogin: SocialLogin,
    ) -> None:
        """Claim orders for whom the service's word opens an account."""
        email = sociallogin._did_authenticate_by_email  # noqa: SLF001 — set by its look-up
        user = sociallogin.user
        if email and proving.take_over(user_id=user.pk, email=email):
            user.refresh_from_db()
            checkout.claim_orders(user_id=user.pk)

    def is_auto_signup_allowed(
        self, request: HttpRequest, sociallogin: SocialLogin
    ) -> bool:
        """Write to the owner of an address that is known and was not proved.

        What is seen is what a newcomer sees: strangers learn nothing.
        """
        for address in sociallogin.email_addresses[:1]:
            if not assess_unique_email(address.email):
                raise ImmediateHttpResponse(sent_letter(request, address.email))
        return bool(super().is_auto_signup_allowed(request, sociallogin))

    def serialize_instance(self, instance: Any) -> dict[str, Any]:
        """Leave out what the database fills in."""
        for field in instance._meta.concrete_fields:  # noqa: SLF001 — Django documents _meta
            if isinstance(getattr(instance, field.attname), DatabaseDefault):
                delattr(instance, field.attname)
        told: dict[str, Any] = super().serialize_instance(instance)
        return told

    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> Any:
        """Take over name and language; believe only addresses that are proved."""
        user = super().populate_user(request, sociallogin, data)
        names = (data.get("first_name"), data.get("last_name"))
        full_name = " ".join(str(name) for name in names if name)
        user.name = (full_name or str(data.get("username") or ""))[:150]
        language = (get_language() or "")[:2]
        if language in dict(settings.LANGUAGES):
            user.language = language
        user.email = user.email.lower()
        for address in sociallogin.email_addresses:
            address.email = address.email.lower()
            address.verified = is_proved(
                sociallogin.account.provider, address.email, address.verified
            )
        return user


class SocialSignUpForm(SignupForm):  # type: ignore[misc]  # allauth has no types
    """Asks for the address that a service did not tell."""

    def validate_unique_email(self, value: str) -> str:
        """Take a known address, too; its owner gets a letter about it."""
        self.account_already_exists = not assess_unique_email(value)
        return value.lower()

    def try_save(self, request: HttpRequest) -> tuple[Any, HttpResponse | None]:
        """Sign a newcomer up, or write to the owner and show the same page."""
        if self.account_already_exists:
            return None, sent_letter(request, self.cleaned_data["email"])
        return self.save(request), None


def sent_letter(request: HttpRequest, email: str) -> HttpResponse:
    """Write to the owner of a known address; go on as if it were a new one."""
    known = Login(user=None, email=email, email_verification=MUST, signup=True)
    response: HttpResponse = perform_login(request, known)
    return response


def is_proved(provider: str, email: str, told: object) -> bool:
    """Tell whether a service has shown that an address is its user's."""
    own = OWN_DOMAINS.get(provider)
    if own is not None:
        return email.rpartition("@")[2].lower() in own
    return told is True


def services() -> list[tuple[str, str]]:
    """Return name and title of the services one can sign in with."""
    return [(name, name.title()) for name in settings.SOCIALACCOUNT_PROVIDERS]
