"""The cache while Redis is away."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError as RedisAway

from accounts.models import User
from common.cache import ForgivingRedisCache
from tests.api.client import Api
from tests.factories import PASSWORD, UserFactory


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    def away(*_args: Any, **_options: Any) -> None:
        raise RedisAway("away")

    def back() -> None:
        monkeypatch.undo()
        ForgivingRedisCache._ignored_until = 0.0

    monkeypatch.setattr(ConnectionPool, "get_connection", away)
    return back


def test_memory_answers_while_redis_is_away(no_redis: Callable[[], None]) -> None:
    cache.set("colour", "green")
    added = cache.add("colour", "red")

    assert (cache.get("colour"), added) == ("green", False)
    assert cache.get_many(["colour", "size"]) == {"colour": "green"}
    cache.delete("colour")
    assert cache.get("colour", "none") == "none"


def test_what_memory_kept_is_not_told_once_redis_is_back(
    no_redis: Callable[[], None],
) -> None:
    cache.set("colour", "green")

    no_redis()

    assert cache.get("colour") is None


@pytest.mark.django_db
@pytest.mark.usefixtures("no_redis")
def test_sign_in_is_limited_while_redis_is_away() -> None:
    user: User = UserFactory.create()
    wrong = {"email": user.email, "password": "wrong"}
    right = {"email": user.email, "password": PASSWORD}

    statuses = [Api().post("/api/v1/auth/token", wrong).status for _attempt in range(6)]

    assert statuses == [401] * 5 + [429]
    assert Api().post("/api/v1/auth/token", right).status == 429
