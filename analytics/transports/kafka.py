"""Kafka, by the client library of its makers; an extra that is installed if wanted.

The key is what the event is about, so that its events stay in order in one partition.
Options of librdkafka come in the address, ``kafka://host:9093?security.protocol=SSL``.
"""

import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from analytics.transports.base import (
    SINGLE,
    broker_headers,
    cloud_event,
    dump,
    failed,
)
from outbox.services import DELIVERED, Outcome, OutgoingEvent

try:
    import confluent_kafka as client
except ImportError as error:
    raise ImportError(
        "DATA_PLATFORM_TRANSPORT=kafka needs: pip install confluent-kafka==2.15.1"
    ) from error

# All copies have it, once and in order, or it counts as failed in time for the lease.
SAFE = {
    "acks": "all",
    "enable.idempotence": "true",
    "socket.connection.setup.timeout.ms": "3000",
    "delivery.timeout.ms": "10000",
}
FLUSH_SECONDS = 12


class Kafka:
    """Produces to ``topic``, over one producer that is kept."""

    def __init__(self, url: str, topic: str) -> None:
        address = urlsplit(url)
        self._options = {
            **SAFE,
            **dict(parse_qsl(address.query)),
            "bootstrap.servers": address.netloc,
        }
        self._topic = topic
        self._producer: Any = None
        self._lock = threading.Lock()

    def send(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        """Produce all of them, and wait until each was taken or refused."""
        outcomes: dict[str, Outcome] = {}
        with self._lock:
            producer = self._connect()
            for event in events:
                self._produce(producer, event, outcomes)
            producer.flush(FLUSH_SECONDS)
            silence = failed("no word from Kafka", is_away=True)
            found = [outcomes.get(str(event.id), silence) for event in events]
            if any(outcome.is_away for outcome in found):
                self._disconnect()
        return found

    def _produce(
        self, producer: Any, event: OutgoingEvent, outcomes: dict[str, Outcome]
    ) -> None:
        content = cloud_event(event)
        body = dump(content)
        key = content["id"]
        headers = {"content-type": SINGLE, **broker_headers(content, body, "ce_")}

        def note(error: Any, _message: Any) -> None:
            outcomes[key] = _outcome(error)

        try:
            producer.produce(
                self._topic,
                value=body,
                key=event.aggregate,
                headers=list(headers.items()),
                on_delivery=note,
            )
        except client.KafkaException as error:
            outcomes[key] = _outcome(error.args[0])
        except BufferError as error:
            outcomes[key] = failed(error, is_away=True)

    def _connect(self) -> Any:
        if self._producer is None:
            self._producer = client.Producer(self._options)
        return self._producer

    def _disconnect(self) -> None:
        """Begin anew the next time; nothing old may come after something newer."""
        self._producer.purge()
        self._producer.flush(0)
        self._producer = None


def _outcome(error: Any) -> Outcome:
    if error is None:
        return DELIVERED
    is_final = error.code() == client.KafkaError.MSG_SIZE_TOO_LARGE
    return failed(str(error), is_final=is_final, is_away=not is_final)
