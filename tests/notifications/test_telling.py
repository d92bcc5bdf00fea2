"""Who is told what, by which ways, and only once."""

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

import pytest

from accounts.models import User
from common.days import shop_zone
from notifications import services as notifications
from notifications import tasks
from notifications.errors import NotificationNotFound
from notifications.models import (
    Channel,
    Message,
    MessageState,
    Notification,
    Preference,
    QuietHours,
)
from notifications.quiet import quiet_until
from orders.guests import order_of
from outbox.services import DELIVERED
from tests.factories import CouponBatchFactory, UserFactory
from tests.notifications.events import ORDER, event

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return UserFactory.create(email="kim@example.com", phone="+82 10-1234-5678")


def ways(**narrowing: object) -> list[str]:
    found = Message.objects.filter(**narrowing).order_by("channel")
    return [message.channel for message in found]


def test_shopper_gets_a_line_in_the_list_a_letter_and_a_toast(user: User) -> None:
    told = event("order.paid", user_id=user.pk)

    outcomes = notifications.tell([told])

    assert list(outcomes) == [DELIVERED]
    line = Notification.objects.get()
    assert (line.user_id, line.event_id, line.kind) == (user.pk, told.id, "order_paid")
    assert line.group == "orders"
    assert line.url == "/orders/ABCD-1234-5/"
    assert line.params["total"] == 43_000
    assert "lines" not in line.params
    assert line.read_at is None
    assert ways() == ["browser", "email"]
    letter = Message.objects.get(channel="email")
    assert (letter.address, letter.state, letter.attempts) == (
        "kim@example.com",
        "queued",
        0,
    )
    assert letter.params["lines"] == [
        {"name": "Celadon cup <small> & saucer", "quantity": 3, "unit_price": 15_000}
    ]


def test_event_that_is_told_again_changes_nothing(user: User) -> None:
    told = event("order.paid", user_id=user.pk)
    notifications.tell([told])
    before = list(Message.objects.order_by("pk").values())

    outcomes = notifications.tell([told, told])

    assert list(outcomes) == [DELIVERED, DELIVERED]
    assert Notification.objects.count() == 1
    assert list(Message.objects.order_by("pk").values()) == before


def test_order_paid_at_once_is_not_called_waiting(user: User) -> None:
    notifications.tell([event("order.placed", user_id=user.pk, status="paid")])

    assert not Notification.objects.exists()
    assert not Message.objects.exists()


def test_each_parcel_is_news_of_its_own(user: User) -> None:
    first = event("order.shipped", user_id=user.pk)
    second = event(
        "order.shipped",
        user_id=user.pk,
        parcel={"carrier": "Post", "tracking_number": "77", "lines": []},
    )

    notifications.tell([first, second])

    assert Message.objects.filter(channel="email").count() == 2
    numbers = Notification.objects.order_by("pk").values_list(
        "params__tracking_number", flat=True
    )
    assert list(numbers) == ["6811223344", "77"]


def test_guest_gets_one_letter_with_the_link_of_the_event() -> None:
    link = "http://127.0.0.1:8000/orders/ABCD-1234-5/?key=signed"
    told = event(
        "order.paid", user_id=None, email="Guest@Example.com", url=link, language="ru"
    )

    notifications.tell([told])
    notifications.tell([told])

    letter = Message.objects.get()
    assert (letter.user_id, letter.guest_email) == (None, "guest@example.com")
    assert (letter.channel, letter.language, letter.url) == ("email", "ru", link)
    assert not Notification.objects.exists()


def test_letter_of_a_guest_leads_to_the_order_where_the_event_has_no_link() -> None:
    notifications.tell([event("order.paid", user_id=None, email="a@example.com")])

    path, key = Message.objects.get().url.split("?key=")
    assert path == "/orders/ABCD-1234-5/"
    assert order_of(key) == UUID(ORDER["order_id"])
    assert Message.objects.get().language == "en"


def test_event_that_makes_no_sense_is_given_up_alone(user: User) -> None:
    broken = event("order.paid", user_id=user.pk, number=None)
    good = event("order.paid", user_id=user.pk)

    outcomes = notifications.tell([broken, good])

    assert [outcome.is_final for outcome in outcomes] == [True, False]
    assert outcomes[0].error == "KeyError: 'number'"
    assert outcomes[1] == DELIVERED
    assert [line.event_id for line in Notification.objects.all()] == [good.id]


def test_fields_that_nobody_knows_and_users_that_are_gone_do_no_harm() -> None:
    outcomes = notifications.tell(
        [
            event("order.paid", user_id=999_999, surprise={"a": [1]}),
            event("order.paid", user_id=None, email=""),
        ]
    )

    assert list(outcomes) == [DELIVERED, DELIVERED]
    assert not Message.objects.exists()


def test_blocked_shopper_is_told_nothing() -> None:
    blocked = UserFactory.create(is_active=False)

    notifications.tell([event("order.paid", user_id=blocked.pk)])

    assert not Notification.objects.exists()
    assert not Message.objects.exists()


def test_coupon_is_named_though_the_event_has_only_its_batch(user: User) -> None:
    batch = CouponBatchFactory.create(name="Autumn 10 %")

    notifications.tell(
        [event("coupon.issued", user_id=user.pk, batch_id=batch.pk, coupon_name=None)]
    )

    line = Notification.objects.get()
    assert (line.params, line.url) == (
        {"coupon_name": "Autumn 10 %"},
        "/coupons/?tab=mine",
    )
    assert ways() == ["browser"]


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, ["browser", "email"]),
        ({("orders", "sms"): True}, ["browser", "email", "sms"]),
        ({("orders", "browser"): False}, ["email"]),
        # The letter is the record of the purchase.
        ({("orders", "email"): False}, ["browser", "email"]),
        ({("returns", "browser"): False}, ["browser", "email"]),
    ],
)
def test_choices_count(
    user: User, choices: dict[tuple[str, str], bool], expected: list[str]
) -> None:
    notifications.choose(user_id=user.pk, choices=choices, hours=None)

    notifications.tell([event("order.shipped", user_id=user.pk)])

    assert ways() == expected
    assert Notification.objects.count() == 1


def test_text_message_without_a_number_is_noted_and_not_sent() -> None:
    user = UserFactory.create(phone="")
    Preference.objects.create(user=user, group="orders", channel="sms", is_on=True)

    notifications.tell([event("order.shipped", user_id=user.pk)])

    skipped = Message.objects.get(channel="sms")
    assert (skipped.state, skipped.reason) == (MessageState.SKIPPED, "no address")


def test_shop_without_a_gateway_writes_no_text_messages(
    user: User, settings: Any
) -> None:
    settings.SMS_CHANNEL = ""
    Preference.objects.create(user=user, group="orders", channel="sms", is_on=True)

    notifications.tell([event("order.shipped", user_id=user.pk)])

    assert ways() == ["browser", "email"]


# --- Offers need a yes ---------------------------------------------------------------


def test_offer_goes_only_to_those_who_said_yes_and_only_that_way() -> None:
    by_mail = UserFactory.create(wants_marketing_email=True)
    by_text = UserFactory.create(wants_marketing_sms=True, phone="+821012345678")
    neither = UserFactory.create()

    notifications.tell([event("promotion.started")])

    assert ways(user=by_mail) == ["email"]
    assert ways(user=by_text) == ["sms"]
    assert ways(user=neither) == []
    told = Notification.objects.values_list("user_id", flat=True)
    assert sorted(told) == [by_mail.pk, by_text.pk]


def test_offer_to_a_named_shopper_without_consent_stays_in_the_shop(
    user: User,
) -> None:
    notifications.tell([event("promotion.started", user_id=user.pk)])

    assert ways() == []
    assert Notification.objects.get().user_id == user.pk


def test_nobody_advertises_to_guests() -> None:
    notifications.tell([event("promotion.started", email="guest@example.com")])

    assert not Message.objects.exists()


# --- Quiet hours ---------------------------------------------------------------------


def at(clock: str) -> datetime:
    """Return a moment of 21 November by the shop's clock."""
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, 21, hour, minute, tzinfo=shop_zone())


@pytest.mark.parametrize(
    ("starts", "ends", "now", "until"),
    [
        # Over midnight.
        ("22:00", "08:00", "21:59", "21:59"),
        ("22:00", "08:00", "22:00", "next day 08:00"),
        ("22:00", "08:00", "23:59", "next day 08:00"),
        ("22:00", "08:00", "00:00", "08:00"),
        ("22:00", "08:00", "07:59", "08:00"),
        ("22:00", "08:00", "08:00", "08:00"),
        # Within a day.
        ("12:00", "13:30", "11:59", "11:59"),
        ("12:00", "13:30", "12:00", "13:30"),
        ("12:00", "13:30", "13:30", "13:30"),
        # Until midnight, and from it.
        ("22:00", "00:00", "23:00", "next day 00:00"),
        ("22:00", "00:00", "00:00", "00:00"),
        ("00:00", "06:00", "00:00", "06:00"),
    ],
)
def test_quiet_hours_end_when_they_say(
    starts: str, ends: str, now: str, until: str
) -> None:
    hours = QuietHours(starts=time.fromisoformat(starts), ends=time.fromisoformat(ends))
    next_day = until.startswith("next day")
    expected = at(until.removeprefix("next day "))

    found = quiet_until(hours, at(now))

    assert (found - expected).days == (1 if next_day else 0)
    assert (found - expected).seconds == 0


def test_nobody_is_quiet_without_hours() -> None:
    assert quiet_until(None, at("03:00")) == at("03:00")


def test_quiet_hours_hold_back_bells_and_not_letters(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: at("23:30"))
    notifications.choose(
        user_id=user.pk,
        choices={("orders", "sms"): True},
        hours=(time(22), time(8)),
    )

    notifications.tell([event("order.shipped", user_id=user.pk)])

    due = dict(Message.objects.values_list("channel", "due_at"))
    morning = datetime(2026, 11, 21, 23, tzinfo=UTC)
    assert due == {
        Channel.EMAIL: at("23:30"),
        Channel.SMS: morning,
        Channel.BROWSER: morning,
    }


# --- The list ------------------------------------------------------------------------


def test_reading_counts_once_and_only_ones_own(user: User) -> None:
    stranger = UserFactory.create()
    notifications.tell(
        [event("order.paid", user_id=user.pk), event("order.paid", user_id=stranger.pk)]
    )
    mine = Notification.objects.get(user=user)
    theirs = Notification.objects.get(user=stranger)

    first = notifications.read(user_id=user.pk, notification_id=mine.pk).read_at
    again = notifications.read(user_id=user.pk, notification_id=mine.pk).read_at
    with pytest.raises(NotificationNotFound):
        notifications.read(user_id=user.pk, notification_id=theirs.pk)

    assert first is not None
    assert again == first
    theirs.refresh_from_db()
    assert theirs.read_at is None


def test_all_is_read_up_to_what_was_seen(user: User) -> None:
    notifications.tell([event("order.paid", user_id=user.pk) for _ in range(3)])
    _first, second, third = Notification.objects.order_by("pk")

    count = notifications.read_all(user_id=user.pk, until_id=second.pk)

    assert count == 2
    assert list(Notification.objects.unread()) == [third]
    assert notifications.read_all(user_id=user.pk) == 1


def test_event_of_another_topic_is_nothing_to_anybody(user: User) -> None:
    other = replace(event("order.paid", user_id=user.pk), topic="product.changed")

    assert list(notifications.tell([other])) == [DELIVERED]

    assert not Notification.objects.exists()


def test_broker_that_is_away_keeps_nobody_from_being_told(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(tasks.send_messages, "apply_async", away)

    assert list(tasks.tell([event("order.paid", user_id=user.pk)])) == [DELIVERED]

    assert ways() == ["browser", "email"]
