"""The messages that nobody could take: shown, sent again, or thrown away by staff."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog import broker
from catalog.broker import DEAD, UPDATES, Letter


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message with what was wrong about it. ``refused_at`` is ISO 8601."""

    message_id: str
    refused_at: str
    code: str
    reason: str
    body: str


def show(limit: int) -> list[DeadLetter]:
    """Return the oldest dead letters; they stay where they are."""
    seen: list[DeadLetter] = []

    def look(_channel: Any, message: Any) -> bool:
        seen.append(_dead_letter(message))
        return False

    _go_through(limit, look)
    return seen


def replay(limit: int) -> int:
    """Put the oldest dead letters back into the queue; return how many."""

    def send(_channel: Any, message: Any) -> bool:
        # Straight to the queue: other listeners have heard it the first time.
        letter = Letter(
            key=UPDATES,
            exchange="",
            message_id=str(message.properties.get("message_id") or ""),
            body=_bytes(message.body),
            sent_at=_sent_at(message),
        )
        [outcome] = broker.send([letter])
        if not outcome.is_delivered:
            raise ConnectionError(outcome.error)
        return True

    return _go_through(limit, send)


def discard(limit: int) -> int:
    """Throw the oldest dead letters away; return how many."""
    return _go_through(limit, lambda _channel, _message: True)


def _go_through(limit: int, visit: Callable[[Any, Any], bool]) -> int:
    """Visit dead letters; those for which ``visit`` is true are gone then."""
    gone = 0
    with broker.connect() as connection, broker.channel(connection) as channel:
        broker.declare_queues(channel)
        # Whatever is refused again meanwhile is for the next time.
        waiting = channel.queue_declare(DEAD, passive=True).message_count
        for _ in range(min(limit, waiting)):
            message = channel.basic_get(DEAD)
            if message is None:
                break
            if visit(channel, message):
                channel.basic_ack(message.delivery_info["delivery_tag"])
                gone += 1
    # Those that were not acknowledged return to their places with the connection's end.
    return gone


def _dead_letter(message: Any) -> DeadLetter:
    headers = message.properties.get("application_headers") or {}
    by_broker = headers.get("x-death") or [{}]
    code = headers.get("x-reason-code") or by_broker[0].get("reason", "unknown")
    return DeadLetter(
        message_id=str(message.properties.get("message_id") or ""),
        refused_at=str(headers.get("x-refused-at") or by_broker[0].get("time", "")),
        code=str(code),
        reason=str(headers.get("x-reason") or "the broker put it aside"),
        body=_bytes(message.body).decode(errors="backslashreplace"),
    )


def _sent_at(message: Any) -> datetime | None:
    sent_at = (message.properties.get("application_headers") or {}).get("x-sent-at")
    return datetime.fromisoformat(sent_at) if sent_at else None


def _bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else str(body).encode()
