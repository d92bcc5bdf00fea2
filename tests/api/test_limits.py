"""How often clients may ask: exactly so often, whoever they say they are."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisConnectionError

from accounts.models import User
from api import limits as rules
from api.limits import By, Limit
from api.pages import description
from common import cache, limits
from common.addresses import client_address, network_of
from common.cache import ForgivingRedisCache
from common.limits import Delay, Policy
from config.interface import rate_limits
from points import services as points
from tests.api.client import Api
from tests.concurrency import run_together
from tests.factories import CouponBatchFactory, UserFactory

CHARGE, CLAIM, SUGGEST = (
    "/api/v1/points/charge",
    "/api/v1/coupons/issue",
    "/api/v1/search/suggest?q=tea",
)
TEN = Policy("ten", 10, 3600)


@pytest.fixture(autouse=True)
def _limited(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Limits as they are, but nothing comes back while a test runs, however slowly."""
    settings.RATE_LIMITS = 1.0
    slow = {
        name: [
            limit._replace(
                policy=replace(limit.policy, window=limit.policy.window * 1_000)
            )
            for limit in row
        ]
        for name, row in rules.ROUTES.items()
    }
    monkeypatch.setattr(rules, "ROUTES", slow)
    limits.alone.clear()
    rules._row.cache_clear()
    yield
    limits.alone.clear()
    rules._row.cache_clear()


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Redis is away; returns who found out."""
    tries: list[int] = []

    def fail(*_: Any) -> None:
        tries.append(1)
        raise RedisConnectionError("away")

    monkeypatch.setattr(limits, "_run", fail)
    monkeypatch.setattr(cache, "PAUSE_AFTER_ERROR", 3600)
    # All users of Redis share it, so the next test must not inherit it.
    monkeypatch.setattr(ForgivingRedisCache, "_ignored_until", 0.0)
    return tries


def passed(policy: Policy, key: str, times: int) -> int:
    return sum(limits.take([(policy, key)]).is_allowed for _ in range(times))


@pytest.mark.django_db
def test_every_answer_says_how_the_client_stands(api: Api, guest: Api) -> None:
    own = api.get("/api/v1/users/me")
    public = guest.get("/api/v1/products")
    refused = guest.get("/api/v1/users/me")

    assert own.header("RateLimit-Policy") == '"user";q=120;w=60'
    assert own.header("RateLimit") == '"user";r=119;t=1'
    assert public.header("RateLimit-Policy") == '"catalogue";q=600;w=60'
    assert public.header("RateLimit") == '"catalogue";r=599;t=1'
    assert refused.status == 401
    assert refused.header("RateLimit") == '"address";r=299;t=1'


@pytest.mark.django_db
def test_one_too_many_is_told_when_to_come_again(api: Api, user: User) -> None:
    answers = [api.post(CHARGE, {"amount": 5}) for _ in range(11)]

    assert [answer.status for answer in answers[:10]] == [201] * 10
    last = answers[10]
    assert (last.status, last.code) == (429, "rate_limited")
    assert last.body["retry_after"] == int(last.header("Retry-After"))
    assert 1_990 <= last.body["retry_after"] <= 2_000
    assert last.header("RateLimit-Policy") == (
        '"user";q=120;w=60, "points";q=30;w=60000'
    )
    assert '"points";r=0;' in last.header("RateLimit")
    assert points.balance_of(user.pk) == 1_000_050


@pytest.mark.django_db
def test_users_and_routes_are_counted_apart(api: Api, other: Api) -> None:
    for _ in range(11):
        api.post(CHARGE, {"amount": 5})

    assert other.post(CHARGE, {"amount": 5}).status == 201
    assert api.post("/api/v1/points/use", {"amount": 5}).status == 429
    assert api.get("/api/v1/points").status == 200


@pytest.mark.django_db
def test_older_addresses_have_the_same_limits(api: Api) -> None:
    statuses = [api.patch("/api/point/charge", {"amount": 5}).status for _ in range(11)]

    assert statuses == [*[201] * 10, 429]


@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_never_get_more_than_the_quota(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing of it comes back while a slow machine works.
    ten = Limit(Policy("points", 10, 3600), By.USER)
    monkeypatch.setitem(rules.ROUTES, "POST /points/charge", [ten])
    user = UserFactory.create()
    clients = [Api(user) for _ in range(50)]

    answers = run_together(
        lambda number: clients[number].post(CHARGE, {"amount": 10}).status, times=50
    )

    assert sorted(map(str, answers)) == ["201"] * 10 + ["429"] * 40
    assert points.balance_of(user.pk) == 100


@pytest.mark.django_db(transaction=True)
def test_claims_of_one_address_are_limited_whoever_signs_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = Limit(Policy("claim-address", 3, 3600), By.ADDRESS)
    monkeypatch.setitem(rules.ROUTES, "POST /coupons/issue", [few])
    batch = CouponBatchFactory.create(quantity=100)
    robots = [Api(user) for user in UserFactory.create_batch(6)]

    answers = run_together(
        lambda number: robots[number].post(CLAIM, {"campaign_id": batch.pk}).status,
        times=6,
    )

    assert sorted(map(str, answers)) == ["201"] * 3 + ["429"] * 3
    batch.refresh_from_db()
    assert batch.issued == 3


def test_all_of_several_limits_have_to_give() -> None:
    two = Policy("two", 2, 3600)

    verdicts = [limits.take([(TEN, "a"), (two, "a")]) for _ in range(5)]

    assert [verdict.is_allowed for verdict in verdicts] == [True, True, *[False] * 3]
    # What was refused has cost nothing.
    assert verdicts[-1].standings[0].remaining == 8
    assert passed(TEN, "a", 20) == 8


def test_a_quota_comes_back_bit_by_bit() -> None:
    quick = Policy("quick", 1000, 1, burst=1)

    assert limits.take([(quick, "a")]).is_allowed
    assert limits.take([(quick, "a")]).wait <= 0.001


@pytest.mark.parametrize("depth", [0, 1])
def test_a_thousand_forged_addresses_are_one_client(
    depth: int, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = depth
    proxy = ", 203.0.113.9" if depth else ""

    let_in = sum(
        limits.take([(TEN, client_address(meta))]).is_allowed
        for meta in (
            {
                "REMOTE_ADDR": "203.0.113.9",
                "HTTP_X_FORWARDED_FOR": f"198.51.{n // 250}.{n % 250}{proxy}",
            }
            for n in range(1_000)
        )
    )

    assert let_in == 10


@pytest.mark.django_db
def test_forged_addresses_do_not_help_over_http_either(
    guest: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Limit(Policy("suggest", 5, 3600), By.ADDRESS)
    monkeypatch.setitem(rules.ROUTES, "GET /search/suggest", [few])

    statuses = [
        guest.get(SUGGEST, X_Forwarded_For=f"198.51.100.{n}").status for n in range(9)
    ]

    assert statuses == [*[200] * 5, *[429] * 4]


@pytest.mark.parametrize(
    ("depth", "forwarded", "expected"),
    [
        (0, "198.51.100.1", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "6.6.6.6, 198.51.100.1:4711", "198.51.100.1"),
        (1, "[2001:db8::1]:4711", "2001:db8::1"),
        (1, "x' OR 1=1", "192.0.2.1"),
        (2, "198.51.100.1", "192.0.2.1"),
        (2, "6.6.6.6,198.51.100.1, 203.0.113.9", "198.51.100.1"),
    ],
)
def test_as_many_proxies_are_believed_as_there_are(
    depth: int, forwarded: str, expected: str, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = depth
    meta = {"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": forwarded}

    assert client_address(meta) == expected


def test_one_line_has_many_ipv6_addresses() -> None:
    one, two = (network_of(f"2001:db8:1:2:{end}") for end in (":1", "ffff::1"))

    assert one == two != network_of("2001:db8:1:3::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"


def test_without_redis_each_process_is_strict_and_asks_once(
    no_redis: list[int],
) -> None:
    open_to_reads = Policy("reads", 10, 3600, is_kept=False)

    assert passed(TEN, "a", 50) == 10 // limits.PARTS_ALONE
    assert passed(open_to_reads, "a", 50) == 50
    assert len(no_redis) == 1


@pytest.mark.django_db
def test_without_redis_reads_stay_open_and_claims_limited(
    api: Api, guest: Api, no_redis: list[int]
) -> None:
    batch = CouponBatchFactory.create()
    claims = [api.post(CLAIM, {"campaign_id": batch.pk}).status for _ in range(5)]
    reads = [client.get("/api/v1/products").status for client in (api, guest)]
    own = [api.get("/api/v1/users/me").status for _ in range(130)]
    register = {"email": "a@example.com", "password": "x"}
    registered = [guest.post("/api/v1/auth/register", register) for _ in range(3)]

    # Of ten at once, each process gives out a quarter.
    assert claims == [201, 409, 429, 429, 429]
    assert reads == [200, 200]
    assert set(own) == {200}
    assert [answer.status for answer in registered] == [400, 429, 429]
    assert len(no_redis) == 1


def test_redis_that_was_restarted_learns_the_script_again() -> None:
    limits._client().script_flush()

    assert passed(TEN, "a", 11) == 10


def test_wrong_passwords_cost_more_and_more_time() -> None:
    rule = Delay("delay", 2, 1, 6, 3600)
    name = f"{limits.PREFIX}delay:somebody"
    redis: Any = limits._client()
    waits = []
    for _ in range(7):
        seconds, micros = redis.time()
        assert limits.try_delayed(rule, "somebody") == 0
        opens = int(redis.hget(name, "opens"))
        waits.append(round((opens - seconds * limits.SECOND - micros) / limits.SECOND))
        redis.hset(name, "opens", 0)

    assert waits == [0, 0, 1, 2, 4, 6, 6]


def test_tries_while_the_door_is_closed_are_not_listened_to() -> None:
    rule = Delay("delay", 1, 600, 600, 3600)

    waits = [limits.try_delayed(rule, "a") for _ in range(4)]

    assert waits[:2] == [0, 0]
    assert all(590 < wait <= 600 for wait in waits[2:])
    assert limits.try_delayed(rule, "b") == 0
    limits.forget(("delay", "a"))
    assert limits.try_delayed(rule, "a") == 0


@pytest.mark.django_db
def test_tokens_that_are_none_are_counted(
    guest: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "REFUSED", Policy("refused", 3, 3600))

    statuses = [
        guest.get("/api/v1/users/me", Authorization=f"Bearer {n}").status
        for n in range(5)
    ]

    assert statuses == [401, 401, 401, 429, 429]


@pytest.mark.django_db
def test_one_setting_switches_all_of_it(api: Api, settings: Settings) -> None:
    settings.RATE_LIMITS = 2.0
    assert api.get("/api/v1/users/me").header("RateLimit-Policy") == (
        '"user";q=240;w=60'
    )
    settings.RATE_LIMITS = 0.0
    answer = api.get("/api/v1/users/me")
    assert (answer.status, answer.header("RateLimit")) == (200, "")
    assert [rate_limits(text) for text in ("on", "off", "2.5")] == [1.0, 0.0, 2.5]


def test_every_row_of_the_table_is_an_operation() -> None:
    operations = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in description()["paths"].items()
        for method in methods
    }

    assert rules.ROUTES.keys() - operations == set()


def test_local_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_KEYS", 100)

    for number in range(1_000):
        limits.take_alone(TEN, str(number))

    assert len(limits.alone._points) <= 100
