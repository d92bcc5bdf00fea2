"""Pitfalls 42 and 43: events that get lost, and messages that block."""

import inspect
import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.conf import settings as shop_settings
from django.db import transaction
from django.db.models.functions import Now
from pytest_django import Settings

from checkout import services as checkout
from common.errors import DomainError
from config.celery import app
from orders.models import Order
from outbox import services as outbox
from outbox.models import Dispatch, Event
from outbox.services import DELIVERED, Outcome, OutgoingEvent
from tests.factories import ProductFactory
from tests.races.stage import purchase, shoppers

pytestmark = pytest.mark.django_db(transaction=True)

TOPIC = "product.changed"
# The test provider of payments stands for somebody else's system.
OUTSIDERS = {"payments.tasks.send_webhooks"}
heard: list[tuple[str, int]] = []


def receiver(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Take events unless they say how they fail; remember each that came."""
    heard.extend((event.aggregate, event.payload["step"]) for event in events)
    return [_judge(event) for event in events]


def _judge(event: OutgoingEvent) -> Outcome:
    if event.payload.get("is_poison"):
        return Outcome(error="HTTP 500", patience="patient")
    return DELIVERED


@pytest.fixture(autouse=True)
def _subscription(settings: Settings) -> None:
    settings.OUTBOX_SUBSCRIPTIONS = {
        **settings.OUTBOX_SUBSCRIPTIONS,
        TOPIC: [f"{__name__}.receiver"],
    }
    heard.clear()


def publish(number: int, step: int, *, is_poison: object = False) -> None:
    with transaction.atomic():
        outbox.publish(
            topic=TOPIC,
            aggregate=f"product/{number}",
            payload={"step": step, "is_poison": bool(is_poison)},
        )


def deliver_all() -> None:
    while outbox.deliver_due():
        pass


def let_time_pass() -> None:
    Dispatch.objects.waiting().update(next_attempt_at=Now() - timedelta(seconds=1))


# --- 42: the event and its change ----------------------------------------------------


def test_pitfall_42_refused_order_tells_nobody() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=0)

    with pytest.raises(DomainError):
        checkout.place_and_pay(purchase(user, product))

    assert not Order.objects.exists()
    assert not Event.objects.filter(topic__startswith="order.").exists()


def test_pitfall_42_paid_order_has_its_event_before_anything_is_sent() -> None:
    [user], product = shoppers(1), ProductFactory.create()

    # Nothing runs after the commit here: no worker, no broker, no wake-up.
    draft = checkout.place_and_pay(purchase(user, product))

    event = Event.objects.get(topic="order.paid")
    assert event.aggregate == f"order/{draft.id}"
    assert event.payload["total"] == Order.objects.get().total
    outbox.address()
    ways = Dispatch.objects.filter(event=event)
    assert {way.subscriber for way in ways} == set(
        shop_settings.OUTBOX_SUBSCRIPTIONS["order.paid"]
    )


def test_pitfall_42_event_that_is_sent_twice_keeps_its_id() -> None:
    publish(1, 1)
    claimed = outbox._claim()  # a worker that sends, and dies before it settles
    [item] = claimed[f"{__name__}.receiver"]
    receiver([item.event])
    let_time_pass()

    deliver_all()

    assert heard == [("product/1", 1)] * 2
    assert item.event.id == Event.objects.get(topic=TOPIC).pk
    assert not Dispatch.objects.waiting().exists()


# --- 43: bad messages, retries, doubled tasks ----------------------------------------


def test_pitfall_43_bad_message_holds_up_its_own_kind_and_nobody_else() -> None:
    publish(1, 1, is_poison=True)
    publish(1, 2)
    publish(2, 1)

    deliver_all()

    assert heard == [("product/1", 1), ("product/2", 1)]
    assert {way.aggregate for way in Dispatch.objects.waiting()} == {"product/1"}


def test_pitfall_43_retries_end_and_the_next_one_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "YOUNGEST_DEAD", timedelta(0))
    publish(1, 1, is_poison=True)
    publish(1, 2)

    for _ in range(25):
        deliver_all()
        let_time_pass()

    assert heard == [("product/1", 1)] * 20 + [("product/1", 2)]
    dead = Dispatch.objects.dead().get()
    assert (dead.attempts, dead.last_error) == (20, "HTTP 500")


def test_pitfall_43_pauses_grow() -> None:
    pauses = [outbox.pause_after(attempt, "patient") for attempt in range(1, 20)]

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=5), timedelta(days=1))
    # Three days and more before an event is given up, were there no chance in it.
    assert sum(pauses, timedelta()) > timedelta(days=3)


def _own_tasks() -> dict[str, object]:
    app.loader.import_default_modules()
    return {
        name: task
        for name, task in app.tasks.items()
        if not name.startswith("celery.") and name not in OUTSIDERS
    }


def test_pitfall_43_tasks_take_ids_and_not_objects() -> None:
    tasks = _own_tasks()

    assert len(tasks) > 5
    for name, task in tasks.items():
        for parameter in inspect.signature(task.run).parameters.values():  # type: ignore[attr-defined]
            assert parameter.annotation in {int, str, "int", "str"}, (name, parameter)
    assert app.conf.accept_content == ["json"]
    for entry in app.conf.beat_schedule.values():
        json.dumps(entry.get("args", ()))


def test_pitfall_43_task_that_hangs_is_ended_and_given_to_another() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert 0 < app.conf.task_soft_time_limit < app.conf.task_time_limit <= 300
    # A sender ends well before another takes its events over.
    assert app.conf.task_soft_time_limit > shop_settings.OUTBOX_LEASE_SECONDS


def test_pitfall_43_relay_that_runs_twice_sends_once() -> None:
    for number in range(5):
        publish(number, 1)
    relay = app.tasks["outbox.tasks.relay"]

    relay.run()
    relay.run()

    assert sorted(heard) == [(f"product/{number}", 1) for number in range(5)]
