"""Where somebody is signed in, and how that ends."""

from datetime import datetime
from typing import Literal, TypedDict
from uuid import UUID

from django.http import HttpResponse
from rest_framework.response import Response

from accounts import devices
from accounts.devices import SignIn
from accounts.models import User
from accounts.user_agents import icon_of, named
from api import tokens
from api.authentication import sign_in_of
from api.schema import operation
from api.shapes import ListJson
from api.typing import AuthenticatedRequest
from api.views import PersonalView
from common.db import use_case


class SignInJson(TypedDict):
    """A browser or an app that is signed in."""

    id: UUID
    name: str
    kind: Literal["phone", "screen"]
    ip: str
    signed_in_at: datetime
    last_seen_at: datetime
    is_current: bool


class SignInView(PersonalView):
    """Sign-ins are nobody's business, not even of a cache of one's own."""

    cache_control = "no-store"


class SessionListView(SignInView):
    """All sign-ins."""

    @operation("auth_sessions", "List sign-ins", reply={200: ListJson[SignInJson]})
    def get(self, request: AuthenticatedRequest) -> Response:
        """List the browsers and apps that are signed in, the last seen first.

        "Last seen" is exact to five minutes.
        """
        mine = sign_in_of(request)
        found = devices.open_of(request.user.pk)
        body: ListJson[SignInJson] = {
            "items": [sign_in_json(one, mine) for one in found]
        }
        return Response(body)


class SessionView(SignInView):
    """One sign-in."""

    @operation("auth_end-session", "End a sign-in", reply={204: None})
    def delete(self, request: AuthenticatedRequest, session_id: UUID) -> HttpResponse:
        """Sign a browser or an app out at once; it may be the one in use."""
        devices.end(user_id=request.user.pk, device_id=session_id)
        return HttpResponse(status=204)


class OtherSessionsView(SignInView):
    """All sign-ins but the one in use."""

    @operation("auth_end-other-sessions", "End all other sign-ins", reply={204: None})
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Sign out everywhere else at once, and end what third parties were allowed.

        The access token in use ends, too: its refresh token gets the next pair.
        """
        _end_others(request.user, keep=sign_in_of(request))
        return HttpResponse(status=204)


def sign_in_json(one: SignIn, mine: str) -> SignInJson:
    return {
        "id": one.public_id,
        "name": named(one.user_agent, one.name),
        "kind": "phone" if icon_of(one.user_agent) == "phone" else "screen",
        "ip": one.ip or "",
        "signed_in_at": one.created_at,
        "last_seen_at": one.last_seen_at,
        "is_current": one.session_key == mine,
    }


@use_case
def _end_others(user: User, *, keep: str) -> None:
    devices.end_others(user_id=user.pk, keep=keep)
    tokens.carry_over(User.objects.get(pk=user.pk), keep)
