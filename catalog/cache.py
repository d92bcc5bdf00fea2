"""Rendered product cards: in Redis for all processes, in memory for this one.

The key carries the product's version, which the database raises with every change: a
card is never stale, and nothing has to be deleted. Stock is not on a card's key by
number but by what the card says about it, and is always read live.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from django.core.cache import cache

CardKey = tuple[str | int, ...]
MEMORY_CARDS = 5_000
REDIS_SECONDS = 24 * 3600

_memory: OrderedDict[CardKey, str] = OrderedDict()
_lock = Lock()


def cards(
    keys: Sequence[CardKey],
    render: Callable[[Sequence[CardKey]], Mapping[CardKey, str]],
) -> dict[CardKey, str]:
    """Return the card of each key; ``render`` makes those that are in no cache.

    A key is e.g. ``("card", language, product id, version, stock label)``.
    """
    found = _from_memory(keys)
    missing = [key for key in keys if key not in found]
    if missing:
        fetched = cache.get_many([_redis_key(key) for key in missing])
        fresh = {
            key: fetched[_redis_key(key)]
            for key in missing
            if _redis_key(key) in fetched
        }
        absent = [key for key in missing if key not in fresh]
        if absent:
            rendered = dict(render(absent))
            cache.set_many(
                {_redis_key(key): card for key, card in rendered.items()}, REDIS_SECONDS
            )
            fresh |= rendered
        _into_memory(fresh)
        found |= fresh
    return found


def forget_memory() -> None:
    """Empty this process's part; for tests."""
    with _lock:
        _memory.clear()


def _redis_key(key: CardKey) -> str:
    return ":".join(map(str, key))


def _from_memory(keys: Sequence[CardKey]) -> dict[CardKey, str]:
    with _lock:
        found = {key: _memory[key] for key in keys if key in _memory}
        for key in found:
            _memory.move_to_end(key)
    return found


def _into_memory(fresh: Mapping[CardKey, str]) -> None:
    with _lock:
        _memory.update(fresh)
        while len(_memory) > MEMORY_CARDS:
            _memory.popitem(last=False)
