"""What the user was told, and what they want to be told."""

from collections.abc import Sequence
from datetime import datetime, time
from typing import Any, Literal, TypedDict, cast

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from accounts.models import User
from api.fields import (
    MAX_BIGINT,
    Id,
    Input,
    StrictBoolean,
    StrictText,
    clean,
    clean_query,
)
from api.idempotency import once
from api.pagination import PageQuery, decode_cursor, encode_cursor, link_header, page
from api.schema import operation
from api.shapes import PageJson
from api.typing import AuthenticatedRequest
from api.views import PersonalView
from notifications import selectors
from notifications import services as notifications
from notifications.models import Group, Notification

GroupName = Literal[
    "orders", "payments", "returns", "reviews", "stock", "rewards", "promotions"
]
ChannelName = Literal["email", "sms", "browser"]
CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"
MAX_CHOICES = 50


class NotificationJson(TypedDict):
    """One piece of news, in the language of the request.

    ``url`` is a path of the shop's pages. Ids grow: the largest one seen is what
    ``after`` takes.
    """

    id: int
    kind: str
    group: GroupName
    title: str
    body: str
    url: str
    created_at: datetime
    read_at: datetime | None


class ReadJson(TypedDict):
    """How many were new."""

    read: int


class ChoiceJson(TypedDict):
    """Whether a channel brings news of a group, and whether that can be changed."""

    group: GroupName
    channel: ChannelName
    is_on: bool
    is_fixed: bool


class QuietHoursJson(TypedDict):
    """From when until when, as HH:MM by the shop's clock."""

    starts: str
    ends: str


class PreferencesJson(TypedDict):
    """Every choice there is, and the quiet hours."""

    choices: list[ChoiceJson]
    quiet_hours: QuietHoursJson | None


class NotificationQuery(PageQuery):
    """Which notifications."""

    group = serializers.ChoiceField(Group.choices, required=False)
    unread = serializers.BooleanField(
        required=False, help_text="Only what is not read yet."
    )
    after = serializers.IntegerField(
        min_value=0,
        max_value=MAX_BIGINT,
        required=False,
        help_text="Only what came after this id, oldest first: for catching up.",
    )


class ReadAllInput(Input):
    until_id = Id(required=False, help_text="The newest one that was seen.")


class ChoiceInput(Input):
    group = StrictText(max_length=16)
    channel = StrictText(max_length=16)
    is_on = StrictBoolean()


class QuietHoursInput(Input):
    starts = serializers.RegexField(CLOCK)
    ends = serializers.RegexField(CLOCK)


class PreferencesInput(Input):
    """What is not named among ``choices`` stays; ``quiet_hours`` are set anew."""

    choices = serializers.ListField(child=ChoiceInput(), max_length=MAX_CHOICES)
    quiet_hours = QuietHoursInput(allow_null=True)

    def validate_choices(self, choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(_choices(choices)) < len(choices):
            raise ValidationError("One of them is named twice.", "repeated")
        return choices


QUERY = NotificationQuery()
READ_ALL = ReadAllInput()
PREFERENCES = PreferencesInput()


class NotificationListView(PersonalView):
    """The list of news."""

    cache_control = "private, no-cache"

    @operation(
        "notifications_list",
        "List notifications",
        query=QUERY,
        reply={200: PageJson[NotificationJson]},
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List what the user was told: newest first, or all that came after an id."""
        asked = clean_query(QUERY, request)
        rows = Notification.objects.of_user(request.user.pk)
        if group := asked.get("group"):
            rows = rows.in_group(group)
        if asked.get("unread"):
            rows = rows.unread()
        chosen = rows
        position = decode_cursor(asked.get("cursor"), int)
        if "after" in asked:
            rows = rows.filter(pk__gt=position[0] if position else asked["after"])
            rows = rows.order_by("pk")
        else:
            rows = rows.filter(pk__lt=position[0]) if position else rows
            rows = rows.newest_first()
        body = page(
            request,
            list(rows[: asked["limit"] + 1]),
            asked["limit"],
            cursor_of=lambda row: encode_cursor(row.pk),
            render=notification_json,
            all_rows=chosen,
        )
        return Response(body, headers=link_header(body))


class NotificationReadView(PersonalView):
    """One of them, read."""

    @operation(
        "notifications_read",
        "Mark a notification as read",
        reply={200: NotificationJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, notification_id: int) -> HttpResponse:
        """Mark one as read; the first time counts."""

        def read() -> NotificationJson:
            return notification_json(
                notifications.read(
                    user_id=request.user.pk, notification_id=notification_id
                )
            )

        return once(request, read)


class NotificationReadAllView(PersonalView):
    """All of them, read."""

    @operation(
        "notifications_read-all",
        "Mark all notifications as read",
        body=READ_ALL,
        example={"until_id": 1204},
        reply={200: ReadJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Mark everything as read, or what came up to ``until_id``."""
        asked = clean(READ_ALL, request)

        def read_all() -> ReadJson:
            count = notifications.read_all(
                user_id=request.user.pk, until_id=asked.get("until_id")
            )
            return {"read": count}

        return once(request, read_all)


class NotificationPreferencesView(PersonalView):
    """What is told by which channel."""

    cache_control = "private, no-cache"

    @operation(
        "notifications_preferences", "Show preferences", reply={200: PreferencesJson}
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """Show every choice there is, and the quiet hours."""
        return Response(preferences_json(request.user))

    @operation(
        "notifications_update-preferences",
        "Change preferences",
        body=PREFERENCES,
        example={
            "choices": [{"group": "orders", "channel": "sms", "is_on": True}],
            "quiet_hours": {"starts": "22:00", "ends": "08:00"},
        },
        reply={200: PreferencesJson},
        keyed="yes",
    )
    def put(self, request: AuthenticatedRequest) -> HttpResponse:
        """Set choices and quiet hours; ``null`` ends the quiet hours.

        Offers by letter or text are consents, and change the profile as well.
        """
        asked = clean(PREFERENCES, request)

        def change() -> PreferencesJson:
            notifications.choose(
                user_id=request.user.pk,
                choices=_choices(asked["choices"]),
                hours=_hours(asked["quiet_hours"]),
            )
            return preferences_json(User.objects.get(pk=request.user.pk))

        return once(request, change)


def notification_json(row: Notification) -> NotificationJson:
    title, body = selectors.worded(row)
    return {
        "id": row.pk,
        "kind": row.kind,
        "group": row.group,  # type: ignore[typeddict-item]  # the column's own choices
        "title": title,
        "body": body,
        "url": row.url,
        "created_at": row.created_at,
        "read_at": row.read_at,
    }


def preferences_json(user: User) -> PreferencesJson:
    hours = selectors.quiet_hours_of(user.pk)
    return {
        "choices": [
            {
                "group": cast("GroupName", choice.group.value),
                "channel": cast("ChannelName", choice.channel.value),
                "is_on": choice.is_on,
                "is_fixed": choice.is_fixed,
            }
            for choice in selectors.choices_of(user)
        ],
        "quiet_hours": {
            "starts": f"{hours.starts:%H:%M}",
            "ends": f"{hours.ends:%H:%M}",
        }
        if hours
        else None,
    }


def _choices(asked: Sequence[dict[str, Any]]) -> dict[tuple[str, str], bool]:
    return {(one["group"], one["channel"]): one["is_on"] for one in asked}


def _hours(asked: dict[str, str] | None) -> tuple[time, time] | None:
    if asked is None:
        return None
    return time.fromisoformat(asked["starts"]), time.fromisoformat(asked["ends"])
