"""Keeps a provider that has fallen silent from holding everybody else up.

Whoever asks it holds a thread of the web server, of which there are few, or a worker.
So few ask at once, nobody queues behind a call that is slow, and after one that got no
answer in time the provider is left alone for a moment. Known to this process only.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from django.conf import settings

from common.breaker import Breaker
from payments.gateways.base import (
    Gateway,
    GatewayAway,
    Invoice,
    Notice,
    Returned,
    Sight,
    Started,
)

# A call that has taken so long is slow, or silent: seconds, and a part of its time.
SLOW, SLOW_SHARE = 1.0, 0.8

breaker = Breaker()


class Guarded:
    """A gateway behind its guard. A call that is not made raises ``GatewayAway``."""

    def __init__(self, gateway: Gateway) -> None:
        self.code, self.label = gateway.code, gateway.label
        self._gateway = gateway
        self._changed = threading.Condition()
        self._begun: list[float] = []

    def start(self, invoice: Invoice) -> Started:
        with self._place():
            return self._gateway.start(invoice)

    def capture(self, reference: str, *, amount: int, key: str) -> Sight:
        with self._place():
            return self._gateway.capture(reference, amount=amount, key=key)

    def void(self, reference: str, *, key: str) -> Sight:
        with self._place():
            return self._gateway.void(reference, key=key)

    def refund(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> Returned:
        with self._place():
            return self._gateway.refund(
                reference, amount=amount, currency=currency, key=key
            )

    def look_up(self, reference: str) -> Sight:
        with self._place():
            return self._gateway.look_up(reference)

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        # What has to be looked up for a message is asked like anything else.
        with self._place():
            return self._gateway.read_webhook(headers, body)

    @contextmanager
    def _place(self) -> Iterator[None]:
        begun = self._enter()
        try:
            yield
        except GatewayAway:
            # An error that comes at once holds nobody up.
            if time.monotonic() - begun > _slow():
                breaker.failed(self.code)
            raise
        else:
            breaker.answered(self.code)
        finally:
            with self._changed:
                self._begun.remove(begun)
                self._changed.notify()

    def _enter(self) -> float:
        with self._changed:
            while len(self._begun) >= settings.PROVIDER_CALLS:
                left = min(self._begun) + _slow() - time.monotonic()
                if left <= 0:
                    raise GatewayAway("others are waiting for it already")
                self._changed.wait(left)
            if not breaker.may_try(self.code):
                raise GatewayAway("it did not answer a moment ago")
            self._begun.append(time.monotonic())
            return self._begun[-1]


def _slow() -> float:
    share: float = settings.PROVIDER_TIMEOUT * SLOW_SHARE
    return min(SLOW, share)
