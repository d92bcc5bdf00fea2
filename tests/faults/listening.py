"""Both ends of the shop's RabbitMQ: other systems' queues, and our consumer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from kombu import Connection
from pytest_django import Settings

from catalog import broker
from catalog.broker import DEAD, EXCHANGE, UPDATES, Letter
from catalog.models import Product
from inventory.consumer import ProductConsumer
from outbox import services as outbox
from tests.factories import ProductFactory
from tests.rabbit import Rabbit, open_channel
from tests.running import wait_for

QUEUE = "erp"


@dataclass(frozen=True)
class Heard:
    """A message as another system gets it."""

    key: str
    message_id: str
    body: dict[str, Any]
    is_persistent: bool


@dataclass(frozen=True)
class Listener:
    """Another system, with a queue for what the shop says of products."""

    rabbit: Rabbit

    def begin(self) -> None:
        with self._channel() as channel:
            broker.declare_exchange(channel)
            channel.queue_declare(QUEUE, durable=True, auto_delete=False)
            for key in ("product.changed.#", "stock.changed.#"):
                channel.queue_bind(QUEUE, EXCHANGE, key)

    def heard(self) -> list[Heard]:
        """Return what has come since the last time, in its order."""
        found: list[Heard] = []
        with self._channel() as channel:
            while (message := channel.basic_get(QUEUE, no_ack=True)) is not None:
                found.append(
                    Heard(
                        key=message.delivery_info["routing_key"],
                        message_id=message.properties["message_id"],
                        body=json.loads(message.body),
                        is_persistent=message.properties["delivery_mode"] == 2,
                    )
                )
        return found

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        with self.rabbit.connect() as link, open_channel(link) as channel:
            yield channel


def tell(rabbit: Rabbit, *messages: dict[str, Any] | bytes) -> None:
    """Send messages as an outside system does; a dict goes as JSON."""
    with (
        Connection(rabbit.url, transport_options={"confirm_publish": True}) as link,
        open_channel(link) as channel,
    ):
        broker.declare_queues(channel)
        for message in messages:
            body = (
                message if isinstance(message, bytes) else json.dumps(message).encode()
            )
            letter = Letter(key="product.update.erp", message_id="", body=body)
            broker.post(channel, letter)


def says(sku: str, version: int, **what: Any) -> dict[str, Any]:
    """Return a message; what it counts was counted now."""
    if "stock" in what:
        what.setdefault("counted_at", timezone.now().isoformat())
    return {"sku": sku, "source": "erp", "source_version": version, **what}


@contextmanager
def consuming() -> Iterator[ProductConsumer]:
    """Run our consumer beside the test."""
    consumer = ProductConsumer(say=lambda _words: None)
    # A daemon, so that one that hangs cannot keep the run from ending.
    thread = threading.Thread(target=_run, args=(consumer,), daemon=True)
    thread.start()
    try:
        yield consumer
    finally:
        consumer.stop()
        thread.join(20)
        assert not thread.is_alive(), "the consumer does not stop"


def consume(number: int) -> dict[str, int]:
    """Run our consumer for that many messages; return what became of them."""
    with consuming() as consumer:
        wait_for(lambda: done(consumer) >= number, f"{number} messages are taken")
    return dict(consumer.tally)


def done(consumer: ProductConsumer) -> int:
    """Return how many messages it has acknowledged."""
    return sum(consumer.tally[name] for name in ("taken", "repeated", "refused"))


def _run(consumer: ProductConsumer) -> None:
    try:
        consumer.run()
    finally:
        connection.close()


@pytest.fixture
def shop_has_a_rabbit(rabbit: Rabbit, settings: Settings) -> Iterator[None]:
    settings.RABBITMQ_URL = rabbit.url
    yield
    broker.hang_up()
    rabbit.resume()
    if not rabbit.is_running:
        rabbit.start()
    rabbit.delete(UPDATES, DEAD, QUEUE)


@pytest.fixture
def listener(rabbit: Rabbit) -> Listener:
    listener = Listener(rabbit)
    listener.begin()
    return listener


@pytest.fixture
def cup() -> Product:
    cup: Product = ProductFactory.create(
        sku="CUP-1", name="Cup", price=10_000, stock_on_hand=10
    )
    # Filling the shop is not what the tests are about.
    relay()
    return cup


def relay() -> None:
    """Deliver what is due, as a worker does."""
    while outbox.deliver_due():
        pass
