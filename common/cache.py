"""A cache that the shop can do without."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

import redis
from django.conf import settings
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# After an error Redis is left alone for a moment: a page must not pay the time-out
# of every single look-up.
PAUSE_AFTER_ERROR = 2.0  # seconds


@functools.cache
def redis_client(url: str) -> redis.Redis:
    """Return this process's connections to a Redis, for what a cache cannot hold.

    Nobody waits for it longer than ``REDIS_TIMEOUT``; it raises ``RedisError``.
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT,
        decode_responses=True,
    )


class ForgivingRedisCache(RedisCache):
    """While Redis is away, this process's own memory answers in its place.

    Pages get slower, never wrong and never broken. Limits on attempts are kept here,
    too, and hold: each process then counts for itself.
    """

    _ignored_until = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._memory = LocMemCache("while-redis-is-away", params)

    def _forgiving(
        self, method: Callable[..., Any], name: str, *args: Any, **kwargs: Any
    ) -> Any:
        if redis_is_due():
            try:
                return method(self, *args, **kwargs)
            except RedisError as error:
                redis_failed(error)
        return getattr(self._memory, name)(*args, **kwargs)

    def clear(self) -> None:
        self._memory.clear()
        self._forgiving(RedisCache.clear, "clear")


def redis_is_due() -> bool:
    """Tell whether Redis is thought to be there, or to be asked again."""
    until = ForgivingRedisCache._ignored_until  # noqa: SLF001 — of this module
    return time.monotonic() >= until


def redis_failed(error: RedisError) -> None:
    """Note that Redis did not answer: all who use it leave it alone for a moment.

    So a request waits for it once, whatever it wanted from it.
    """
    until = time.monotonic() + PAUSE_AFTER_ERROR
    ForgivingRedisCache._ignored_until = until  # noqa: SLF001 — of this module
    logger.warning("cache is away: %s", error)


def _forgive(name: str) -> None:
    original = getattr(RedisCache, name)

    @functools.wraps(original)
    def method(self: ForgivingRedisCache, *args: Any, **kwargs: Any) -> Any:
        return self._forgiving(original, name, *args, **kwargs)

    setattr(ForgivingRedisCache, name, method)


for _name in (
    "get",
    "get_many",
    "add",
    "set",
    "set_many",
    "touch",
    "delete",
    "delete_many",
    "has_key",
    "incr",
):
    _forgive(_name)
