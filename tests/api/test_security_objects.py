"""Whose things are whose, and what clients cannot say about them."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection, models, transaction

from accounts.models import User
from api.pages import description
from checkout import returns
from notifications import devices
from notifications import services as notifications
from notifications.models import Notification
from payments.models import Payment
from tests.api.bodies import STAFF, make_world, path_of, valid
from tests.api.client import Answer, Api
from tests.api.staff_bodies import STAFF_OPERATIONS
from tests.api.test_hostile import digest, json_of, operations
from tests.factories import (
    AddressFactory,
    CouponFactory,
    ProductFactory,
    StaffFactory,
    UserFactory,
)
from tests.notifications.events import event
from tests.reviewing import delivered, published, received

pytestmark = pytest.mark.django_db
# Found again wherever it is written to.
POISON, POISON_NUMBER = "poison7f3a", 987_654_321
ASKED_FOR = (
    "is_staff",
    "role",
    "price",
    "total",
    "status",
    "balance",
    "user",
    "discount",
)


# --- What a client may not set -------------------------------------------------------


def poison_of(field: models.Field[Any, Any]) -> Any:
    if isinstance(field, models.BooleanField):
        return True
    if isinstance(field, models.IntegerField | models.ForeignKey):
        return POISON_NUMBER
    return POISON


def poisoned(body: dict[str, Any], taken: set[str]) -> dict[str, Any]:
    """Return a body with every name that a column has, but those that it takes."""
    fields = [
        field
        for model in apps.get_models()
        if model.__module__.split(".")[0] not in {"django", "allauth"}
        for field in model._meta.concrete_fields
    ]
    extra = {
        name: poison_of(field)
        for field in fields
        for name in (field.name, field.attname)
    }
    extra |= dict.fromkeys(ASKED_FOR, POISON_NUMBER) | {"is_superuser": True}
    return {name: extra[name] for name in extra if name not in taken} | body


def is_anywhere(*needles: object) -> bool:
    """Tell whether any table has one of these in any row."""
    pattern = "|".join(str(needle) for needle in needles)
    parts = (
        f'SELECT EXISTS (SELECT FROM "{name}" AS t WHERE t::text ~ %(pattern)s) AS hit'  # noqa: S608 — our own tables
        for name in connection.introspection.table_names()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT bool_or(hit) FROM ({' UNION ALL '.join(parts)}) AS one",  # noqa: S608 — our own tables
            {"pattern": pattern},
        )
        return bool(cursor.fetchone()[0])


def names_in(schema: dict[str, Any]) -> set[str]:
    """Return every name that a body may have, at any depth."""
    whole = json.dumps(schema)
    for name in [
        part.split('"')[0] for part in whole.split("#/components/schemas/")[1:]
    ]:
        whole += json.dumps(description()["components"]["schemas"][name])
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.update(node.get("properties", {}))
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(json.loads(f"[{whole.replace('}{', '},{')}]"))
    return found


def taken_by(operation: str) -> set[str]:
    method, path = operation.split()
    body = description()["paths"][path][method.lower()]["requestBody"]
    return names_in(body["content"]["application/json"]["schema"])


def test_names_of_columns_are_ignored(api: Api, staff: Api, user: User) -> None:
    world = make_world(user, UserFactory.create(points=1_000_000))

    for operation in operations():
        with transaction.atomic():
            _send_poison(operation, api, staff, world)
            user.refresh_from_db()
            rights = (user.is_staff, user.is_superuser, user.is_active)
            assert rights == (False, False, True), operation
            assert not User.objects.filter(email="new@example.com", is_staff=True)
            transaction.set_rollback(True)


def _send_poison(operation: str, api: Api, staff: Api, world: dict[str, Any]) -> None:
    method, path = path_of(operation, world)
    is_staffs = operation in STAFF_OPERATIONS
    is_staffs = is_staffs or operation.rpartition("/")[2] in STAFF
    actor = staff if is_staffs else api
    body = poisoned(valid(operation, world), taken_by(operation))
    assert len(body) > 200

    # Some changes have to say what they are based on.
    answer = actor.send(method, path, json_of(body), If_Match="*")

    # Taken without them, refused for them, or for what else there is.
    assert answer.status in {200, 201, 202, 204, 400, 409}, (operation, answer.body)
    assert not is_anywhere(POISON, POISON_NUMBER), operation


# --- Prices and quantities -----------------------------------------------------------

BAD_QUANTITIES: list[bytes] = [
    b"-1", b"0", b"1000000000", b"1000", b"1.5", b"1.0", b'"1e3"', b"1e3", b'"2"',
    b"NaN", b"Infinity", b"true", b"null", b"[]", b"{}", b"99999999999999999999",
]  # fmt: skip
TAKERS = {
    "POST /api/v1/orders": b'{"items": [%s], "pay": true}',
    "PUT /api/v1/cart": b'{"items": [%s]}',
    "POST /api/v1/quotes": b'{"items": [%s]}',
    "POST /api/v1/delivery/quotes": b'{"items": [%s]}',
    "POST /api/v1/cart/items": b"%s",
}


def line_of(product_id: int, quantity: bytes) -> bytes:
    return b'{"product_id": %d, "quantity": %s}' % (product_id, quantity)


@pytest.mark.parametrize("operation", TAKERS)
def test_impossible_quantities_are_refused(operation: str, api: Api) -> None:
    method, path = operation.split()
    product = ProductFactory.create(stock_on_hand=10**6, price=1)
    before = digest()

    for quantity in BAD_QUANTITIES:
        body = TAKERS[operation] % line_of(product.pk, quantity)
        answer = api.send(method, path, body)
        assert (answer.status, answer.code) in {
            (400, "invalid"),
            (400, "parse_error"),
        }, quantity
    assert digest() == before


@pytest.mark.parametrize("operation", [name for name in TAKERS if "items" not in name])
def test_lines_of_one_product_add_up_to_what_one_may_have(
    operation: str, api: Api
) -> None:
    method, path = operation.split()
    product = ProductFactory.create(stock_on_hand=10**6, price=1)
    before = digest()
    lines = b", ".join([line_of(product.pk, b"500")] * 2)

    answer = api.send(method, path, TAKERS[operation] % lines)

    assert (answer.status, answer.code) == (400, "invalid")
    assert digest() == before


@pytest.mark.parametrize("operation", [name for name in TAKERS if "items" not in name])
def test_ten_thousand_lines_are_refused(operation: str, api: Api) -> None:
    method, path = operation.split()
    before = digest()
    lines = b",".join(b'{"product_id":%d,"quantity":1}' % n for n in range(1, 10_001))

    answer = api.send(method, path, TAKERS[operation] % lines)

    assert answer.status in {400, 413}
    assert digest() == before


def test_two_lines_of_a_product_cost_what_one_of_both_costs(api: Api) -> None:
    product = ProductFactory.create(stock_on_hand=9, price=1_000)
    lines = [{"product_id": product.pk, "quantity": n, "price": 1} for n in (1, 2)]

    body = api.post("/api/v1/orders", {"items": lines, "total": 1}).body

    assert (body["total"]["amount"], len(body["items"])) == (3_000, 1)


@pytest.mark.parametrize("amount", BAD_QUANTITIES[:2] + BAD_QUANTITIES[4:])
@pytest.mark.parametrize("path", ["points/charge", "points/use"])
def test_impossible_amounts_are_refused(path: str, amount: bytes, api: Api) -> None:
    before = digest()

    answer = api.post(f"/api/v1/{path}", b'{"amount": %s}' % amount)

    assert answer.status == 400
    assert digest() == before


# --- Things of others ----------------------------------------------------------------


@pytest.fixture
def others() -> dict[str, Any]:
    """Things of somebody else's, by the name that an address calls them."""
    owner = UserFactory.create(points=1_000_000)
    product, jar = ProductFactory.create_batch(2, price=1_000)
    received(owner, product)
    notifications.tell([event("order.paid", user_id=owner.pk)])
    order = delivered(owner, jar)
    line = order.lines.get()
    asked = returns.request(
        order_id=order.pk, user_id=owner.pk, quantities={line.pk: 1}, reason="x"
    )
    phone = devices.register(user_id=owner.pk, token="theirs", platform="ios")
    return {
        "order_id": order.pk,
        "coupon_id": CouponFactory.create(user=owner).pk,
        "address_id": AddressFactory.create(user=owner).pk,
        "notification_id": Notification.objects.filter(user=owner)[0].pk,
        "review_id": published(product, owner).pk,
        "payment_id": Payment.objects.filter(order=order)[0].pk,
        "return_id": asked.pk,
        "device_id": phone.pk,
        "photo_id": 1,
        "session_id": owner.devices.create(session_key="theirs").pk,
    }


NOWHERE = {
    "order_id": "01920000-0000-7000-8000-000000000000",
    "payment_id": "01920000-0000-7000-8000-000000000000",
}
# What everybody may do with a review that everybody can read, and what is of staff.
OPEN = {
    "POST /api/v1/reviews/{review_id}/helpful",
    "DELETE /api/v1/reviews/{review_id}/helpful",
    "POST /api/v1/reviews/{review_id}/report",
}
BODIES: dict[str, Any] = {
    "status": "cancelled",
    "rating": 1,
    "text": "Not what I wanted at all.",
    "reason": "spam",
    "items": [{"product_id": 1, "quantity": 1}],
    "line2": "7F",
    "method": "points",
}
ADDRESS = {
    "recipient": "Lee",
    "phone": "010",
    "postal_code": "1",
    "line1": "x",
    "city": "Seoul",
}


def on_things(others_names: set[str]) -> Iterator[str]:
    """Yield the operations whose address names a shopper's thing."""
    for path, methods in description()["paths"].items():
        names = {part.split("}")[0] for part in path.split("{")[1:]}
        if not names & others_names or not path.startswith("/api/v1/"):
            continue
        for method in methods:
            if f"{method.upper()} {path}" not in OPEN:
                yield f"{method.upper()} {path}"


OPERATIONS = sorted(
    on_things(
        {
            "order_id", "coupon_id", "address_id", "notification_id", "review_id",
            "payment_id", "return_id", "device_id", "session_id",
        }
    )
)  # fmt: skip


def ask(api: Api, operation: str, names: dict[str, Any]) -> Answer:
    method, path = operation.split()
    body = None if method in {"GET", "DELETE"} else json_of(BODIES | ADDRESS)
    if path.endswith("/refund"):
        body = json_of(BODIES | {"reason": "x"})
    return api.send(method, path.format(**names), body)


def test_things_of_others_are_as_if_they_were_not(
    api: Api, others: dict[str, Any]
) -> None:
    nothing = dict.fromkeys(others, 2**40) | NOWHERE
    before, statuses = digest(), Counter[int]()

    for operation in OPERATIONS:
        theirs, nobodys = (ask(api, operation, names) for names in (others, nothing))

        assert theirs.status in {403, 404}, (operation, theirs.body)
        # Who may not do it at all is told so, whatever there is; else nobody can tell.
        told = (nobodys.status, nobodys.code)
        assert (theirs.status, theirs.code) == told, operation
        statuses[theirs.status] += 1
    assert digest() == before
    assert statuses[404] > statuses[403]


def test_phones_and_orders_of_others_cannot_be_named_in_bodies(
    api: Api, others: dict[str, Any]
) -> None:
    product = ProductFactory.create(price=1_000)
    items = [{"product_id": product.pk, "quantity": 1}]
    api.put("/api/v1/cart", {"items": items})
    before = digest()
    tries = {
        "orders": [
            {"items": items, "coupon_id": others["coupon_id"]},
            {"items": items, "address_id": others["address_id"]},
        ],
        "pay": [{"order_id": str(others["order_id"])}],
        "points/use": [{"order_id": str(others["order_id"])}],
    }

    for path, bodies in tries.items():
        for body in bodies:
            answer = api.post(f"/api/v1/{path}", body)
            assert answer.status == 404, (path, body, answer.body)
    answer = api.put("/api/v1/cart/coupon", {"coupon_id": others["coupon_id"]})
    assert (answer.status, answer.code) == (404, "coupon_not_found")
    assert digest() == before


# --- Sizes ---------------------------------------------------------------------------


# Of staff and other systems, which read thousands of rows.
REPORTS = ("/api/v1/analytics/", "/api/v1/stream/")


def lists() -> Iterator[tuple[str, int]]:
    """Yield each list, and how many things a page of it has at most."""
    for path, methods in description()["paths"].items():
        if "{" in path or not path.startswith("/api/v1/"):
            continue
        for one in methods.get("get", {}).get("parameters", ()):
            if one["name"] == "limit":
                yield path, one["schema"]["maximum"]


def test_pages_have_at_most_a_hundred_things() -> None:
    owner = Api(StaffFactory.create(is_superuser=True))
    found = dict(lists())
    assert len(found) > 10

    for path, most in found.items():
        assert most <= (1_000 if path.startswith(REPORTS) else 100), path
        for limit in (str(most + 1), "0", "-1", "1e3", "x", "9" * 30):
            answer = owner.get(f"{path}?limit={limit}")
            assert answer.status == 400, (path, limit, answer.body)
            assert "limit" in answer.pointers, (path, limit)


def test_long_searches_are_refused(guest: Api) -> None:
    for path in ("products", "search/suggest"):
        assert guest.get(f"/api/v1/{path}?q={'x' * 101}").pointers == ["q"]
        assert guest.get(f"/api/v1/{path}?q={'x' * 100}").status == 200


def test_large_bodies_are_refused_before_they_are_read(api: Api) -> None:
    body = b'{"amount": 5, "x": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE <= 256 * 1024

    answer = api.post("/api/v1/points/charge", body)

    assert (answer.status, answer.code) == (413, "body_too_large")
