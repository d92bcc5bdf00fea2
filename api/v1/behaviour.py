"""What clients saw a shopper do, if the shopper agreed; and the agreement itself."""

import re
from datetime import datetime
from typing import Any, TypedDict
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import behaviour, privacy, pseudonyms
from analytics.behaviour import Act
from analytics.models import Behaviour
from api.fields import Id, Input, StrictBoolean, StrictText, clean
from api.idempotency import once
from api.schema import operation
from api.typing import AuthenticatedRequest
from api.views import GuestView, PersonalView

MOST_EVENTS = 50
# What is bought is known from the orders.
KINDS = [
    Behaviour.VIEW.value,
    Behaviour.SEARCH.value,
    Behaviour.ADD.value,
    Behaviour.REMOVE.value,
    Behaviour.SHOWN.value,
    Behaviour.CLICK.value,
]
ABOUT_NOTHING = {Behaviour.SEARCH.value, Behaviour.SHOWN.value}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII
)


class AcceptedJson(TypedDict):
    """How many events were new and about something on sale; 0 without consent."""

    accepted: int


class PrivacyJson(TypedDict):
    """What the shopper chose; ``consents`` is null until they were asked."""

    consents: bool | None
    wants_recommendations: bool


@extend_schema_field({"type": "string", "format": "uuid"})
class Uuid(StrictText):
    """A UUID, written in the usual way."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not _UUID.fullmatch(text):
            self.fail("invalid")
        return UUID(text)


@extend_schema_field({"type": "string", "format": "date-time"})
class Moment(StrictText):
    """A moment with its offset from UTC (RFC 3339)."""

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if not _MOMENT.fullmatch(text):
            self.fail("invalid")
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            self.fail("invalid")


class EventInput(Input):
    id = Uuid(help_text="Made by the client: the same event counts once.")
    type = serializers.ChoiceField(KINDS)
    at = Moment(help_text="When; brought into the last 24 hours.")
    product_id = Id(required=False, help_text="Not for `search` and `shown`.")
    query = StrictText(max_length=100, required=False, help_text="For `search`.")
    source = serializers.RegexField(  # type: ignore[assignment]  # not the base class's
        r"^[a-z_]{1,24}$", required=False, help_text="The page or list it happened on."
    )
    session = StrictText(
        max_length=64, required=False, help_text="The client's name for the visit."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        about_product = attrs["type"] not in ABOUT_NOTHING
        if about_product and "product_id" not in attrs:
            raise ValidationError({"product_id": [_("It is required.")]}, "required")
        if attrs["type"] == Behaviour.SEARCH.value and "query" not in attrs:
            raise ValidationError({"query": [_("It is required.")]}, "required")
        if not about_product:
            attrs.pop("product_id", None)
        return attrs


class EventsInput(Input):
    events = serializers.ListField(
        child=EventInput(), min_length=1, max_length=MOST_EVENTS
    )
    consent = StrictBoolean(
        required=False, help_text="Whether a shopper without an account agreed."
    )
    visitor_id = Uuid(
        required=False, help_text="A random name for a shopper without an account."
    )

    def validate_events(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({event["id"] for event in events}) < len(events):
            raise ValidationError(_("One of them is named twice."), "repeated")
        return events


class PrivacyInput(Input):
    consents = StrictBoolean()
    wants_recommendations = StrictBoolean()


EVENTS = EventsInput()
PRIVACY = PrivacyInput()


class EventListView(GuestView):
    """What shoppers do."""

    @operation(
        "events_create",
        "Report what a shopper did",
        body=EVENTS,
        example={
            "events": [
                {
                    "id": "0b7e6a0e-5b0f-4d0c-9a43-0d2f6f2f7a11",
                    "type": "view",
                    "at": "2026-11-21T10:00:00+09:00",
                    "product_id": 42,
                    "source": "search",
                }
            ],
            "consent": True,
            "visitor_id": "7c2f5f0e-31a5-4e5b-8b62-6a1f60a3c7d1",
        },
        reply={202: AcceptedJson},
        keyed="yes",
    )
    def post(self, request: Request) -> HttpResponse:
        """Take up to 50 events at once; without consent nothing is kept.

        The consent of a signed-in user is the one in `/privacy`; others say `consent`
        and a `visitor_id`. Sending a batch again does no harm.
        """
        asked = clean(EVENTS, request)
        actor = _actor(request, asked)

        def take() -> AcceptedJson:
            if actor is None:
                return {"accepted": 0}
            acts = [_act(event, actor) for event in asked["events"]]
            return {"accepted": behaviour.record(acts)}

        visitor = str(asked.get("visitor_id", ""))
        return once(request, take, status=202, guest=visitor)


class PrivacyView(PersonalView):
    """What the shopper agreed to."""

    @operation("privacy_retrieve", "Show privacy choices", reply={200: PrivacyJson})
    def get(self, request: AuthenticatedRequest) -> Response:
        """Show whether the user may be observed, and wants recommendations."""
        return Response(_privacy(privacy.choices_of(request.user.pk)))

    @operation(
        "privacy_update",
        "Change privacy choices",
        body=PRIVACY,
        example={"consents": True, "wants_recommendations": True},
        reply={200: PrivacyJson},
    )
    def put(self, request: AuthenticatedRequest) -> Response:
        """Set both; taking a consent back deletes what was observed."""
        asked = clean(PRIVACY, request)
        return Response(_privacy(privacy.choose(user_id=request.user.pk, **asked)))


def _actor(request: Request, asked: dict[str, Any]) -> UUID | None:
    if request.user.is_authenticated:
        user_id = request.user.pk
        consents = privacy.choices_of(user_id).consents
        return pseudonyms.of_user(user_id) if consents else None
    if asked.get("consent") and "visitor_id" in asked:
        return pseudonyms.of_visitor(str(asked["visitor_id"]))
    return None


def _act(event: dict[str, Any], actor: UUID) -> Act:
    return Act(
        event["type"],
        actor,
        event["at"],
        event.get("product_id"),
        query=event.get("query", ""),
        source=event.get("source", ""),
        session=event.get("session", ""),
        event_id=event["id"],
    )


def _privacy(choices: privacy.Choices) -> PrivacyJson:
    return {
        "consents": choices.consents,
        "wants_recommendations": choices.wants_recommendations,
    }
