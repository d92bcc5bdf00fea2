"""What the shop adds to signing in and up."""

import base64
import hashlib
import logging
from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from anymail.exceptions import AnymailError
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from accounts import devices, staff_hours
from accounts import services as accounts
from cart import services as carts
from checkout import services as checkout
from shop.account_letters import LETTERS, written
from shop.cart_answers import tell_merged
from shop.carts import forget_guest, guest_token
from shop.devices import note
from shop.wishlist import keep_wishes

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Brings along what somebody had as a guest: the cart, and proved orders."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "email_password_mismatch": gettext_lazy("E-mail or password is wrong."),
        "enter_current_password": gettext_lazy("This is not your password."),
        "too_many_login_attempts": gettext_lazy(
            "Too many wrong attempts. Please wait five minutes, then try again."
        ),
    }

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Log a wrong password for somebody of the staff."""
        super().authentication_failed(request, **credentials)
        staff_hours.refuse(str(credentials.get("email") or ""))

    def post_login(
        self, request: HttpRequest, user: Any, **kwargs: Any
    ) -> HttpResponse:
        """Merge the guest's cart into the shopper's own, once; claim orders."""
        note(request, user.pk)
        staff_hours.begin(request.session, user)
        checkout.claim_orders(user_id=user.pk)
        token = guest_token(request)
        if token:
            tell_merged(request, carts.merge(token=token, user_id=user.pk))
        if keep_wishes(request, user.pk):
            messages.success(request, _("Saved to your wishlist."))
        response: HttpResponse = super().post_login(request, user, **kwargs)
        if token:
            forget_guest(response)
        return response

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Claim what was ordered with an address, now that it is proved."""
        is_confirmed: bool = super().confirm_email(request, email_address)
        if is_confirmed:
            checkout.claim_orders(user_id=email_address.user_id)
        return is_confirmed

    def set_password(self, user: Any, password: str) -> None:
        """Set a new password, unless it has changed since this one was allowed to.

        A letter's link that is opened many times at once works once.
        """
        proved = user.password
        user.set_password(password)
        is_first = accounts.replace_password(
            user_id=user.pk, proved=proved, password=user.password
        )
        if not is_first:
            raise ImmediateHttpResponse(redirect("account_reset_password"))
        # Whoever knew the old one is out, and so is every app.
        mine = self.request.user.pk == user.pk and self.request.session.session_key
        devices.end_others(user_id=user.pk, keep=mine or "")
        user.refresh_from_db(fields=["token_version"])

    def unstash_verified_email(self, request: HttpRequest) -> Any:
        """Leave the sessions of apps alone, and those that keep nothing.

        A cookie that only newcomers get would tell which addresses are known.
        """
        if request.path.startswith("/api/"):
            return None
        return request.session.pop("account_verified_email", None)

    def add_message(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        """Say nothing to apps, which have no page to show it on."""
        if not request.path.startswith("/api/"):
            super().add_message(request, *args, **kwargs)

    def save_user(
        self,
        request: HttpRequest,
        user: Any,
        form: Any,
        commit: bool = True,  # noqa: FBT001, FBT002 — allauth's signature
    ) -> Any:
        """Write to a newcomer in the language that they signed up in."""
        language = (get_language() or "")[:2]
        if language in dict(settings.LANGUAGES):
            user.language = language
        return super().save_user(request, user, form, commit=commit)

    def send_mail(
        self, template_prefix: str, email: str, context: dict[str, Any]
    ) -> None:
        """Send a letter; without a mail server there is none, and one asks again.

        The answer is the same: a failure would tell which addresses get letters.
        """
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, AnymailError) as error:
            # Its words may name the address.
            kind = type(error).__name__
            logger.error("No letter of %s: %s", template_prefix, kind)  # noqa: TRY400

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Write our own letters with the look of the shop, others as allauth does."""
        letter = LETTERS.get(template_prefix)
        if letter is None:
            return super().render_mail(template_prefix, email, context, headers)
        to = [email] if isinstance(email, str) else email
        return written(letter, to=to, facts=context)

    def format_email_subject(self, subject: str) -> str:
        """Leave subjects as they are: the sender says which shop it is."""
        return subject


class SecondStepAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Keeps what codes are made from encrypted: a copy of the database is no key."""

    def get_totp_issuer(self) -> str:
        """Return the name of the shop in an app that makes codes."""
        return str(settings.SHOP_NAME)

    def encrypt(self, text: str) -> str:
        """Encrypt by the newest key."""
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt by any key that is still known."""
        return _box().decrypt(encrypted_text.encode()).decode()

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Name the shop in the window that asks for a passkey."""
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return entity | {"name": str(settings.SHOP_NAME)}


def _box() -> MultiFernet:
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = (hashlib.sha256(f"second-step:{one}".encode()).digest() for one in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])
