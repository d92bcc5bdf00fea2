"""What operations about signing in need: letters' tokens, and bodies that they take."""

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str

from accounts.models import User
from tests.factories import PASSWORD

NEW_PASSWORD = "another horse battery"
# They need another service, or leave nothing to look at; they have tests of their own.
ELSEWHERE = {"POST /api/v1/auth/social/{service}", "DELETE /api/v1/users/me"}


def letters(user: User, other: User) -> dict[str, str]:
    """Return the tokens that letters would bring."""
    address = EmailAddress.objects.create(user=other, email=other.email)
    return {
        "verification": EmailConfirmationHMAC(address).key,
        "reset": "-".join(
            [user_pk_to_url_str(user), default_token_generator.make_token(user)]
        ),
    }


def auth_bodies(world: dict[str, Any]) -> dict[str, dict[str, Any]]:
    email = {"email": world["email"]}
    return {
        "auth/register": {
            "email": "new@example.com",
            "password": PASSWORD,
            "name": "x",
        },
        "auth/token": email | {"password": PASSWORD},
        "auth/token/refresh": {"refresh": world["refresh"]},
        "auth/token/revoke": {"refresh": world["refresh"]},
        "auth/verify-email": {"token": world["verification"]},
        "auth/verify-email/resend": email,
        "auth/password/reset": email,
        "auth/password/reset/confirm": {
            "token": world["reset"],
            "password": NEW_PASSWORD,
        },
        "auth/password/change": {
            "current_password": PASSWORD,
            "new_password": NEW_PASSWORD,
        },
    }
