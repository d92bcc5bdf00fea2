"""Events of the past: written, stamped and delivered long ago."""

import json
from random import Random
from typing import Any
from uuid import UUID

from django.conf import settings

from demo.seed.moments import SECOND, aware, uuid7_at
from demo.seed.tables import DISPATCHES, EVENTS, Writer

TOPIC = "order.paid"


class Outbox:
    """Paid orders only: nobody listens to the other topics of the past."""

    def __init__(self, writer: Writer, rng: Random) -> None:
        self._writer = writer
        self._rng = rng
        self._sequence = 0

    def order_paid(self, order_id: UUID, payload: dict[str, Any], at: int) -> None:
        """Write the event of a paid order, the oldest first."""
        self._sequence += 1
        event_id, aggregate = uuid7_at(at, self._rng), f"order/{order_id}"
        row = (event_id, TOPIC, aggregate, json.dumps(payload), aware(at))
        self._writer.add(EVENTS, (*row, self._sequence))
        delivered = aware(at + self._rng.randrange(SECOND // 20, SECOND))
        for subscriber in settings.OUTBOX_SUBSCRIPTIONS[TOPIC]:
            way = (event_id, subscriber, aggregate, 1, aware(at), delivered, "")
            self._writer.add(DISPATCHES, way)
