"""What PostgreSQL and the broker have to say before the shop trusts them."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.checks import Error
from django.db import OperationalError
from pytest_django import Settings

from config import server_checks
from config.server_checks import Facts, if_asked_for, judge, server_problems

SAFE = Facts(
    role="shop",
    is_mighty=False,
    owned_tables=0,
    fsync="on",
    full_page_writes="on",
    synchronous_commit="on",
    timeouts=dict.fromkeys(server_checks.TIMEOUTS, "5000"),
)


@pytest.fixture
def production(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings.PRODUCTION = True
    settings.EMBEDDED_FOR = []
    settings.SHOP_PROCESS = "web"
    settings.CELERY_BROKER_URL = "redis://:secret@redis.example/1"
    monkeypatch.setattr(server_checks, "ask_database", lambda: SAFE)
    monkeypatch.setattr(server_checks, "eviction_policy", lambda _url: "noeviction")
    return settings


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"is_mighty": True, "owned_tables": 90}, "role"),
        ({"owned_tables": 1}, "owner"),
        ({"fsync": "off"}, "fsync"),
        ({"full_page_writes": "off"}, "full_page_writes"),
        ({"synchronous_commit": "off"}, "synchronous_commit"),
        ({"timeouts": {**SAFE.timeouts, "lock_timeout": "0"}}, "timeouts"),
    ],
)
def test_each_fault_of_postgresql_has_its_rule(
    change: dict[str, Any], rule: str
) -> None:
    [(name, text)] = judge(replace(SAFE, **change), process="web")

    assert name == rule
    assert text


def test_who_serves_nobody_may_take_its_time() -> None:
    endless = replace(SAFE, timeouts={})

    assert list(judge(endless, process="beat")) == []


@pytest.mark.usefixtures("production")
def test_safe_servers_are_trusted() -> None:
    assert server_problems() == []
    server_checks.refuse_unsafe()


def test_unsafe_servers_keep_the_shop_from_starting(
    production: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = replace(SAFE, owned_tables=3)
    monkeypatch.setattr(server_checks, "ask_database", lambda: owner)
    monkeypatch.setattr(server_checks, "eviction_policy", lambda _url: "allkeys-lru")

    problems = server_problems()

    assert [problem.id for problem in problems] == [
        "shop.server_owner",
        "shop.server_eviction",
    ]
    with pytest.raises(SystemExit, match="must not own the tables"):
        server_checks.refuse_unsafe()
    # RabbitMQ throws nothing away.
    production.CELERY_BROKER_URL = "amqp://shop:secret@rabbit.example//"
    assert [problem.id for problem in server_problems()] == ["shop.server_owner"]


@pytest.mark.usefixtures("production")
def test_server_that_is_away_is_no_reason_to_stay_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail() -> Facts:
        raise OperationalError("no route to host")

    monkeypatch.setattr(server_checks, "ask_database", fail)

    [problem] = server_problems()

    assert (problem.id, isinstance(problem, Error)) == ("shop.server_database", False)
    server_checks.refuse_unsafe()


def test_embedded_servers_and_development_are_not_asked(production: Settings) -> None:
    assert if_asked_for(databases=["default"]) == []
    assert if_asked_for(databases=None) == []

    production.EMBEDDED_FOR = ["DATABASE_URL", "REDIS_URL"]
    assert server_problems() == []


@pytest.mark.django_db
def test_facts_are_those_of_this_server() -> None:
    facts = server_checks.ask_database()

    # The embedded server's one role is all there is.
    assert (facts.is_mighty, facts.owned_tables > 50) == (True, True)
    assert set(facts.timeouts) == set(server_checks.TIMEOUTS)


def test_broker_says_what_it_throws_away(settings: Settings) -> None:
    assert server_checks.eviction_policy(settings.REDIS_URL) == "noeviction"
