"""What the tests of the admin share."""

from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.test import Client

from accounts.models import User


def act(client: Client, url: str, action: str, *pks: Any, **given: Any) -> HttpResponse:
    """Send an action for some objects; ``given`` fills the form it asks with."""
    if given:
        given["confirmed"] = "yes"
    data = {"action": action, "_selected_action": [str(pk) for pk in pks], **given}
    return client.post(url, data)  # type: ignore[return-value]


def told(response: HttpResponse) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]  # type: ignore[attr-defined]


def allow(user: User, *codenames: str) -> None:
    """Give somebody permissions, by the names that no two models share."""
    found = Permission.objects.filter(codename__in=codenames)
    assert {permission.codename for permission in found} == set(codenames)
    user.user_permissions.set(found)
