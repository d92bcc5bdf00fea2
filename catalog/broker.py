"""The RabbitMQ where the shop and other systems tell each other of products.

The topology is declared by whoever needs it, so a broker may start out empty. Every
message that is sent is confirmed by the broker before anybody says it is.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from amqp.exceptions import AMQPError, MessageNacked
from django.conf import settings
from django.utils import timezone
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from outbox.services import DELIVERED, Outcome

EXCHANGE = "shop.products"
# What other systems tell us arrives by these keys; what we tell has keys of its own.
UPDATE_KEYS = "product.update.#"
UPDATES = "shop.products.updates"
DEAD = "shop.products.dead"
# A message that ends the consumer as often as this is put aside by the broker.
MOST_DELIVERIES = 20

CONNECT_SECONDS = 3
# Until the broker has confirmed a message, or taken what we write.
CONFIRM_SECONDS = 5
# A batch stays well within the outbox's lease, or another worker would send it, too.
SENDING_SECONDS = 10
HEARTBEAT_SECONDS = 20
AWAY = (OSError, AMQPError, MessageNacked, OperationalError)

PERSISTENT = 2
JSON = "application/json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message on its way out."""

    key: str
    message_id: str
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    # By default the shop's; "" takes it straight to the queue that the key names.
    exchange: str = EXCHANGE
    # Now, unless it was sent before.
    sent_at: datetime | None = None


def connect() -> Connection:
    """Open a connection at once, or fail with one of ``AWAY``."""
    connection = Connection(
        settings.RABBITMQ_URL,
        connect_timeout=CONNECT_SECONDS,
        heartbeat=HEARTBEAT_SECONDS,
        transport_options={
            "confirm_publish": True,
            "write_timeout": CONFIRM_SECONDS,
        },
    )
    connection.ensure_connection(max_retries=0)
    return connection


def channel(connection: Connection) -> Any:
    """Open a channel, which in ``with`` is closed; its methods are AMQP's own."""
    return connection.channel()


def declare_exchange(channel: Any) -> None:
    """See to it that there is the exchange, which outlives the broker's restarts."""
    Exchange(EXCHANGE, type="topic", durable=True)(channel).declare()


def declare_queues(channel: Any) -> None:
    """See to it that there are the queues of what we are told, and of what is dead."""
    declare_exchange(channel)
    _queue(DEAD, {})(channel).declare()
    # Whatever the broker drops from here is handed on before it is forgotten.
    limits = {
        "x-delivery-limit": MOST_DELIVERIES,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
    _queue(UPDATES, limits)(channel).declare()


def send(letters: Sequence[Letter]) -> Sequence[Outcome]:
    """Send messages in their order; never raises for the broker's sake.

    ``DELIVERED`` means that the broker has it on disk, in each queue that listens. That
    nobody listens is no fault. Once the broker is away, what is left stays unsent.
    """
    line = _line()
    outcomes: list[Outcome] = []
    until = time.monotonic() + SENDING_SECONDS
    try:
        for letter in letters:
            if time.monotonic() > until:
                raise TimeoutError("the broker is slow")
            line.send(letter)
            outcomes.append(DELIVERED)
    except AWAY as error:
        logger.warning("cannot send to RabbitMQ: %s", _words(error))
        line.close()
        missing = len(letters) - len(outcomes)
        outcomes += [Outcome(error=_words(error), is_away=True)] * missing
    return outcomes


def hang_up() -> None:
    """Close this thread's connection; the next message opens another."""
    _line().close()


def post(channel: Any, letter: Letter) -> None:
    """Send one message by an open channel, and wait for the broker's word."""
    channel.basic_publish(
        channel.prepare_message(
            letter.body,
            content_type=JSON,
            content_encoding="utf-8",
            headers=dict(letter.headers),
            properties={
                "delivery_mode": PERSISTENT,
                "message_id": letter.message_id,
                "timestamp": int((letter.sent_at or timezone.now()).timestamp()),
            },
        ),
        exchange=letter.exchange,
        routing_key=letter.key,
        confirm_timeout=CONFIRM_SECONDS,
    )


class _Line:
    """A thread's connection, kept open between its batches."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._channel: Any = None

    def send(self, letter: Letter) -> None:
        is_fresh = self._channel is None
        try:
            post(self._open(), letter)
        except AWAY:
            # An old connection may have died of boredom, or with a broker that is back.
            if is_fresh:
                raise
            self.close()
            post(self._open(), letter)

    def close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None:
            # Without a farewell: whoever does not answer would be waited for.
            connection.collect(socket_timeout=0.1)

    def _open(self) -> Any:
        if self._channel is None:
            self._connection = connect()
            self._channel = self._connection.channel()
            declare_exchange(self._channel)
        return self._channel


_lines = threading.local()


def _line() -> _Line:
    line: _Line | None = getattr(_lines, "line", None)
    if line is None:
        line = _lines.line = _Line()
    return line


def _queue(name: str, limits: dict[str, Any]) -> Queue:
    exchange = Exchange(EXCHANGE, type="topic") if name == UPDATES else None
    return Queue(
        name,
        exchange,
        routing_key=UPDATE_KEYS if exchange else name,
        durable=True,
        queue_arguments={"x-queue-type": "quorum", **limits},
    )


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
