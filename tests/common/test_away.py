"""What visitors meet while PostgreSQL is away, and what a silent Redis costs."""

import socket
import time
from pathlib import Path

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import InterfaceError, OperationalError
from django.test import Client

from common.cache import ForgivingRedisCache
from config import health

AWAY = [OperationalError("the server closed the connection"), InterfaceError("closed")]


def fail_with(error: Exception) -> object:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    return fail


@pytest.fixture
def visitor() -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("error", AWAY)
def test_missing_database_asks_for_patience_also_between_the_middlewares(
    visitor: Client, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionMiddleware, "process_response", fail_with(error))

    answer = visitor.get("/livez")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert answer["X-Request-Id"] in answer.content.decode()


def test_mistake_of_ours_stays_a_500(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionMiddleware, "process_response", fail_with(KeyError()))

    assert visitor.get("/livez").status_code == 500


def test_server_without_a_database_is_alive_and_not_ready(
    visitor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_problem", fail_with(OperationalError()))

    assert visitor.get("/livez").status_code == 200
    answer = visitor.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "the database does not answer"


def test_silent_redis_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All caches of a process share it, so the next test must not inherit it.
    monkeypatch.setattr(ForgivingRedisCache, "_ignored_until", 0.0)
    path = tmp_path / "silent.sock"
    options = {"socket_timeout": 1, "socket_connect_timeout": 1}
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        cache = ForgivingRedisCache(f"unix://{path}?db=0", {"OPTIONS": options})
        started = time.monotonic()
        for number in range(50):
            assert cache.get(f"key-{number}") is None

    assert time.monotonic() - started < 25
