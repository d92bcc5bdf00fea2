"""Counts why claims were refused, for whoever watches a drop. It may be lost.

Most claims of a popular drop are refused, so nothing here may cost them anything: a
claim adds one to a number in memory, and a thread brings the numbers to Redis about
once a second. A process that dies takes its last second along, a Redis that restarts
takes everything. No book says how many were refused, and none needs to.
"""

import logging
import threading
from collections import Counter

from django.conf import settings
from redis.exceptions import RedisError

from common.cache import redis_client

logger = logging.getLogger(__name__)

PREFIX = "coupon-refusals:"
PAUSE = 1.0  # seconds
KEEP = 7 * 24 * 3600  # seconds after the last one


class Tally:
    """Numbers by batch and code, on their way to Redis."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, str]] = Counter()
        self._lock = threading.Lock()
        self._is_waited_for = False

    def add(self, batch_id: int, code: str) -> None:
        """Count one; somebody brings it to Redis soon."""
        with self._lock:
            self._counts[batch_id, code] += 1
            if self._is_waited_for:
                return
            self._is_waited_for = True
        # Not in the caller's thread: it may be in a transaction.
        thread = threading.Timer(PAUSE, self.flush)
        thread.daemon = True
        thread.start()

    def flush(self) -> None:
        """Bring to Redis what was counted; while it is away, that is lost."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
            self._is_waited_for = False
        if not counts:
            return
        pipe = redis_client(settings.REDIS_URL).pipeline(transaction=False)
        for (batch_id, code), number in counts.items():
            pipe.hincrby(f"{PREFIX}{batch_id}", code, number)
            pipe.expire(f"{PREFIX}{batch_id}", KEEP)
        try:
            pipe.execute()
        except RedisError as error:
            logger.warning("refusals of coupons are lost: %s", error)


tally = Tally()


def count(batch_id: int, code: str) -> None:
    """Count a refused claim of a batch that there is."""
    tally.add(batch_id, code)


def counted(batch_id: int) -> dict[str, int] | None:
    """Return how many claims were refused, by code; ``None`` while Redis is away."""
    try:
        found = redis_client(settings.REDIS_URL).hgetall(f"{PREFIX}{batch_id}")
    except RedisError:
        return None
    return {str(code): int(number) for code, number in dict(found).items()}
