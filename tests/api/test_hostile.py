"""Bodies no client of ours would send: refused with a reason, and nothing is written.

What is tried is made from the description of the API, so that a new operation or a new
field is covered (or missed by ``VALID``, which fails) on the day it appears.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from api.pages import description
from tests.api.auth_bodies import ELSEWHERE
from tests.api.bodies import ADDRESS, REVIEW, STAFF, make_world, path_of, valid
from tests.api.client import Api
from tests.api.staff_bodies import STAFF_OPERATIONS
from tests.factories import StaffFactory, UserFactory
from tests.standing import standing

pytestmark = pytest.mark.django_db
HUGE, NUL = 10**30, "a\0b"
# Values that no field of the type takes.
BAD: dict[str, list[Any]] = {
    "integer": [
        "5", "1e3", "", "x", 1.0, 1.5, 1e30, True, False, [], [1], {}, -1, -HUGE, HUGE,
        2**63,
    ],
    "string": [1, 0, 1.5, True, [], ["x"], {}, {"a": "b"}, NUL, "x" * 100_000, HUGE],
    "boolean": ["true", "yes", 1, 0, 1.0, [], {}, "", HUGE, NUL],
    "array": ["x", 1, True, {}, {"0": 1}, [1], ["x"], [None], [[]], HUGE, NUL],
    "object": ["x", 1, True, [], [{}], HUGE, NUL],
}  # fmt: skip
# Bodies that no operation takes.
RAW: list[bytes] = [
    b"null",
    b"[]",
    b"[1]",
    b"1",
    b"true",
    b'"text"',
    b"NaN",
    b"{",
    b"{]",
    b"{}x",
    b"{} {}",
    b"{'a': 1}",
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": -Infinity}',
    b'{"a": 01}',
    b'{"a": 1,}',
    b'{"a": "\x00"}',
    b'{"a": "\\u0000"}',
    b'{"\\u0000": 1}',
    b'{"a": ["\\u0000"]}',
    b'{"a": "\\ud800"}',
    b'{"a": "\xff"}',
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b'{"a":' * 2_000 + b"1" + b"}" * 2_000,
    b"[" * 100_000,
    b"{" + b" " * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b"}",
    b"<xml/>",
    b"amount=5",
]


def json_of(value: Any) -> bytes:
    """Write JSON that the strict writer would refuse: numbers beyond 64 bits."""
    return json.dumps(value).encode()


class Things(NamedTuple):
    user: User
    staff: User
    # Things of the shopper's, and things of somebody else's.
    world: dict[str, Any]


def make_things() -> Things:
    user, other = UserFactory.create_batch(2, points=1_000_000)
    return Things(user, StaffFactory.create(), make_world(user, other))


@pytest.fixture(scope="module")
def standing_world(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Callable[[], Things]]:
    with standing(make_things, django_db_blocker) as things:
        yield things


@pytest.fixture
def things(standing_world: Callable[[], Things]) -> Things:
    return standing_world()


@pytest.fixture
def world(things: Things) -> dict[str, Any]:
    return things.world


@pytest.fixture
def api(things: Things) -> Api:
    return Api(things.user)


@pytest.fixture
def staff(things: Things) -> Api:
    return Api(things.staff)


def operations() -> list[str]:
    return sorted(
        f"{method.upper()} {path}"
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
        # Bodies with files have tests of their own.
        if "application/json" in operation.get("requestBody", {}).get("content", ())
        and f"{method.upper()} {path}" not in ELSEWHERE
    )


def fields(operation: str) -> dict[str, dict[str, Any]]:
    method, path = operation.split()
    content = description()["paths"][path][method.lower()]["requestBody"]["content"]
    return properties(content["application/json"]["schema"])


def properties(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = resolved(schema)["properties"]
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference leads to, an object or a choice of words."""
    reference = schema.get("allOf", [schema])[0].get("$ref", "")
    found: dict[str, Any] = description()["components"]["schemas"].get(
        reference.rpartition("/")[2], schema
    )
    return found


def hostile(operation: str, good: dict[str, Any]) -> Iterator[bytes]:
    """Spoil a good body in every field and in every way its type knows."""
    yield from RAW
    for name, schema in fields(operation).items():
        for bad in bad_values(name, schema, good):
            yield json_of(good | {name: bad})
        if not is_nullable(schema):
            yield json_of(good | {name: None})


def bad_values(
    name: str, schema: dict[str, Any], good: dict[str, Any]
) -> Iterator[Any]:
    if "properties" in resolved(schema):
        yield from BAD["object"]
        inner = properties(schema)
        whole = good.get(name, ADDRESS)
        for key, part in inner.items():
            for bad in bad_values(key, part, whole):
                yield whole | {key: bad}
        return
    kind = kind_of(schema)
    yield from BAD[kind]
    if kind == "array":
        yield from bad_lists(name, schema["items"], good)


def bad_lists(
    name: str, schema: dict[str, Any], good: dict[str, Any]
) -> Iterator[list[Any]]:
    if "properties" not in resolved(schema):
        for bad in BAD[kind_of(schema)]:
            yield [*good.get(name, []), bad]
        return
    line = good.get(name, [{"product_id": 1, "quantity": 1}])[0]
    for key, part in properties(schema).items():
        for bad in [*bad_values(key, part, line), None]:
            yield [line, line | {key: bad}]
    yield [line | {"quantity": 999}, line]
    yield [line | {"product_id": number} for number in range(1, 102)]
    yield [line] * 5_000


def kind_of(schema: dict[str, Any]) -> str:
    kind = resolved(schema).get("type", "string")
    names = [kind] if isinstance(kind, str) else kind
    return str(next(name for name in names if name != "null"))


def is_nullable(schema: dict[str, Any]) -> bool:
    return "null" in schema.get("type", ()) or "oneOf" in schema


def digest() -> dict[str, str]:
    """Return what stands in every table."""
    tables = [
        name
        for name in connection.introspection.table_names()
        if name not in {"django_migrations", "auth_permission", "django_content_type"}
    ]
    content = "md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), ''))"
    parts = (
        f"SELECT '{name}', {content} FROM \"{name}\" AS t"  # noqa: S608 — our own tables
        for name in tables
    )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return dict(cursor.fetchall())


@pytest.fixture
def actor(operation: str, api: Api, staff: Api) -> Api:
    """Return who may do it, whatever it is based on."""
    staff.headers["If-Match"] = "*"
    is_staffs = operation in STAFF_OPERATIONS
    return staff if is_staffs or operation.rpartition("/")[2] in STAFF else api


@pytest.mark.parametrize("operation", operations())
def test_hostile_bodies_are_refused_and_change_nothing(
    operation: str, actor: Api, world: dict[str, Any]
) -> None:
    method, path = path_of(operation, world)
    good = valid(operation, world)
    bodies = list(hostile(operation, good))
    before = digest()

    for body in bodies:
        answer = actor.send(method, path, body)
        assert answer.status in {400, 404, 413, 422, 429}, (body[:200], answer.body)
        # Refused for what is wrong with it and not for something else.
        assert answer.code not in {"unavailable", "conflict"}, body[:200]

    assert digest() == before
    assert len(bodies) >= 40


@pytest.mark.parametrize("operation", operations())
def test_same_body_unspoilt_is_taken(
    operation: str, actor: Api, world: dict[str, Any]
) -> None:
    method, path = path_of(operation, world)

    answer = actor.send(method, path, valid(operation, world))

    assert answer.status in {200, 201, 202, 204}, answer.body


@pytest.mark.parametrize("operation", operations())
def test_other_content_types_are_refused(
    operation: str, actor: Api, world: dict[str, Any]
) -> None:
    method, path = path_of(operation, world)
    body = json_of(valid(operation, world))
    before = digest()

    for other in ("text/plain", "", "application/x-www-form-urlencoded", "text/json"):
        answer = actor.send(method, path, body, content_type=other)
        assert (answer.status, answer.code) == (415, "unsupported_media_type"), other

    assert digest() == before


def test_things_of_others_and_of_nobody_are_refused(
    api: Api, world: dict[str, Any]
) -> None:
    items = [{"product_id": world["product"], "quantity": 1}]
    tries: list[tuple[str, dict[str, Any], int]] = [
        ("orders", {"items": items, "coupon_id": world["others_coupon"]}, 404),
        ("orders", {"items": items, "coupon_id": 2**40}, 404),
        ("orders", {"items": items, "address_id": world["others_address"]}, 404),
        ("orders", {"items": items, "address_id": 2**40}, 404),
        ("orders", {"items": items, "delivery_method": "teleport"}, 400),
        ("orders", {"items": items, "user_id": 2**40}, 403),
        ("orders", {"items": [{"product_id": 2**40, "quantity": 1}]}, 409),
        ("orders", {"items": [{"product_id": world["product"], "quantity": 999}]}, 409),
        ("orders", {"from_cart": True, "cart_version": 0}, 409),
        ("orders", {"items": items, "expected_total": 1}, 409),
        ("pay", {"order_id": world["others_order"]}, 404),
        ("points/use", {"order_id": world["others_order"]}, 404),
        ("points/use", {"amount": 10_000_000}, 409),
        ("coupons/issue", {"campaign_id": 2**40}, 404),
        ("cart/items", {"product_id": 2**40, "quantity": 1}, 404),
        (f"orders/{world['others_order']}/cancel", {}, 404),
        (f"orders/{world['others_order']}/pay", {}, 404),
        (f"orders/{world['others_order']}/repeat", {}, 404),
        (f"products/{world['product']}/reviews", REVIEW, 403),
        (f"products/{2**40}/reviews", REVIEW, 404),
        (f"reviews/{2**40}/report", {"reason": "spam"}, 404),
        (f"reviews/{2**40}/helpful", {}, 404),
        (f"reviews/{world['review']}/helpful", {}, 409),
    ]
    before = digest()

    for path, body, status in tries:
        answer = api.post(f"/api/v1/{path}", body)
        assert answer.status == status, (path, body, answer.body)

    assert digest() == before


MONEY_FIELDS = {
    "total": 1,
    "subtotal": 1,
    "price": 1,
    "unit_price": 1,
    "discount": 999_999,
    "delivery_cost": 0,
    "status": "paid",
    "balance": 10**9,
    "currency": "USD",
    "number": "FREE",
    "placed_at": "2000-01-01T00:00:00Z",
    "expires_at": "2999-01-01T00:00:00Z",
    "email": "x@example.com",
    "is_staff": True,
    "paid_at": "2000-01-01T00:00:00Z",
}


def test_client_never_says_what_something_costs(
    api: Api, world: dict[str, Any]
) -> None:
    line = {"product_id": world["product"], "quantity": 2} | MONEY_FIELDS

    answer = api.post("/api/v1/orders", {"items": [line]} | MONEY_FIELDS)

    body = answer.body
    assert (body["status"], body["total"]["amount"]) == ("pending", 2_000)
    assert body["items"][0]["unit_price"] == {"amount": 1_000, "currency": "KRW"}


def test_coupon_on_another_order_is_refused(api: Api, world: dict[str, Any]) -> None:
    items = [{"product_id": world["product"], "quantity": 1}]
    body = {"items": items, "coupon_id": world["coupon"]}
    assert api.post("/api/v1/orders", body).status == 201
    before = digest()

    answer = api.post("/api/v1/orders", body)

    assert (answer.status, answer.code) == (409, "coupon_already_used")
    assert digest() == before
