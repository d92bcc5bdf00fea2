"""The phones that news go to, and the way to live news without a cookie."""

from datetime import datetime
from typing import Literal, TypedDict

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.response import Response

from accounts import tickets
from api.authentication import sign_in_of
from api.fields import Input, StrictText, clean
from api.idempotency import claim_of, once, respond
from api.schema import operation
from api.typing import AuthenticatedRequest
from api.views import PersonalView
from common.idempotency import Reply, run
from notifications import devices
from notifications.models import LONGEST_TOKEN, Platform, PushDevice


class PushDeviceJson(TypedDict):
    """A phone that is registered; its token is not shown again."""

    id: int
    platform: Literal["ios", "android", "web"]
    registered_at: datetime


class TicketJson(TypedDict):
    """Open `path` on the live server with `?ticket=`, once and within `expires_in`."""

    ticket: str
    expires_in: int
    path: str


class DeviceInput(Input):
    token = StrictText(
        max_length=LONGEST_TOKEN, help_text="From the service of the phone's maker."
    )
    platform = serializers.ChoiceField(Platform.values)


DEVICE = DeviceInput()


class DeviceListView(PersonalView):
    """New phones."""

    @operation(
        "devices_create",
        "Register a phone for news",
        body=DEVICE,
        example={"token": "fcm:9a1f0c", "platform": "android"},
        reply={201: PushDeviceJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Register the token of this phone, again whenever the app starts.

        A token belongs to whoever registered it last. Twenty phones are kept.
        """
        asked = clean(DEVICE, request)
        return once(
            request,
            lambda: device_json(devices.register(user_id=request.user.pk, **asked)),
            status=201,
        )


class DeviceView(PersonalView):
    """One phone."""

    @operation("devices_destroy", "Take a phone off", reply={204: None}, keyed="yes")
    def delete(self, request: AuthenticatedRequest, device_id: int) -> HttpResponse:
        """Tell this phone nothing any more, for instance at sign-out."""

        def forget() -> Reply:
            devices.forget(user_id=request.user.pk, device_id=device_id)
            return Reply(204, "")

        return respond(run(claim_of(request), forget))


class TicketView(PersonalView):
    """The way into the WebSocket."""

    @operation(
        "notifications_ticket",
        "Get a ticket for live news",
        reply={201: TicketJson},
        problems=(403,),
    )
    def post(self, request: AuthenticatedRequest) -> Response:
        """Get a ticket for the WebSocket: it is good once, for 30 seconds.

        Each request gives a new one, so there is no key to repeat it with.
        """
        session_key = sign_in_of(request)
        if not session_key:
            raise PermissionDenied
        body: TicketJson = {
            "ticket": tickets.issue(request.user, session_key=session_key),
            "expires_in": tickets.SECONDS,
            "path": "/ws/",
        }
        return Response(body, status=201)


def device_json(device: PushDevice) -> PushDeviceJson:
    return {
        "id": device.pk,
        "platform": device.platform,  # type: ignore[typeddict-item]  # the column's own choices
        "registered_at": device.registered_at,
    }
