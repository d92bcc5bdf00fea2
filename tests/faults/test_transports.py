"""The way to the platform over a real RabbitMQ, which goes away in the middle."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Exchange, Queue
from pytest_django import Settings
from standardwebhooks import Webhook

from analytics import transports
from analytics.transports import amqp
from outbox import services as outbox
from outbox.models import Dispatch, Event
from tests.books import assert_books_balance
from tests.faults.steps import nothing_waits, relay_until, seller
from tests.figures import Note
from tests.rabbit import Rabbit
from tests.rabbit import _rabbit as _rabbit
from tests.rabbit import rabbit as rabbit
from tests.running import SECRET

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

QUEUE = "data-platform-test"
PUSH = "analytics.data_platform.push"


@pytest.fixture(autouse=True)
def _by_rabbit(
    rabbit: Rabbit, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    settings.DATA_PLATFORM_TRANSPORT = "amqp"
    settings.DATA_PLATFORM_URL = rabbit.url
    settings.DATA_PLATFORM_SECRET = SECRET
    settings.OUTBOX_SUBSCRIPTIONS = {
        **dict.fromkeys(settings.OUTBOX_SUBSCRIPTIONS, ()),
        "order.paid": (PUSH,),
    }
    monkeypatch.setattr(amqp, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(amqp, "CONFIRM_SECONDS", 2)
    yield
    transports._made.cache_clear()
    rabbit.resume()
    if not rabbit.is_running:
        rabbit.start()
    rabbit.delete(QUEUE)


@pytest.fixture(autouse=True)
def _books_balance_in_the_end(_by_rabbit: None) -> Iterator[None]:
    """Look while nobody else is to hear of the orders."""
    yield
    assert_books_balance()


def listen(rabbit: Rabbit) -> None:
    """Bind the platform's queue, as its people do."""
    exchange = Exchange("shop.orders", type="topic", durable=True)
    queue = Queue(QUEUE, exchange, routing_key="shop.order.*.v1", durable=True)
    with rabbit.connect() as connection:
        queue(connection.default_channel).declare()


def messages(rabbit: Rabbit) -> list[Any]:
    """Take everything out of the queue."""
    found = []
    with rabbit.connect() as connection:
        queue = Queue(QUEUE)(connection.default_channel)
        while message := queue.get(no_ack=True):
            found.append(message)
    return found


def assert_all_are_there(rabbit: Rabbit, orders: int) -> None:
    """Fail unless each order's event is in the queue, the same bytes under one id."""
    ids = {str(pk) for pk in Event.objects.filter(sequence__gt=0, topic="order.paid")
           .values_list("pk", flat=True)}  # fmt: skip
    bodies = {message.headers["ce-id"]: message.body for message in messages(rabbit)}
    assert set(bodies) == ids
    assert len(ids) == orders
    numbers = sorted(int(json.loads(body)["sequence"]) for body in bodies.values())
    assert numbers == list(range(1, orders + 1))


def test_order_is_published_signed_and_kept_by_the_broker(rabbit: Rabbit) -> None:
    listen(rabbit)
    order = seller().sell()

    relay_until(nothing_waits)

    [message] = messages(rabbit)
    body = message.body.encode()
    assert json.loads(body)["data"]["order_id"] == str(order)
    assert message.content_type == "application/cloudevents+json"
    assert message.properties["delivery_mode"] == 2
    assert message.delivery_info["routing_key"] == "shop.order.paid.v1"
    assert message.properties["message_id"] == message.headers["ce-id"]
    assert message.headers["ce-subject"] == f"order/{order}"
    assert Webhook(SECRET).verify(body, message.headers)


def test_orders_wait_until_the_platform_has_a_queue(rabbit: Rabbit) -> None:
    seller().sell_many(2)

    outbox.deliver_due()

    assert Dispatch.objects.waiting().count() == 2
    assert "NO_ROUTE" in Dispatch.objects.exclude(last_error="")[0].last_error
    listen(rabbit)
    relay_until(nothing_waits)
    assert_all_are_there(rabbit, 2)


def test_broker_that_goes_down_while_pushing_loses_nothing(
    rabbit: Rabbit, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(rabbit)
    seller().sell_many(30)
    publish = amqp.Amqp._publish
    published = 0

    def kill_in_the_middle(self: amqp.Amqp, event: Any) -> Any:
        nonlocal published
        published += 1
        if published == 10:
            rabbit.kill()
        return publish(self, event)

    with monkeypatch.context() as patch:
        patch.setattr(amqp.Amqp, "_publish", kill_in_the_middle)
        outbox.deliver_due()
    assert Dispatch.objects.filter(delivered_at__isnull=False).count() == 9
    assert Dispatch.objects.waiting().filter(attempts=0).count() == 20
    assert not Dispatch.objects.dead().exists()

    rabbit.start()
    recovery = relay_until(nothing_waits, seconds=60)

    assert_all_are_there(rabbit, 30)
    note(recovery=f"{recovery:.1f} s")


def test_broker_that_freezes_costs_a_time_limit(rabbit: Rabbit, note: Note) -> None:
    listen(rabbit)
    shop = seller()
    shop.sell()
    relay_until(nothing_waits)  # opens the connection
    shop.sell_many(4)

    rabbit.pause()
    outbox.deliver_due()
    assert Dispatch.objects.waiting().count() == 4
    rabbit.resume()
    recovery = relay_until(nothing_waits, seconds=60)

    assert_all_are_there(rabbit, 5)
    note(recovery=f"{recovery:.1f} s")
