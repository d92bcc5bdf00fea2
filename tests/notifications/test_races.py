"""The same event told by many at once is told once; without the guards it is not."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier
from unittest.mock import patch

import pytest
from django.db.models import QuerySet

from accounts.models import User
from notifications import sending
from notifications import services as notifications
from notifications.channels import email
from notifications.channels.base import Letter
from notifications.models import Message, Notification
from tests.concurrency import run_together, told
from tests.factories import UserFactory
from tests.notifications.events import event
from tests.races.mutants import without_constraints

pytestmark = pytest.mark.django_db(transaction=True)
TELLERS = 8


def tell_together(user: User) -> dict[str, int]:
    """Tell one event from many threads at the same moment."""
    news = event("order.paid", user_id=user.pk)
    return told(run_together(lambda _: notifications.tell([news]), times=TELLERS))


def test_event_told_by_eight_at_once_is_told_once() -> None:
    user = UserFactory.create()

    assert tell_together(user) == {"ok": TELLERS}

    assert Notification.objects.count() == 1
    channels = Message.objects.order_by("channel").values_list("channel", flat=True)
    assert list(channels) == ["browser", "email"]


def test_guest_is_told_once_by_eight_at_once() -> None:
    news = event("order.paid", user_id=None, email="guest@example.com")

    results = run_together(lambda _: notifications.tell([news]), times=TELLERS)

    assert told(results) == {"ok": TELLERS}
    assert Message.objects.count() == 1


def test_race_notices_a_missing_unique_guard() -> None:
    user = UserFactory.create()

    with without_constraints(
        "notification_once_per_event_and_user",
        "message_once_per_event_user_and_channel",
    ):
        tell_together(user)

        assert Notification.objects.count() == TELLERS
        assert Message.objects.count() == 2 * TELLERS


def test_eight_senders_at_once_send_one_letter() -> None:
    assert len(letters_of_eight_senders()) == 1


def test_race_notices_a_claim_without_a_lease() -> None:
    with unclaimed():
        assert len(letters_of_eight_senders()) == TELLERS


def letters_of_eight_senders() -> list[str]:
    """Let eight workers loose on one letter; return what left the shop."""
    user = UserFactory.create()
    notifications.tell([event("order.paid", user_id=user.pk)])
    left: list[str] = []

    def send(letter: Letter) -> str:
        left.append(letter.id)
        return letter.id

    with patch.object(email, "send", send):
        run_together(lambda _: sending.send_due("email"), times=TELLERS)
    return left


@contextmanager
def unclaimed() -> Iterator[None]:
    """Let everybody take what is due without a note that they did."""
    together = Barrier(TELLERS, timeout=60)

    def claim(channel: str) -> list[Message]:
        found: QuerySet[Message] = Message.objects.queued().filter(channel=channel)
        messages = list(found.select_related("user"))
        together.wait()
        return messages

    with patch.object(sending, "_claim", claim):
        yield


def test_ids_of_one_shopper_become_visible_in_order() -> None:
    user = UserFactory.create()
    seen: list[int] = []

    def tell_and_look(number: int) -> None:
        if number % 2:
            notifications.tell([event("order.paid", user_id=user.pk)])
            return
        for _ in range(40):
            after = seen[-1] if seen else 0
            fresh = Notification.objects.filter(pk__gt=after).order_by("pk")
            if number == 0:
                seen.extend(fresh.values_list("pk", flat=True))

    run_together(tell_and_look, times=40, clients=8)
    after = seen[-1] if seen else 0
    fresh = Notification.objects.filter(pk__gt=after).order_by("pk")
    seen.extend(fresh.values_list("pk", flat=True))

    # Whoever follows by the cursor alone has missed nothing.
    everything = Notification.objects.order_by("pk").values_list("pk", flat=True)
    assert seen == list(everything)
    assert len(seen) == 20
