"""A cache that the shop can do without."""

import functools
import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# After an error Redis is left alone for a moment: a page must not pay the time-out
# of every single look-up.
PAUSE_AFTER_ERROR = 2.0  # seconds


class ForgivingRedisCache(RedisCache):
    """Redis errors are misses: pages get slower, never wrong and never broken."""

    _ignored_until = 0.0

    def _forgiving(
        self, default: Any, call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        if time.monotonic() < ForgivingRedisCache._ignored_until:
            return default
        try:
            return call(*args, **kwargs)
        except RedisError as error:
            ForgivingRedisCache._ignored_until = time.monotonic() + PAUSE_AFTER_ERROR
            logger.warning("cache is away: %s", error)
            return default

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._forgiving(default, super().get, key, default, version)

    def get_many(self, keys: Any, version: int | None = None) -> Any:
        return self._forgiving({}, super().get_many, keys, version)


def _forgive(name: str, default: Any) -> None:
    original = getattr(RedisCache, name)

    @functools.wraps(original)
    def method(self: ForgivingRedisCache, *args: Any, **kwargs: Any) -> Any:
        return self._forgiving(default, original, self, *args, **kwargs)

    setattr(ForgivingRedisCache, name, method)


for _name, _default in (
    ("add", True),
    ("set", None),
    ("set_many", []),
    ("touch", False),
    ("delete", False),
    ("delete_many", None),
    ("has_key", False),
    ("incr", 1),
    ("clear", False),
):
    _forgive(_name, _default)
