"""How events are stored, claimed, handed over and tried again."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from outbox import services as outbox
from outbox.models import Dispatch, Event
from outbox.services import Outcome
from tests.concurrency import run_together
from tests.outbox.steps import (
    FIRST,
    deliver_all,
    let_time_pass,
    publish,
)
from tests.outbox.steps import subscriptions as subscriptions
from tests.outbox.subscribers import first, second


def test_event_reaches_its_subscriber_with_all_it_says() -> None:
    publish(7)

    assert outbox.deliver_due() == 1

    (event,) = first.got
    stored = Event.objects.get()
    assert (event.id, event.topic, event.aggregate) == (stored.pk, "paid", "order/7")
    assert (event.payload, event.attempt, event.sequence) == ({"n": 7}, 1, 1)
    assert event.occurred_at == stored.occurred_at
    assert outbox.deliver_due() == 0
    dispatch = Dispatch.objects.get()
    assert dispatch.delivered_at is not None
    assert (dispatch.attempts, dispatch.last_error) == (1, "")


@pytest.mark.django_db(transaction=True)
def test_event_exists_only_if_its_change_does() -> None:
    with transaction.atomic():
        outbox.publish(topic="paid", aggregate="order/1", payload={"n": 1})
        transaction.set_rollback(True)

    assert not Event.objects.exists()
    assert not Dispatch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_event_cannot_be_published_without_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="needs an open transaction"):
        outbox.publish(topic="paid", aggregate="order/1", payload={"n": 1})

    assert not Event.objects.exists()


def test_topic_that_nobody_named_is_refused() -> None:
    with pytest.raises(KeyError):
        publish(1, topic="misspelt")


def test_event_without_subscribers_is_kept_and_not_sent() -> None:
    publish(1, topic="unheard")

    assert outbox.deliver_due() == 0
    assert Event.objects.get().sequence == 1
    assert not Dispatch.objects.exists()


def test_each_subscriber_has_its_own_way() -> None:
    first.answer = lambda _event: Outcome(error="not now")

    publish(1, topic="both")
    outbox.deliver_due()

    assert len(second.got) == 1
    waiting = Dispatch.objects.waiting().get()
    assert (waiting.subscriber, waiting.last_error) == (FIRST, "not now")


@pytest.mark.parametrize("topic", ["bug", "gone"])
def test_subscriber_with_a_bug_does_not_stop_the_others(topic: str) -> None:
    publish(1, topic=topic)

    assert outbox.deliver_due() == 2

    assert len(second.got) == 1
    waiting = Dispatch.objects.waiting().get()
    assert waiting.attempts == 1
    assert "Error: " in waiting.last_error


def test_events_of_one_aggregate_keep_their_order_through_failures() -> None:
    first.answer = lambda event: Outcome(error="no") if event.attempt < 3 else Outcome()
    for n in (1, 2, 3):
        publish(n, aggregate="order/A")
    publish(4, aggregate="order/B")

    for _ in range(20):
        deliver_all()
        let_time_pass(120)

    of_a = [event for event in first.got if event.aggregate == "order/A"]
    assert [(event.payload["n"], event.attempt) for event in of_a] == [
        (n, attempt) for n in (1, 2, 3) for attempt in (1, 2, 3)
    ]
    assert not Dispatch.objects.waiting().exists()


def test_other_aggregates_do_not_wait_for_one_that_fails() -> None:
    first.answer = lambda event: (
        Outcome(error="no") if event.aggregate == "order/A" else Outcome()
    )
    publish(1, aggregate="order/A")
    publish(2, aggregate="order/A")
    publish(3, aggregate="order/B")

    deliver_all()

    assert first.payloads() == [1, 3]


def test_hopeless_event_is_a_dead_letter_and_lets_the_next_one_go() -> None:
    first.answer = lambda event: (
        Outcome(error="HTTP 400", is_final=True)
        if event.payload["n"] == 1
        else Outcome()
    )
    publish(1, aggregate="order/A")
    publish(2, aggregate="order/A")

    deliver_all()

    dead = Dispatch.objects.dead().get()
    assert (dead.event.payload, dead.last_error) == ({"n": 1}, "HTTP 400")
    assert first.payloads() == [1, 2]
    let_time_pass(10**6)
    assert outbox.deliver_due() == 0


def test_replayed_dead_letter_is_sent_again_under_its_old_id() -> None:
    first.answer = lambda _event: Outcome(error="HTTP 410", is_final=True)
    publish(1)
    deliver_all()
    dead = Dispatch.objects.dead().get()

    first.answer = lambda _event: Outcome()
    assert outbox.replay(dispatch_ids=[dead.pk]) == 1
    deliver_all()

    assert [event.id for event in first.got] == [dead.event_id] * 2
    dead.refresh_from_db()
    assert dead.delivered_at is not None
    assert dead.dead_at is None


def test_delivered_event_is_not_replayed() -> None:
    publish(1)
    deliver_all()

    assert outbox.replay(dispatch_ids=[Dispatch.objects.get().pk]) == 0
    assert outbox.deliver_due() == 0


def test_claim_is_a_lease_that_others_respect_and_that_ends(
    settings: Settings,
) -> None:
    settings.OUTBOX_LEASE_SECONDS = 40
    publish(1)
    outbox._claim()  # a worker that dies now

    assert outbox.deliver_due() == 0
    let_time_pass(39)
    assert outbox.deliver_due() == 0
    let_time_pass(2)
    assert outbox.deliver_due() == 1
    assert first.got[0].attempt == 2


def test_late_failure_of_an_old_lease_does_not_touch_the_new_one() -> None:
    publish(1)
    (slow,) = outbox._claim()[FIRST]
    let_time_pass(31)
    outbox._claim()
    leased_until = Dispatch.objects.get().next_attempt_at

    outbox._settle([slow], [Outcome(error="HTTP 400", is_final=True)], is_there=False)

    dispatch = Dispatch.objects.get()
    assert dispatch.dead_at is None
    assert dispatch.next_attempt_at == leased_until


def test_late_success_of_an_old_lease_counts() -> None:
    publish(1)
    (slow,) = outbox._claim()[FIRST]
    let_time_pass(31)
    outbox._claim()

    outbox._settle([slow], [Outcome()], is_there=True)

    assert Dispatch.objects.get().delivered_at is not None


def test_numbers_have_no_gaps_in_each_topic() -> None:
    for n, topic in enumerate(["paid", "both", "paid", "unheard", "paid", "both"]):
        publish(n, topic=topic)

    deliver_all()
    publish(9)
    deliver_all()

    assert [event.sequence for event in first.got if event.topic == "paid"] == [
        1,
        2,
        3,
        4,
    ]
    numbers = Event.objects.order_by("topic", "sequence").values_list(
        "topic", "sequence"
    )
    assert list(numbers) == [
        ("both", 1),
        ("both", 2),
        ("paid", 1),
        ("paid", 2),
        ("paid", 3),
        ("paid", 4),
        ("unheard", 1),
    ]


@pytest.mark.django_db(transaction=True)
def test_four_relays_share_the_work_and_send_nothing_twice() -> None:
    for n in range(300):
        publish(n, aggregate=f"order/{n % 60}")

    run_together(lambda _relay: deliver_all(), times=4)
    deliver_all()

    assert sorted(first.payloads()) == list(range(300))
    for order in range(60):
        of_order = [n for n in first.payloads() if n % 60 == order]
        assert of_order == sorted(of_order)
    sequences = Event.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, 301))


@pytest.mark.django_db(transaction=True)
def test_relay_steps_over_rows_that_another_has_locked() -> None:
    publish(1)
    publish(2)
    outbox.address()

    started = timezone.now()
    with transaction.atomic():
        list(Dispatch.objects.order_by("pk").select_for_update(no_key=True)[:1])
        run_together(lambda _relay: outbox.deliver_due(), times=1)

    assert first.payloads() == [2]
    assert timezone.now() - started < timedelta(seconds=15)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM outbox_event",
        "UPDATE outbox_event SET payload = '{}'",
        "UPDATE outbox_event SET topic = 'other'",
    ],
)
def test_events_cannot_be_changed_or_removed(statement: str) -> None:
    publish(1, topic="unheard")

    with (
        pytest.raises(Exception, match=r"Cannot (delete|update)"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert Event.objects.get().payload == {"n": 1}


def test_events_of_an_aggregate_go_in_the_order_they_were_written() -> None:
    # Their ids follow the clocks of the machines that made them, which may be wrong.
    publish(1, aggregate="order/1")
    late = Event.objects.get()
    publish(2, aggregate="order/1")
    early_id = "00000000-0000-7000-8000-000000000000"
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE outbox_event SET id = %s WHERE id <> %s", [early_id, late.pk]
        )

    deliver_all()

    assert first.payloads() == [1, 2]
