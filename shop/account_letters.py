"""Letters about signing in and up, with the look of all our letters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from shop.at_home import at_home


@dataclass(frozen=True)
class AccountLetter:
    """What a letter says, and where its button leads."""

    title: Promise
    body: Promise
    action: Promise
    why: Promise
    # The name under which allauth gives the address.
    url: str


CONFIRM = AccountLetter(
    title=_("Is this your address?"),
    body=_("Press the button to confirm it. The link works for three days, once."),
    action=_("Yes, it is mine"),
    why=_("Somebody has entered this address in our shop. If not you, do nothing."),
    url="activate_url",
)
LETTERS: Mapping[str, AccountLetter] = {
    "account/email/email_confirmation": CONFIRM,
    "account/email/email_confirmation_signup": AccountLetter(
        title=_("Welcome! Is this your address?"),
        body=_("Press the button to confirm it, and your account is ready."),
        action=_("Yes, it is mine"),
        why=CONFIRM.why,
        url="activate_url",
    ),
    "account/email/password_reset_key": AccountLetter(
        title=_("Set a new password"),
        body=_(
            "Press the button and choose one. The link works once, for half an hour."
        ),
        action=_("Set a new password"),
        why=_("Somebody has asked for this. If not you, your password stays as it is."),
        url="password_reset_url",
    ),
    "account/email/account_already_exists": AccountLetter(
        title=_("You have an account already"),
        body=_(
            "Somebody wanted to sign up with this address, which has an account in"
            " our shop. If you have forgotten the password, set a new one."
        ),
        action=_("Set a new password"),
        why=_("If that was not you, do nothing: nothing has changed."),
        url="password_reset_url",
    ),
    "account/email/unknown_account": AccountLetter(
        title=_("There is no account with this address"),
        body=_(
            "Somebody has asked for a new password for this address, but it has no"
            " account in our shop. Perhaps you signed up with another one?"
        ),
        action=_("Create an account"),
        why=_("If that was not you, do nothing: nothing has changed."),
        url="signup_url",
    ),
}


def written(
    letter: AccountLetter, *, to: list[str], facts: Mapping[str, Any]
) -> EmailMultiAlternatives:
    """Write a letter in the active language, with and without HTML."""
    context = {
        "title": str(letter.title),
        "body": str(letter.body),
        "action": str(letter.action),
        "why": str(letter.why),
        "url": at_home(str(facts[letter.url])),
        "language": get_language(),
        "shop_name": settings.SHOP_NAME,
        "shop_url": settings.SHOP_BASE_URL,
    }
    text = render_to_string("emails/account.txt", context)
    html = render_to_string("emails/account.html", context)
    message = EmailMultiAlternatives(context["title"], text, to=to)
    message.attach_alternative(html, "text/html")
    return message
