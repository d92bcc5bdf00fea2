"""AMQP 0-9-1: a durable topic exchange of the platform's broker, with confirms.

The routing key is the event's type. An event that no queue takes comes back and waits
in the outbox: a broker that confirms it would have thrown it away.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from amqp.exceptions import AMQPError, MessageNacked
from kombu import Connection, Exchange
from kombu.exceptions import KombuError

from analytics.transports.base import (
    SINGLE,
    broker_headers,
    cloud_event,
    dump,
    failed,
    unsent,
)
from outbox.services import DELIVERED, Outcome, OutgoingEvent

CONNECT_SECONDS = 3
CONFIRM_SECONDS = 10
# Together with the last confirm it stays within the outbox's lease.
SENDING_SECONDS = 10
PERSISTENT = 2  # AMQP's number for what survives a restart
AWAY = (AMQPError, MessageNacked, KombuError, OSError)


class Amqp:
    """Publishes to the exchange ``topic``, over one connection that is kept."""

    def __init__(self, url: str, topic: str) -> None:
        self._url = url
        self._exchange = Exchange(topic, type="topic", durable=True)
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def send(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        """Publish one after the other, each confirmed; stop once the broker is away."""
        outcomes: list[Outcome] = []
        until = time.monotonic() + SENDING_SECONDS
        with self._lock:
            for event in events:
                is_away = bool(outcomes) and outcomes[-1].is_away
                if is_away or time.monotonic() > until:
                    outcomes.append(unsent("the broker is away or slow"))
                else:
                    outcomes.append(self._publish(event))
        return outcomes

    def _publish(self, event: OutgoingEvent) -> Outcome:
        content = cloud_event(event)
        body = dump(content)
        try:
            producer = self._connect().Producer(auto_declare=False)
            producer.publish(
                body,
                exchange=self._exchange,
                routing_key=content["type"],
                content_type=SINGLE,
                content_encoding="utf-8",
                headers=broker_headers(content, body, "ce-"),
                message_id=content["id"],
                delivery_mode=PERSISTENT,
                mandatory=True,
                retry=False,
                confirm_timeout=CONFIRM_SECONDS,
            )
        except AWAY as error:
            self._disconnect()
            return failed(error, is_away=True)
        return DELIVERED

    def _connect(self) -> Connection:
        if self._connection is None or not self._connection.connected:
            self._disconnect()
            self._connection = Connection(
                self._url,
                connect_timeout=CONNECT_SECONDS,
                transport_options={
                    "confirm_publish": True,
                    "read_timeout": CONFIRM_SECONDS,
                    "write_timeout": CONFIRM_SECONDS,
                },
            )
            # Once, not until it works: the outbox repeats, and others wait for us.
            self._connection.connect()
            self._exchange(self._connection.default_channel).declare()
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(*AWAY):
                self._connection.collect()
            self._connection = None
