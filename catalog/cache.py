"""Rendered product cards: in Redis for all processes, in memory for this one.

The key carries the product's version, which the database raises with every change: a
card is never stale, and nothing has to be deleted. Stock is not on a card's key by
number but by what the card says about it, and is always read live.

Who misses a card first renders it, for all processes; who misses it meanwhile waits a
moment, and then shows the card of an older version rather than rendering it, too.
Nothing here decides what is sold: checkout reads the tables.
"""

import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from django.core.cache import cache

CardKey = tuple[str | int, ...]
Render = Callable[[Sequence[CardKey]], Mapping[CardKey, str]]
MEMORY_CARDS = 5_000
REDIS_SECONDS = 24 * 3600
# Of the time above: cards that were made together do not run out together.
JITTER = 0.2
# Longer than anybody renders; who dies over it leaves the card to the next.
FLIGHT_SECONDS = 5
# How long others wait for a card, and how often they look.
WAIT_SECONDS = 0.3
LOOK_EVERY = 0.02

_memory: OrderedDict[CardKey, str] = OrderedDict()
_lock = Lock()


def cards(keys: Sequence[CardKey], render: Render) -> dict[CardKey, str]:
    """Return the card of each key; ``render`` makes those that are in no cache.

    A key is e.g. ``("card", language, stock label, product id, version)``: the version
    comes last.
    """
    found = _from_memory(keys)
    missing = [key for key in keys if key not in found]
    if missing:
        fresh = _from_redis(missing)
        absent = [key for key in missing if key not in fresh]
        older: dict[CardKey, str] = {}
        if absent:
            rendered, older = _refresh(absent, render)
            fresh |= rendered
        _into_memory(fresh)
        found |= fresh | older
    return found


def forget_memory() -> None:
    """Empty this process's part; for tests."""
    with _lock:
        _memory.clear()


def _refresh(
    keys: Sequence[CardKey], render: Render
) -> tuple[dict[CardKey, str], dict[CardKey, str]]:
    """Return cards by their keys, and older ones in the place of some."""
    own = [key for key in dict.fromkeys(keys) if _takes_off(key)]
    made = _make(own, render) if own else {}
    others = [key for key in keys if key not in made]
    if not others:
        return made, {}
    made |= _wait_for(others)
    late = [key for key in others if key not in made]
    older = _older(late)
    # Neither came it, nor was there one before: whoever renders it takes too long.
    if left := [key for key in late if key not in older]:
        made |= _make(left, render)
    return made, older


def _make(keys: Sequence[CardKey], render: Render) -> dict[CardKey, str]:
    try:
        # Between the look and the take-off somebody else may have landed.
        landed = _from_redis(keys)
        rendered = dict(render([key for key in keys if key not in landed]))
        seconds = int(REDIS_SECONDS * random.uniform(1 - JITTER, 1))
        made = {_redis_key(key): card for key, card in rendered.items()}
        newest = {_newest_key(key): card for key, card in rendered.items()}
        cache.set_many(made | newest, seconds)
    finally:
        cache.delete_many([_flight_key(key) for key in keys])
    return landed | rendered


def _takes_off(key: CardKey) -> bool:
    return cache.add(_flight_key(key), 1, FLIGHT_SECONDS)


def _wait_for(keys: Sequence[CardKey]) -> dict[CardKey, str]:
    end = time.monotonic() + WAIT_SECONDS
    found = _from_redis(keys)
    while len(found) < len(set(keys)) and time.monotonic() < end:
        # Not all at the same moment.
        time.sleep(LOOK_EVERY * random.uniform(0.5, 1.5))
        found = _from_redis(keys)
    return found


def _older(keys: Sequence[CardKey]) -> dict[CardKey, str]:
    fetched = cache.get_many([_newest_key(key) for key in keys])
    return {
        key: fetched[_newest_key(key)] for key in keys if _newest_key(key) in fetched
    }


def _from_redis(keys: Sequence[CardKey]) -> dict[CardKey, str]:
    fetched = cache.get_many([_redis_key(key) for key in keys])
    return {key: fetched[_redis_key(key)] for key in keys if _redis_key(key) in fetched}


def _redis_key(key: CardKey) -> str:
    return ":".join(map(str, key))


def _newest_key(key: CardKey) -> str:
    return f"{_redis_key(key[:-1])}:newest"


def _flight_key(key: CardKey) -> str:
    return f"{_redis_key(key)}:flight"


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
