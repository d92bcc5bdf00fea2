"""Takes what outside systems say of products from RabbitMQ, for as long as it runs.

A message is acknowledged once its effect is committed, or once it lies with the dead
letters. In between a process may die: the version then shows that it was done. What
fails for a while (a database away, a deadlock) is tried again here and not put back
into the queue, where it would lose its place and be counted as a failure of its own.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from kombu import Connection, Consumer, Queue

from catalog import broker
from catalog.broker import AWAY, DEAD, UPDATES, Letter
from catalog.messages import RefusedMessage, read_update
from inventory import sources

# So many may be on their way to us; they are worked off one by one.
PREFETCH = 50
LOOK_UP_EVERY = 0.5  # seconds
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
REPORT_EVERY = 60.0
TEMPORARY = (OperationalError, InterfaceError)

logger = logging.getLogger(__name__)


class _Stopped(Exception):
    """It is to end, and has something in hand that it cannot finish."""


class ProductConsumer:
    """One consumer; several may run beside each other."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._stopping = threading.Event()
        self._broker: Connection | None = None
        self._reported_at = time.monotonic()
        self._reported: Counter[str] = Counter()
        self.tally: Counter[str] = Counter()

    def stop(self) -> None:
        """Let ``run`` end after the message in hand."""
        self._stopping.set()

    def run(self) -> None:
        """Take messages until ``stop``; a broker that is away is waited for."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                with broker.connect() as self._broker:
                    self._say(f"listening at {self._broker.as_uri()}")
                    pause = FIRST_PAUSE
                    self._listen(self._broker)
            except AWAY as error:
                self._say(f"RabbitMQ is away ({error}); again in {pause:g} s")
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except _Stopped:
                self._say("what is in hand goes back to the queue")
        broker.hang_up()
        self._report()

    def _listen(self, open_broker: Connection) -> None:
        with broker.channel(open_broker) as channel:
            broker.declare_queues(channel)
            channel.basic_qos(0, PREFETCH, False)  # noqa: FBT003 — AMQP's own order
            queue = Queue(UPDATES, no_declare=True)
            with Consumer(channel, [queue], on_message=self._receive):
                while not self._stopping.is_set():
                    with suppress(TimeoutError):
                        open_broker.drain_events(timeout=LOOK_UP_EVERY)
                    open_broker.heartbeat_check()
                    if time.monotonic() - self._reported_at > REPORT_EVERY:
                        self._report()

    def _receive(self, message: Any) -> None:
        if self._stopping.is_set():
            # It was on its way already; unacknowledged it is somebody else's.
            return
        try:
            update = read_update(message.body, sent_at=_sent_at(message))
            result = str(self._persist(lambda: sources.take(update)))
        except RefusedMessage as refused:
            self._bury(message, refused)
            result = "refused"
        message.ack()
        self.tally[result] += 1

    def _persist(self, step: Callable[[], Any]) -> Any:
        """Do a step, again and again while the database is away."""
        pause = FIRST_PAUSE
        while True:
            try:
                return step()
            except RefusedMessage:
                raise
            except TEMPORARY as error:
                self._say(f"the database is away ({error}); again in {pause:g} s")
                self.tally["tried again"] += 1
                connection.close()
                self._pause(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Exception as error:
                # A bug of ours, or data that we did not think of: others go on.
                logger.exception("a message cannot be taken")
                reason = f"{type(error).__name__}: {error}"
                raise RefusedMessage("failed", reason) from error

    def _pause(self, seconds: float) -> None:
        """Wait, and let the broker know meanwhile that we live."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._stopping.wait(min(left, LOOK_UP_EVERY)):
                raise _Stopped
            if self._broker is not None:
                self._broker.heartbeat_check()

    def _bury(self, message: Any, refused: RefusedMessage) -> None:
        body = message.body
        letter = Letter(
            key=DEAD,
            exchange="",
            message_id=str(message.properties.get("message_id") or ""),
            body=body if isinstance(body, bytes) else body.encode(),
            headers={
                "x-reason": refused.reason,
                "x-reason-code": refused.code,
                "x-key": message.delivery_info["routing_key"],
                "x-sent-at": _iso(_sent_at(message)),
                "x-refused-at": _iso(datetime.now(UTC)),
            },
        )
        # By a connection of its own: waiting for the broker's word on ours would
        # bring the next message before this one is done.
        [outcome] = broker.send([letter])
        if not outcome.is_delivered:
            raise ConnectionError(outcome.error)
        logger.warning("message refused: %s", refused.reason)
        self._persist(
            lambda: sources.count_refused(code=refused.code, reason=refused.reason)
        )

    def _report(self) -> None:
        self._reported_at = time.monotonic()
        if self.tally != self._reported:
            self._reported = self.tally.copy()
            parts = [f"{name} {count}" for name, count in sorted(self.tally.items())]
            self._say(f"messages so far: {', '.join(parts)}")


def is_configured() -> bool:
    """Tell whether there is a RabbitMQ to listen at."""
    return bool(settings.RABBITMQ_URL)


def _sent_at(message: Any) -> datetime | None:
    with suppress(KeyError, TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(message.properties["timestamp"], UTC)
    return None


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
