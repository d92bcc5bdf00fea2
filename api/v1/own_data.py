"""Taking one's data along, and going."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import StreamingHttpResponse
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from accounts import devices
from accounts.models import User
from api.authentication import sign_in_of
from api.fields import Input, StrictBoolean, StrictText, clean
from api.schema import operation
from api.typing import AuthenticatedRequest
from api.v1.auth import MAX_PASSWORD
from api.v1.passwords import prove
from api.views import JSON, PersonalView
from checkout import erasing

# A sign-in that is not older needs no password.
FRESH = timedelta(minutes=5)


class LeaveInput(Input):
    password = StrictText(
        max_length=MAX_PASSWORD,
        required=False,
        trim_whitespace=False,
        help_text="Not needed within five minutes of signing in.",
    )
    gives_up_points = StrictBoolean(
        required=False, help_text="Points that are left may be lost."
    )


LEAVE = LeaveInput()


class ExportView(PersonalView):
    """All that the shop holds about somebody."""

    cache_control = "no-store"

    @operation("users_export", "Take one's data along", reply={200: dict[str, Any]})
    def get(self, request: AuthenticatedRequest) -> StreamingHttpResponse:
        """Give everything the shop holds about the shopper, as one document.

        It is the one that the storefront offers, and grows with the shop: each part is
        a list of objects under its name.
        """
        document = import_string(settings.PERSONAL_DATA)
        parts: Iterator[str] = document(request.user)
        return StreamingHttpResponse(parts, content_type=JSON)


def leave(request: AuthenticatedRequest) -> None:
    """Delete the account of who asks and proves it."""
    asked = clean(LEAVE, request)
    user: User = request.user
    password = asked.get("password")
    if password is not None:
        prove(user, password, "password")
    elif not devices.is_fresh(
        user_id=user.pk, session_key=sign_in_of(request), within=FRESH
    ):
        raise ValidationError({"password": [_("Send your password.")]}, "required")
    erasing.erase_account(
        user_id=user.pk, gives_up_points=asked.get("gives_up_points", False)
    )
