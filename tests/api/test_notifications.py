"""What the user was told, and what they want to be told, as JSON."""

from datetime import time
from typing import Any

import pytest

from accounts.models import User
from notifications import services as notifications
from notifications.models import Notification, Preference, QuietHours
from tests.api.client import Api
from tests.factories import UserFactory
from tests.notifications.events import event

pytestmark = pytest.mark.django_db
LIST = "/api/v1/notifications"
PREFERENCES = "/api/v1/notification-preferences"
NIGHT = {"starts": "22:00", "ends": "08:00"}


def hear(user: User, *topics: str) -> list[int]:
    """Tell somebody something; return the ids, oldest first."""
    notifications.tell([event(topic, user_id=user.pk) for topic in topics])
    rows = Notification.objects.of_user(user.pk).order_by("pk")
    return list(rows.values_list("pk", flat=True))


def ids(body: dict[str, Any]) -> list[int]:
    return [item["id"] for item in body["items"]]


def test_notification_says_what_happened_in_words(api: Api, user: User) -> None:
    [only] = hear(user, "order.paid")

    [item] = api.get(LIST).body["items"]

    assert item.pop("created_at")
    assert item == {
        "id": only,
        "kind": "order_paid",
        "group": "orders",
        "title": "Order ABCD-1234-5 is paid",
        "body": "Thank you! We have received ₩43,000 and are getting your "
        "parcel ready.",
        "url": "/orders/ABCD-1234-5/",
        "read_at": None,
    }


def test_words_are_in_the_language_that_is_asked_for(api: Api, user: User) -> None:
    hear(user, "order.paid")

    [item] = api.get(LIST, Accept_Language="ru").body["items"]

    assert item["title"] == "Заказ ABCD-1234-5 оплачен"


def test_list_goes_on_newest_first(api: Api, user: User) -> None:
    told = hear(user, *["order.paid"] * 5)

    first = api.get(f"{LIST}?limit=2")
    second = api.get(first.body["next"])
    third = api.get(second.body["next"])

    found = ids(first.body) + ids(second.body) + ids(third.body)
    assert found == told[::-1]
    assert third.body["next"] is None


def test_catching_up_begins_after_the_last_one_seen(api: Api, user: User) -> None:
    told = hear(user, *["order.paid"] * 5)

    first = api.get(f"{LIST}?after={told[1]}&limit=2")
    second = api.get(first.body["next"])

    assert ids(first.body) + ids(second.body) == told[2:]
    assert second.body["next"] is None
    assert ids(api.get(f"{LIST}?after={told[-1]}").body) == []


def test_list_can_be_narrowed(api: Api, user: User) -> None:
    paid, coupon = hear(user, "order.paid", "coupon.issued")
    api.post(f"{LIST}/{paid}/read")

    assert ids(api.get(f"{LIST}?group=rewards").body) == [coupon]
    assert ids(api.get(f"{LIST}?unread=true").body) == [coupon]
    assert api.get(f"{LIST}?group=weather").status == 400


def test_reading_twice_keeps_the_first_time(api: Api, user: User) -> None:
    [only] = hear(user, "order.paid")

    first = api.post(f"{LIST}/{only}/read").body["read_at"]

    assert first is not None
    assert api.post(f"{LIST}/{only}/read").body["read_at"] == first


def test_somebody_else_s_are_not_there(api: Api, user: User) -> None:
    [theirs] = hear(UserFactory.create(), "order.paid")

    assert api.post(f"{LIST}/{theirs}/read").code == "notification_not_found"
    assert api.post(f"{LIST}/read-all", {}).body == {"read": 0}
    assert ids(api.get(LIST).body) == []

    assert Notification.objects.get(pk=theirs).read_at is None


def test_all_or_what_was_seen_is_read(api: Api, user: User) -> None:
    _, seen, _ = hear(user, *["order.paid"] * 3)

    assert api.post(f"{LIST}/read-all", {"until_id": seen}).body == {"read": 2}
    assert api.post(f"{LIST}/read-all", {}).body == {"read": 1}


def test_guest_has_no_notifications() -> None:
    for path in (LIST, PREFERENCES):
        assert Api().get(path).status == 401


def test_preferences_are_complete(api: Api) -> None:
    body = api.get(PREFERENCES).body

    assert body["quiet_hours"] is None
    assert body["choices"][:3] == [
        {"group": "orders", "channel": "email", "is_on": True, "is_fixed": True},
        {"group": "orders", "channel": "sms", "is_on": False, "is_fixed": False},
        {"group": "orders", "channel": "browser", "is_on": True, "is_fixed": False},
    ]
    assert body["choices"][-1] == {
        "group": "promotions",
        "channel": "browser",
        "is_on": False,
        "is_fixed": False,
    }
    assert len(body["choices"]) == 18


def test_what_is_chosen_is_kept_and_the_rest_stays(api: Api, user: User) -> None:
    Preference.objects.create(user=user, group="stock", channel="sms", is_on=True)
    wish = {
        "choices": [
            {"group": "orders", "channel": "sms", "is_on": True},
            {"group": "promotions", "channel": "email", "is_on": True},
        ],
        "quiet_hours": NIGHT,
    }

    answer = api.put(PREFERENCES, wish)

    on = {
        (choice["group"], choice["channel"])
        for choice in answer.body["choices"]
        if choice["is_on"]
    }
    assert {("orders", "sms"), ("promotions", "email"), ("stock", "sms")} <= on
    assert answer.body["quiet_hours"] == NIGHT
    user.refresh_from_db()
    assert user.wants_marketing_email is True
    hours = QuietHours.objects.get(user=user)
    assert (hours.starts, hours.ends) == (time(22), time(8))
    assert api.get(PREFERENCES).body == answer.body


@pytest.mark.parametrize(
    ("choice", "hours", "code"),
    [
        (("weather", "email"), None, "preference_unknown"),
        (("orders", "pigeon"), None, "preference_unknown"),
        (("rewards", "sms"), None, "preference_unknown"),
        (("orders", "sms"), {"starts": "08:00", "ends": "08:00"}, "quiet_hours_empty"),
    ],
)
def test_impossible_wish_changes_nothing(
    api: Api, user: User, choice: tuple[str, str], hours: Any, code: str
) -> None:
    group, channel = choice
    wish = {
        "choices": [
            {"group": "promotions", "channel": "email", "is_on": True},
            {"group": group, "channel": channel, "is_on": True},
        ],
        "quiet_hours": hours,
    }

    answer = api.put(PREFERENCES, wish)

    assert (answer.status, answer.code) == (400, code)
    user.refresh_from_db()
    assert user.wants_marketing_email is False
    assert not Preference.objects.exists()
    assert not QuietHours.objects.exists()


@pytest.mark.parametrize("clock", ["24:00", "8:00", "08:60", "noon", "08:00:00"])
def test_clock_is_hours_and_minutes(api: Api, clock: str) -> None:
    wish = {"choices": [], "quiet_hours": {"starts": clock, "ends": "08:00"}}

    answer = api.put(PREFERENCES, wish)

    assert answer.status == 400
    assert answer.pointers == ["#/quiet_hours/starts"]


def test_quiet_hours_end_with_null(api: Api, user: User) -> None:
    QuietHours.objects.create(user=user, starts=time(22), ends=time(8))

    body = api.put(PREFERENCES, {"choices": [], "quiet_hours": None}).body

    assert body["quiet_hours"] is None
    assert not QuietHours.objects.exists()
