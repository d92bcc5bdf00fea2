"""How often somebody may do something: exact in Redis, strict by ourselves without it.

The rule is GCRA: each request pushes a point in time ("when all of it is forgotten")
further away by one interval, and is refused if that would be too far ahead. Redis does
reading and writing as one step by its own clock, so that no burst of parallel requests
gets more than the quota, however many processes serve them.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from threading import Lock
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from common.cache import redis_failed, redis_is_due

PREFIX = "limit:"
SECOND = 1_000_000  # microseconds
# Without Redis each process counts for itself, so each gives out a part.
PARTS_ALONE = 4
# Keys that a process remembers; beyond, it forgets those that are free again.
MOST_KEYS = 50_000

# For each key: the interval and the tolerance, in microseconds. Nothing is taken from
# any of them unless all of them give. Returns how long to wait, then for each key how
# far its point in time is ahead.
GCRA_LUA = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local wait, ahead = 0, {}
for i, key in ipairs(KEYS) do
  local interval, tolerance = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local point = math.max(tonumber(redis.call('GET', key) or now), now)
  ahead[i] = point - now
  wait = math.max(wait, ahead[i] + interval - tolerance)
end
local reply = {wait}
for i, key in ipairs(KEYS) do
  local taken = ahead[i]
  if wait <= 0 then
    taken = taken + tonumber(ARGV[2 * i - 1])
    redis.call('SET', key, string.format('%.0f', now + taken),
      'PX', math.ceil(taken / 1000))
  end
  reply[i + 1] = taken
end
return reply
"""
# A count of tries, each of which closes the door for twice as long as the one before;
# the first ARGV[1] are free. Returns how long to wait, 0 for who may come in.
DELAY_LUA = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local tries = tonumber(redis.call('HGET', KEYS[1], 'tries') or 0)
local opens = tonumber(redis.call('HGET', KEYS[1], 'opens') or 0)
if opens > now then return opens - now end
tries = tries + 1
local pause = 0
if tries > tonumber(ARGV[1]) then
  local doubled = ARGV[2] * 2 ^ math.min(tries - ARGV[1] - 1, 30)
  pause = math.min(doubled, tonumber(ARGV[3]))
end
redis.call('HSET', KEYS[1], 'tries', tries, 'opens', string.format('%.0f', now + pause))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 0
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """At most ``quota`` per ``window`` in the long run, ``burst`` of them at once.

    ``is_kept`` ones hold, stricter, while Redis is away; others are open then.
    """

    name: str
    quota: int
    window: int  # seconds
    burst: int = 0  # the quota, unless told
    is_kept: bool = True
    # This process gives out one part of so many.
    parts: int = 1

    @property
    def interval(self) -> int:
        """Microseconds for one request."""
        quota = self.quota * settings.RATE_LIMITS
        return max(1, round(self.window * SECOND * self.parts / quota))

    @property
    def tolerance(self) -> int:
        """Microseconds that the point in time may be ahead: the intervals at once."""
        burst = (self.burst or self.quota) * settings.RATE_LIMITS
        return self.interval * max(1, int(burst / self.parts))


@dataclass(frozen=True, slots=True)
class Delay:
    """Tries that cost more and more time, until one succeeds or all are forgotten."""

    name: str
    free: int
    first: int  # seconds
    longest: int  # seconds
    forgotten_after: int  # seconds


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands with one policy."""

    policy: Policy
    remaining: int
    reset: int  # seconds until all of the quota is there again


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass; else ``wait`` seconds have to."""

    wait: float
    standings: tuple[Standing, ...]

    @property
    def is_allowed(self) -> bool:
        return self.wait <= 0


Ask = tuple[Policy, str]


def take(asks: Sequence[Ask]) -> Verdict:
    """Take one request from each policy's key, or from none of them; one round trip."""
    if redis_is_due():
        try:
            return _verdict(asks, _in_redis(asks))
        except RedisError as error:
            redis_failed(error)
    kept = [
        (replace(policy, parts=PARTS_ALONE), key)
        for policy, key in asks
        if policy.is_kept
    ]
    return _verdict(kept, alone.take(kept))


def take_alone(policy: Policy, key: str) -> Verdict:
    """Take one request by this process's own count: for what is too cheap to ask for.

    All processes together let through as many times the quota as there are of them.
    """
    asks = [(policy, key)]
    return _verdict(asks, alone.take(asks))


def try_delayed(delay: Delay, key: str) -> float:
    """Count a try and return 0, or the seconds until the next one is listened to."""
    arguments = (
        delay.free,
        delay.first * SECOND,
        delay.longest * SECOND,
        delay.forgotten_after * 1000,
    )
    if redis_is_due():
        try:
            wait = _run(DELAY_LUA, [_name(delay.name, key)], arguments)
            return int(wait) / SECOND
        except RedisError as error:
            redis_failed(error)
    # Here nothing doubles: the tries that are free, then one per longest pause.
    rule = Policy(delay.name, delay.free, delay.longest * delay.free)
    return take_alone(rule, key).wait


def forget(*names: tuple[str, str]) -> None:
    """Forget what was counted for (policy, key): a success makes up for failures."""
    keys = [_name(*name) for name in names]
    alone.forget(keys)
    if redis_is_due():
        try:
            _client().delete(*keys)
        except RedisError as error:
            redis_failed(error)


class LocalLimiter:
    """The same rule in this process's own memory."""

    def __init__(self) -> None:
        self._points: dict[str, int] = {}
        self._lock = Lock()

    def take(self, asks: Sequence[Ask]) -> list[int]:
        """Return what the script returns."""
        now = time.monotonic_ns() // 1000
        wait, ahead = 0, []
        with self._lock:
            for policy, key in asks:
                point = self._points.get(_name(policy.name, key), 0)
                ahead.append(max(point - now, 0))
                wait = max(wait, ahead[-1] + policy.interval - policy.tolerance)
            if wait > 0:
                return [wait, *ahead]
            for place, (policy, key) in enumerate(asks):
                ahead[place] += policy.interval
                self._points[_name(policy.name, key)] = now + ahead[place]
            if len(self._points) > MOST_KEYS:
                self._tidy(now)
        return [0, *ahead]

    def forget(self, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._points.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._points.clear()

    def _tidy(self, now: int) -> None:
        self._points = {key: at for key, at in self._points.items() if at > now}
        # Under attack from everywhere the oldest go: a dict keeps the order.
        for key in list(self._points)[: max(0, len(self._points) - MOST_KEYS // 2)]:
            del self._points[key]


alone = LocalLimiter()


def _in_redis(asks: Sequence[Ask]) -> list[int]:
    keys = [_name(policy.name, key) for policy, key in asks]
    numbers = [n for policy, _ in asks for n in (policy.interval, policy.tolerance)]
    return [int(number) for number in _run(GCRA_LUA, keys, numbers)]


def _run(script: str, keys: Sequence[str], arguments: Sequence[int]) -> Any:
    client = _client()
    try:
        return client.evalsha(_sha(script), len(keys), *keys, *arguments)
    except NoScriptError:
        # A Redis that has just started does not know it; this sends and keeps it.
        return client.eval(script, len(keys), *keys, *arguments)


def _verdict(asks: Sequence[Ask], reply: Sequence[int]) -> Verdict:
    wait, *ahead = reply
    standings = tuple(
        Standing(
            policy,
            remaining=max(0, (policy.tolerance - used) // policy.interval),
            reset=-(-used // SECOND),
        )
        for (policy, _key), used in zip(asks, ahead, strict=True)
    )
    return Verdict(wait / SECOND, standings)


def _name(policy: str, key: str) -> str:
    return f"{PREFIX}{policy}:{key}"


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT,
        # A second try would cost a second time-out.
        retry=Retry(NoBackoff(), 0),
    )


@cache
def _sha(script: str) -> str:
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()
