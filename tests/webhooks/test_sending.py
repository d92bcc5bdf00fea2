"""What other systems get, how it is signed, and when it is sent again."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from standardwebhooks import Webhook

from outbox import services as outbox
from outbox.models import Dispatch, Event
from tests.outbox.subscribers import first
from tests.webhooks.conftest import Receiver
from tests.webhooks.steps import for_endpoints, happen, let_time_pass, tell
from webhooks import sending, serving, tasks
from webhooks import services as webhooks
from webhooks.models import Endpoint
from webhooks.topics import CHOICES, TOPICS, chosen

pytestmark = pytest.mark.django_db
DAY = 86_400


def ids(receiver: Receiver) -> list[str]:
    return [call.headers["webhook-id"] for call in receiver.calls]


def test_library_of_standard_webhooks_believes_what_arrives(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    happen("order.paid", order_id="7", url="https://shop/guest-key")

    tell(endpoint)

    [call] = receiver.calls
    told = Webhook(endpoint.secret).verify(call.body, dict(call.headers))
    event = Event.objects.get()
    assert told == {
        "id": str(event.pk),
        "type": "order.paid",
        "timestamp": event.occurred_at.isoformat(),
        # Not the guest's key to the order.
        "data": {"order_id": "7"},
    }
    assert call.headers["webhook-id"] == str(event.pk)
    assert (call.method, call.path) == ("POST", "/hook")
    with pytest.raises(Exception, match="No matching signature"):
        Webhook("whsec_YW5vdGhlcg==").verify(call.body, dict(call.headers))
    assert [dispatch.delivered_at is None for dispatch in for_endpoints()] == [False]


def test_both_secrets_sign_for_a_day(endpoint: Endpoint, receiver: Receiver) -> None:
    old = endpoint.secret
    fresh = webhooks.rotate_secret(endpoint_id=endpoint.pk)
    happen()
    tell(fresh)
    fresh.old_secret_until = timezone.now() - timedelta(seconds=1)
    fresh.save(update_fields=["old_secret_until"])
    happen()
    tell(fresh)

    first, second = receiver.calls
    assert fresh.secret != old
    for secret in (old, fresh.secret):
        assert Webhook(secret).verify(first.body, dict(first.headers))
    assert Webhook(fresh.secret).verify(second.body, dict(second.headers))
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(old).verify(second.body, dict(second.headers))
    assert first.headers["webhook-signature"].count("v1,") == 2


def test_endpoint_hears_only_of_what_it_chose(
    endpoint: Endpoint, receiver: Receiver, other: Receiver
) -> None:
    second = webhooks.create(url=other.url, topics=["product.changed"])

    happen("order.shipped", "order/1")
    happen("product.changed", "product/1")
    happen("points.charged", "point_account/1")
    for one in (endpoint, second):
        tell(one)

    assert [call.json()["type"] for call in receiver.calls] == ["order.shipped"]
    assert [call.json()["type"] for call in other.calls] == ["product.changed"]


def test_nothing_of_before_is_sent_to_who_came_later(
    db: None, receiver: Receiver
) -> None:
    happen("order.paid")

    later = webhooks.create(url=receiver.url, topics=["order.paid"])
    tell(later)

    assert receiver.calls == []


def test_choices_are_topics_of_the_outbox() -> None:
    from_settings = outbox.subscriptions()["topics"]

    assert set(TOPICS) <= set(from_settings)
    assert chosen(["return.*", "order.paid", "order.paid"]) == [
        "order.paid",
        "return.requested",
        "return.approved",
        "return.rejected",
        "return.received",
    ]
    assert chosen(CHOICES) == list(TOPICS)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 429, 500, 503])
def test_what_is_not_taken_is_sent_again_with_the_same_id(
    endpoint: Endpoint, receiver: Receiver, status: int
) -> None:
    receiver.fail_next(status=status, headers={"Location": f"{receiver.url}/other"})
    happen()

    tell(endpoint)
    waiting = Dispatch.objects.waiting().get(subscriber=endpoint.subscriber)
    let_time_pass(seconds=5)
    tell(endpoint)

    assert f"HTTP {status}" in waiting.last_error
    assert len(receiver.calls) == 2
    assert {call.path for call in receiver.calls} == {"/hook"}
    assert len(set(ids(receiver))) == 1
    assert not Dispatch.objects.waiting().filter(pk=waiting.pk).exists()


def test_pauses_grow_from_seconds_to_a_day(
    endpoint: Endpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outbox.services.random.random", lambda: 1.0)
    receiver.fail_next(times=100)
    happen()

    pauses = []
    for _ in range(18):
        started = timezone.now()
        assert outbox.deliver_to(endpoint.subscriber) == 1
        [dispatch] = for_endpoints()
        pauses.append((dispatch.next_attempt_at - started).total_seconds())
        let_time_pass(days=2)

    assert pauses[0] == pytest.approx(5, abs=2)
    assert pauses[3] == pytest.approx(40, abs=2)
    assert pauses[-1] == pytest.approx(DAY, abs=2)
    assert sum(pauses) > 3 * DAY


def test_given_up_after_days_and_replayed_on_request(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    receiver.fail_next()
    Event.objects.create(
        topic="order.paid",
        aggregate="order/1",
        payload={},
        occurred_at=timezone.now() - timedelta(days=4),
    )
    outbox.address()
    Dispatch.objects.filter(subscriber=endpoint.subscriber).update(attempts=19)
    tell(endpoint)
    dead = Dispatch.objects.dead().get()
    assert dead.attempts == 20

    webhooks.replay(delivery_id=dead.pk)
    let_time_pass(seconds=15)
    tell(endpoint)

    assert len(set(ids(receiver))) == 1
    assert Dispatch.objects.get(pk=dead.pk).delivered_at is not None


def test_gone_switches_the_endpoint_off(endpoint: Endpoint, receiver: Receiver) -> None:
    receiver.fail_next(status=410)
    happen(aggregate="order/1")
    happen(aggregate="order/2")

    tell(endpoint)
    happen(aggregate="order/3")
    let_time_pass(seconds=60)
    tell(endpoint)

    endpoint.refresh_from_db()
    assert endpoint.disabled_because == "it answered 410 Gone"
    assert len(receiver.calls) == 1
    errors = [dispatch.last_error for dispatch in for_endpoints()]
    assert "HTTP 410" in errors[0]
    assert errors[1:] == ["the endpoint is switched off"]

    webhooks.change(endpoint_id=endpoint.pk, is_enabled=True)
    for dispatch in for_endpoints():
        webhooks.replay(delivery_id=dispatch.pk)
    tell(endpoint)
    assert sorted(ids(receiver)[1:]) == sorted(
        str(dispatch.event_id) for dispatch in for_endpoints()
    )


def test_first_that_fails_ends_the_batch_and_is_all_that_counts(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    receiver.fail_next()
    for number in range(4):
        happen(aggregate=f"order/{number}")

    outbox.deliver_to(endpoint.subscriber)

    assert len(receiver.calls) == 1
    assert [dispatch.attempts for dispatch in for_endpoints()] == [1, 0, 0, 0]


def test_endpoint_in_trouble_is_asked_once_in_a_while_however_much_waits(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    receiver.fail_next(times=2)
    for number in range(20):
        happen(aggregate=f"order/{number}")

    tell(endpoint)
    let_time_pass(seconds=10)
    # Nothing has been heard of it since.
    outbox.breaker.failed(endpoint.subscriber)
    before_its_time = outbox.deliver_to(endpoint.subscriber)
    calls = len(receiver.calls)
    _let_it_be_tried_again(endpoint)
    knocked = outbox.deliver_to(endpoint.subscriber)
    _let_it_be_tried_again(endpoint)
    answered = outbox.deliver_to(endpoint.subscriber)
    let_time_pass(seconds=60)
    tell(endpoint)

    assert (before_its_time, knocked, answered) == (0, 1, 1)
    assert calls == 1
    assert len(set(ids(receiver))) == 20
    assert all(dispatch.delivered_at for dispatch in for_endpoints())


def _let_it_be_tried_again(endpoint: Endpoint) -> None:
    [absence] = outbox.breaker._away.values()
    assert absence.until > time.monotonic()
    absence.until = 0.0


def test_events_of_an_order_arrive_in_their_order(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    receiver.fail_next(times=2)
    for topic in ("order.placed", "order.paid", "order.shipped"):
        happen(topic)

    for _ in range(4):
        tell(endpoint)
        let_time_pass(seconds=60)

    told = [call.json()["type"] for call in receiver.calls]
    assert told == ["order.placed"] * 3 + ["order.paid", "order.shipped"]


def test_killed_between_sending_and_noting_is_sent_again(
    endpoint: Endpoint, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_args: Any, **_kwargs: Any) -> None:
        raise SystemExit

    happen()
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_settle", die)
        with pytest.raises(SystemExit):
            outbox.deliver_to(endpoint.subscriber)
    # The claim is a lease: nobody takes it before that is over.
    assert outbox.deliver_to(endpoint.subscriber) == 0

    let_time_pass(seconds=31)
    tell(endpoint)

    assert len(receiver.calls) == 2
    assert len(set(ids(receiver))) == 1
    assert [dispatch.attempts for dispatch in for_endpoints()] == [2]


def test_the_shops_own_subscribers_do_not_wait_for_endpoints(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    happen()

    while outbox.deliver_due():
        pass

    assert len(first.got) == 1
    assert receiver.calls == []
    assert list(Dispatch.objects.waiting()) == for_endpoints()


@pytest.mark.django_db(transaction=True)
def test_endpoint_that_hangs_holds_nobody_up(
    endpoint: Endpoint,
    receiver: Receiver,
    other: Receiver,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 1.0)
    second = webhooks.create(url=other.url, topics=["order.paid"])
    receiver.hang_next(times=10)
    for number in range(3):
        happen(aggregate=f"order/{number}")

    started = time.monotonic()
    tried = serving.serve_due(seconds=0.5)

    assert len(other.calls) == 3
    assert len(receiver.calls) == 1
    assert tried == 6
    assert time.monotonic() - started < 30
    states = {
        dispatch.subscriber: dispatch.delivered_at for dispatch in for_endpoints()
    }
    assert states[endpoint.subscriber] is None
    assert states[second.subscriber] is not None


@pytest.mark.django_db(transaction=True)
def test_one_worker_at_a_time_serves_them(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    happen()

    cache.add(tasks.BUSY_KEY, 1, 60)
    tasks.send()
    assert receiver.calls == []

    cache.delete(tasks.BUSY_KEY)
    tasks.send()
    assert len(receiver.calls) == 1
    assert cache.get(tasks.BUSY_KEY) is None


def test_removed_endpoint_leaves_nothing_behind(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    happen()

    webhooks.remove(endpoint_id=endpoint.pk)
    webhooks.remove(endpoint_id=endpoint.pk)

    assert for_endpoints() == []
    assert outbox.deliver_to(endpoint.subscriber) == 0
    assert receiver.calls == []
    assert Event.objects.count() == 1


def test_body_is_compact_json_of_the_event(
    endpoint: Endpoint, receiver: Receiver
) -> None:
    happen(name="도장 «Ä»")

    tell(endpoint)

    [call] = receiver.calls
    assert json.loads(call.body)["data"] == {"name": "도장 «Ä»"}
    assert call.headers["content-type"] == "application/json"
