"""What is on its way to others: how it goes, and repairs of one and of many."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics import stream
from common import audit
from common.days import shop_day
from notifications import services as notifications
from notifications.models import Message, MessageState
from outbox import services as outbox
from outbox.flow import OTHERS, OWN, flow
from outbox.models import Dispatch, Event
from outbox.repair import REMEMBERED, noted
from tests.admin.acting import act, told
from tests.factories import UserFactory
from tests.notifications.events import event
from webhooks import services as webhooks

pytestmark = pytest.mark.django_db
LIST = "/admin/outbox/dispatch/"
MESSAGES = "/admin/notifications/message/"
LONG_AGO = "2026-01-01T00:00Z"


def staff(client: Client, *codenames: str) -> None:
    """Sign somebody in who may do just that."""
    user: User = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)


def paid(number: int = 3) -> list[Dispatch]:
    """Make the events of some paid orders; return their ways to the data platform."""
    with transaction.atomic():
        for one in range(number):
            outbox.publish(
                topic="order.paid",
                aggregate=f"order/0198c0de-0000-7000-8000-{one:012}",
                payload={"number": f"A-{one}"},
            )
    outbox.address()
    return list(Dispatch.objects.filter(subscriber=stream.PUSH).order_by("pk"))


def give_up(*dispatches: Dispatch) -> None:
    ids = [dispatch.pk for dispatch in dispatches]
    Dispatch.objects.filter(pk__in=ids).update(
        dead_at=LONG_AGO, attempts=7, last_error="HTTP 500"
    )


# --- How it goes ---------------------------------------------------------------------


def test_numbers_say_what_waits_and_how_long_it_takes() -> None:
    first, second, third = paid()
    Dispatch.objects.exclude(subscriber=stream.PUSH).update(delivered_at=timezone.now())
    give_up(second)
    arrived = first.event.occurred_at + timedelta(seconds=4)
    Dispatch.objects.filter(pk=first.pk).update(delivered_at=arrived)

    now = flow(stream.PUSH)

    assert (now.waiting, now.dead, now.fresh) == (1, 1, 0)
    assert now.oldest == third.event.occurred_at
    assert (now.p50, now.p99, now.timed) == (4.0, 4.0, 1)
    assert sum(number for _hour, number in now.hours) == 1
    assert len(now.hours) == 24


def test_numbers_of_others_are_theirs_alone() -> None:
    webhooks.create(url="https://erp.example/hook", topics=["order.*"])
    paid(2)

    assert flow(OTHERS).waiting == 2
    assert flow(OWN).waiting == Dispatch.objects.count() - 2


def test_what_no_relay_has_looked_at_is_counted() -> None:
    with transaction.atomic():
        outbox.publish(topic="order.paid", aggregate="order/1", payload={})

    assert (flow().waiting, flow().fresh) == (0, 1)
    assert flow().oldest is not None


def test_empty_outbox_has_no_times() -> None:
    assert (flow().oldest, flow().p50, flow().timed) == (None, None, 0)


def test_list_names_the_order_and_says_how_it_goes(boss: User, client: Client) -> None:
    [dispatch] = paid(1)
    give_up(dispatch)

    page = client.get(LIST, {"state": "dead"}).content.decode()

    assert "A-0</a>" in page
    assert "HTTP 500" in page
    assert "Delivered, by hour" in page
    assert client.get(LIST, {"state": "late"}).context["cl"].result_count == 0
    assert client.get(LIST, {"topic": "order.paid"}).context["cl"].result_count > 1


def test_page_of_a_message_shows_its_body_and_the_tries_that_failed(
    boss: User, client: Client
) -> None:
    [dispatch] = paid(1)
    Dispatch.objects.filter(pk=dispatch.pk).update(failures=noted(1, "HTTP 502"))
    Dispatch.objects.filter(pk=dispatch.pk).update(failures=noted(2, "HTTP 503"))

    page = client.get(f"{LIST}{dispatch.pk}/change/").content.decode()

    assert page.index("HTTP 503") < page.index("HTTP 502")
    assert "&quot;number&quot;: &quot;A-0&quot;" in page


def test_only_the_latest_failures_are_remembered() -> None:
    [dispatch] = paid(1)

    for attempt in range(1, REMEMBERED + 3):
        Dispatch.objects.filter(pk=dispatch.pk).update(failures=noted(attempt, "no"))

    dispatch.refresh_from_db()
    attempts = [failure["attempt"] for failure in dispatch.failures]
    assert attempts == list(range(3, REMEMBERED + 3))


# --- Repairs -------------------------------------------------------------------------


def test_message_is_marked_as_handled_for_a_reason(boss: User, client: Client) -> None:
    first, second = paid(2)
    give_up(first)

    act(client, LIST, "mark_handled", first.pk, second.pk, reason="sent by hand")

    first.refresh_from_db()
    second.refresh_from_db()
    assert first.handled_at is not None
    assert first.handled_because == "sent by hand"
    # It is on its way, and stays there.
    assert (second.handled_at, second.dead_at) == (None, None)
    [entry] = LogEntry.objects.all()
    said = audit.read(entry)
    assert (said.action, said.reason) == ("Mark as handled", "sent by hand")
    assert (said.before["state"], said.after["state"]) == ("dead", "handled")
    assert not Dispatch.objects.stuck().exists()


def test_handled_message_can_still_be_sent_again(boss: User, client: Client) -> None:
    [dispatch] = paid(1)
    give_up(dispatch)
    outbox.mark_handled(dispatch_ids=[dispatch.pk], reason="no need")

    act(client, LIST, "replay", dispatch.pk)

    dispatch.refresh_from_db()
    assert (dispatch.handled_at, dispatch.handled_because) == (None, "")
    assert dispatch in Dispatch.objects.waiting()


def test_handled_needs_a_reason_and_an_end() -> None:
    first, second = paid(2)
    give_up(first)

    for one, why in ((first, ""), (second, "but it is on its way")):
        with pytest.raises(IntegrityError), transaction.atomic():
            Dispatch.objects.filter(pk=one.pk).update(
                handled_at=timezone.now(), handled_because=why
            )

    assert not Dispatch.objects.handled().exists()


def test_delivered_message_cannot_be_marked() -> None:
    [dispatch] = paid(1)
    Dispatch.objects.filter(pk=dispatch.pk).update(delivered_at=timezone.now())

    assert outbox.mark_handled(dispatch_ids=[dispatch.pk], reason="late") == 0

    dispatch.refresh_from_db()
    assert dispatch.dead_at is None


@pytest.mark.parametrize(
    ("do", "verdict"), [("replay", "waiting"), ("handled", "handled")]
)
def test_all_that_match_are_repaired_and_nothing_else(
    do: str, verdict: str, boss: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.admin_flow.AT_ONCE", 2)
    ways = paid(5)
    give_up(*ways[:4])
    others = Dispatch.objects.exclude(subscriber=stream.PUSH)
    others.update(dead_at=LONG_AGO)
    address = f"{LIST}matching/?state=dead&subscriber={stream.PUSH}"

    asked = client.get(address)
    answer: Any = client.post(address, {"do": do, "reason": "platform was down"})

    assert asked.context["count"] == 4
    assert told(answer)[0].endswith(": 4 done.")
    repaired = getattr(Dispatch.objects, verdict)().filter(subscriber=stream.PUSH)
    assert set(repaired) >= set(ways[:4])
    assert not others.exclude(dead_at=LONG_AGO).exists()
    assert LogEntry.objects.count() == 4
    assert audit.read(LogEntry.objects.first()).reason == "platform was down"  # type: ignore[arg-type]


def test_many_are_repaired_for_a_reason_only(boss: User, client: Client) -> None:
    ways = paid(2)
    give_up(*ways)

    client.post(f"{LIST}matching/?state=dead", {"do": "replay", "reason": ""})
    client.post(f"{LIST}matching/?state=dead", {"do": "delete", "reason": "x"})

    assert Dispatch.objects.dead().count() == 2
    assert not LogEntry.objects.exists()


def test_who_may_only_look_repairs_nothing(client: Client) -> None:
    [dispatch] = paid(1)
    give_up(dispatch)
    staff(client, "view_dispatch")
    address = f"{LIST}matching/?state=dead"

    assert client.get(LIST).status_code == 200
    assert b"Repair all" not in client.get(LIST).content
    assert client.get(address).status_code == 403
    refused = client.post(address, {"do": "replay", "reason": "x"})
    assert refused.status_code == 403
    act(client, LIST, "mark_handled", dispatch.pk, reason="x")
    act(client, LIST, "replay", dispatch.pk)

    dispatch.refresh_from_db()
    assert (dispatch.attempts, dispatch.handled_at) == (7, None)


def test_filter_that_makes_no_sense_leads_back(boss: User, client: Client) -> None:
    answer = client.get(f"{LIST}matching/", {"pk__in__x": "1"})

    assert answer.status_code == 302


# --- Webhooks ------------------------------------------------------------------------


def test_endpoints_show_what_has_not_got_there(boss: User, client: Client) -> None:
    endpoint = webhooks.create(url="https://erp.example/hook", topics=["order.*"])
    paid(3)
    own = Dispatch.objects.filter(subscriber=endpoint.subscriber).order_by("pk")
    give_up(own[0])

    page = client.get("/admin/webhooks/endpoint/")

    [shown] = page.context["cl"].result_list
    assert (shown.standing.waiting, shown.standing.dead) == (2, 1)
    assert "Delivered, by hour" in page.content.decode()


# --- Letters and texts ---------------------------------------------------------------


def failed(number: int) -> list[int]:
    """Make letters that did not get out; return their ids."""
    for _number in range(number):
        notifications.tell([event("order.paid", user_id=UserFactory.create().pk)])
    letters = Message.objects.filter(channel="email")
    letters.update(state=MessageState.FAILED, reason="550 no such mailbox")
    return list(letters.order_by("pk").values_list("pk", flat=True))


def test_letters_that_failed_are_sent_again_together(
    boss: User, client: Client
) -> None:
    failed(3)

    page = client.get(MESSAGES, {"state": "failed"})
    answer: Any = client.post(
        f"{MESSAGES}matching/?state=failed", {"do": "again", "reason": "mail is back"}
    )

    assert page.context["panel"].figures[2][1] == "3"
    assert told(answer) == ["Send again: 3 done."]
    assert Message.objects.queued().filter(channel="email").count() == 3
    assert LogEntry.objects.count() == 3


def test_letter_is_marked_as_handled_for_a_reason(boss: User, client: Client) -> None:
    [letter] = failed(1)

    act(client, MESSAGES, "mark_handled", letter, reason="told by phone")

    message = Message.objects.get(pk=letter)
    assert (message.state, message.reason) == ("skipped", "handled: told by phone")
    assert not Message.objects.failed().exists()


def test_letter_that_waits_is_left_as_it_is(boss: User, client: Client) -> None:
    [letter] = failed(1)
    Message.objects.filter(pk=letter).update(state=MessageState.QUEUED, reason="")

    answer = act(client, MESSAGES, "mark_handled", letter, reason="told by phone")

    assert told(answer) == ["Not failed, so left as they are: 1."]
    assert Message.objects.get(pk=letter).state == MessageState.QUEUED


# --- The data platform's proof -------------------------------------------------------


def test_day_is_complete_once_the_platform_has_all_of_it(
    boss: User, client: Client
) -> None:
    first, second = paid(2)
    today = shop_day(timezone.now())

    def standing() -> Any:
        return next(
            one
            for one in client.get("/admin/outbox/stream/").context["days"]
            if one.day == today
        )

    Dispatch.objects.filter(pk=first.pk).update(delivered_at=timezone.now())
    give_up(second)
    before = standing()
    outbox.mark_handled(dispatch_ids=[second.pk], reason="by hand")
    handled = standing()
    outbox.send_again(dispatch_id=second.pk)
    Dispatch.objects.filter(pk=second.pk).update(delivered_at=timezone.now())
    after = standing()

    assert (before.count, before.delivered, before.dead) == (2, 1, 1)
    assert (handled.dead, handled.handled, handled.delivered) == (0, 1, 1)
    assert (after.count, after.delivered) == (2, 2)
    # It goes on until midnight.
    assert not after.is_over
    assert not after.is_complete


def test_manifest_of_a_day_is_shown(boss: User, client: Client) -> None:
    paid(2)
    today = shop_day(timezone.now())

    page = client.get("/admin/outbox/stream/", {"day": str(today)})

    assert stream.manifest(today).sha256 in page.content.decode()
    for nonsense in ("yesterday", "2026-02-30", "0001-01-01"):
        answer = client.get("/admin/outbox/stream/", {"day": nonsense})
        assert "manifest" not in answer.context


def test_proof_takes_its_permission(client: Client) -> None:
    staff(client, "view_dispatch")
    assert client.get("/admin/outbox/stream/").status_code == 403

    staff(client, "view_event")
    assert client.get("/admin/outbox/stream/").status_code == 200
    assert not Event.objects.exists()
