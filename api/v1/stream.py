"""The stream of paid orders, for systems that check and repair what was pushed."""

from datetime import date, datetime
from typing import Any, TypedDict

from django.conf import settings
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request

from analytics import stream
from analytics.schemas import schema, schema_names
from analytics.transports.base import cloud_event, event_type
from api.fields import MAX_BIGINT, Input, clean_query
from api.pagination import link_header
from api.schema import operation
from api.typing import AuthenticatedRequest
from api.views import PersonalView, PublicView, cacheable

MAY_READ = "outbox.view_event"
DEFAULT_LIMIT, MAX_LIMIT = 100, 1_000
MIN_YEAR, MAX_YEAR = 2000, 2999


class CloudEventJson(TypedDict):
    """A CloudEvent 1.0, as it is pushed; ``dataschema`` describes ``data``."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str
    dataschema: str
    sequence: str
    data: dict[str, Any]


class StreamJson(TypedDict):
    """A part of the stream, without gaps from ``after`` + 1 on.

    ``next`` is the address of what follows, ``null`` at the end as it is now.
    """

    items: list[CloudEventJson]
    next: str | None
    last_sequence: int


class ManifestJson(TypedDict):
    """What the stream holds of one shop day, [``start``, ``end``) by ``time``.

    ``is_final`` says that nothing will be added to that day any more.
    """

    day: date
    time_zone: str
    start: datetime
    end: datetime
    type: str
    count: int
    first_sequence: int | None
    last_sequence: int | None
    sha256: str
    is_final: bool


class StreamQuery(Input):
    after = serializers.IntegerField(
        min_value=0,
        max_value=MAX_BIGINT,
        default=0,
        help_text="The last ``sequence`` that one has; 0 begins at the beginning.",
    )
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT
    )


class ManifestQuery(Input):
    day = serializers.DateField(help_text="A day in the shop's time zone.")

    def validate_day(self, day: date) -> date:
        # Midnights of other years are beyond what the clock can say in some zone.
        if not MIN_YEAR <= day.year <= MAX_YEAR:
            raise serializers.ValidationError("Not a year of this shop.")
        return day


STREAM_QUERY = StreamQuery()
MANIFEST_QUERY = ManifestQuery()


class StreamView(PersonalView):
    """Pull and replay."""

    cache_control = "private, no-cache"

    @operation(
        "stream_orders",
        "Read the stream of paid orders",
        query=STREAM_QUERY,
        reply={200: StreamJson},
    )
    def get(self, request: AuthenticatedRequest) -> HttpResponse:
        """Read paid orders again, in the order of ``sequence``, without gaps.

        The events are those that are pushed, with the same ids. It takes the permission
        to see events. A page that has not changed is a 304 for its ``ETag``.
        """
        _check(request)
        asked = clean_query(STREAM_QUERY, request)
        # Before the events: what is numbered meanwhile is on the next page.
        last = stream.last_sequence()
        events = stream.page(after=asked["after"], limit=asked["limit"])
        reached = (events[-1].sequence or 0) if events else asked["after"]
        following = (
            f"{request.path}?after={reached}&limit={asked['limit']}"
            if reached < last
            else None
        )
        body = {
            "items": [cloud_event(event) for event in events],
            "next": following,
            "last_sequence": max(last, reached if events else 0),
        }
        return cacheable(request, body, link_header(body))


class ManifestView(PersonalView):
    """The proof."""

    cache_control = "private, no-cache"

    @operation(
        "stream_manifest",
        "Show what the stream holds of a day",
        query=MANIFEST_QUERY,
        reply={200: ManifestJson},
    )
    def get(self, request: AuthenticatedRequest) -> HttpResponse:
        """Count the paid orders of a shop day, to prove that none is missing.

        A day's events are those whose ``time`` is in [``start``, ``end``). The
        ``sha256`` is the hash, in lower-case hexadecimal, of the events' ids in
        ascending order of ``sequence``, each as 36 ASCII characters (lower case, with
        hyphens) followed by one line feed (0x0A). Of no events it is the hash of no
        bytes. It takes the permission to see events.
        """
        _check(request)
        found = stream.manifest(clean_query(MANIFEST_QUERY, request)["day"])
        body: ManifestJson = {
            "day": found.day,
            "time_zone": settings.TIME_ZONE,
            "start": found.start,
            "end": found.end,
            "type": event_type(stream.TOPIC),
            "count": found.count,
            "first_sequence": found.first_sequence,
            "last_sequence": found.last_sequence,
            "sha256": found.sha256,
            "is_final": found.is_final,
        }
        return cacheable(request, body)


class EventSchemaView(PublicView):
    """What is in an event."""

    @operation(
        "stream_schema", "Show an event's JSON Schema", reply={200: dict[str, Any]}
    )
    def get(self, request: Request, event_type: str) -> HttpResponse:
        """Show the JSON Schema of the ``data`` of a type of events."""
        if event_type not in schema_names():
            raise NotFound
        return cacheable(request, schema(event_type))


def _check(request: AuthenticatedRequest) -> None:
    if not request.user.has_perm(MAY_READ):
        raise PermissionDenied
