"""Signing up and in: strangers do not learn which addresses have an account."""

from typing import Any

from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.forms import LoginForm, SignupForm
from allauth.account.internal.flows.login import perform_login
from allauth.account.internal.flows.manage_email import assess_unique_email
from allauth.account.internal.flows.signup import complete_signup
from allauth.account.models import Login
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse

from shop.views.preferences import safe_next

MUST = EmailVerificationMethod.MANDATORY


class SignInForm(LoginForm):  # type: ignore[misc]  # allauth has no types
    """Tells browsers that the address is what one signs in with."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].widget.attrs |= {
            "autocomplete": "username webauthn",
            "autocapitalize": "none",
            "inputmode": "email",
        }
        # A link of its own stands below the button.
        self.fields["password"].help_text = ""


class SignUpForm(SignupForm):  # type: ignore[misc]  # allauth has no types
    """E-mail and password. What becomes of it is told by letter only.

    Being signed in at once would tell strangers which addresses are new. The link of
    the letter signs in, if it is opened in the same browser.
    """

    def validate_unique_email(self, value: str) -> str:
        """Take a known address, too; its owner gets a letter about it."""
        self.account_already_exists = not assess_unique_email(value)
        return value.lower()

    def try_save(self, request: HttpRequest) -> tuple[Any, HttpResponse]:
        """Register a newcomer or write to the owner, and show the same page."""
        user = None if self.account_already_exists else self._save(request)
        if user is None:
            # Takes as long as storing the password of a newcomer.
            make_password(self.cleaned_data["password1"])
            email = self.cleaned_data["email"]
            known = Login(user=None, email=email, email_verification=MUST, signup=True)
            return None, perform_login(request, known)
        return user, complete_signup(
            request,
            user=user,
            email_verification=MUST,
            redirect_url=safe_next(request, "") or None,
        )

    def _save(self, request: HttpRequest) -> Any:
        try:
            with transaction.atomic():
                return self.save(request)
        except IntegrityError:
            # Somebody signed up with the same address at the same moment.
            return None
