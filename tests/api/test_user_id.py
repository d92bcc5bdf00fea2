"""The one rule for every ``user_id``, over every operation that takes one."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission

from accounts.models import User
from api.pages import description
from orders.models import Order
from points import services as points
from points.models import LedgerEntry
from tests.api.client import Answer, Api
from tests.factories import (
    CouponBatchFactory,
    ProductFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def call(api: Api, operation: str, user_id: int, **extra: str) -> Answer:
    """Call an operation about a user, in the way it takes the id."""
    method, path = operation.split()
    if "{user_id}" in path:
        return api.send(method, path.replace("{user_id}", str(user_id)))
    if method == "GET":
        return api.get(f"{path}?user_id={user_id}")
    return api.send(method, path, BODIES[operation]() | {"user_id": user_id} | extra)


def _items() -> dict[str, Any]:
    product = ProductFactory.create(price=1_000)
    return {"items": [{"product_id": product.pk, "quantity": 1}]}


def _no_order() -> dict[str, Any]:
    return {"order_id": "01920000-0000-7000-8000-000000000000"}


BODIES: dict[str, Any] = {
    "POST /api/v1/points/charge": lambda: {"amount": 500},
    "POST /api/v1/points/use": lambda: {"amount": 500},
    "POST /api/v1/coupons/issue": lambda: {
        "campaign_id": CouponBatchFactory.create().pk
    },
    "POST /api/v1/orders": _items,
    "POST /api/v1/pay": _no_order,
    "POST /api/v1/payments": _no_order,
    "POST /api/points/charge": lambda: {"amount": 500},
    "PATCH /api/points/charge": lambda: {"amount": 500},
    "POST /api/point/charge": lambda: {"amount": 500},
    "PATCH /api/point/charge": lambda: {"amount": 500},
    "POST /api/points/use": lambda: {"amount": 500},
    "POST /api/coupons/issue": lambda: {"campaign_id": CouponBatchFactory.create().pk},
    "POST /api/orders": _items,
    "POST /api/order": _items,
    "POST /api/pay": _no_order,
    "POST /api/payments": _no_order,
}
READS = [
    "GET /api/v1/points",
    "GET /api/v1/points/history",
    "GET /api/v1/coupons",
    "GET /api/v1/orders",
    "GET /api/v1/users/{user_id}",
    "GET /api/v1/users/{user_id}/points",
    "GET /api/v1/users/{user_id}/orders",
    "GET /api/v1/users/{user_id}/coupons",
    "GET /api/point",
    "GET /api/points",
    "GET /api/point/{user_id}",
    "GET /api/coupons",
    "GET /api/orders",
    "GET /api/users/{user_id}/orders",
]
MONEY = [name for name in BODIES if "coupons" not in name]


def described() -> set[str]:
    """Return every operation that takes a user id, by the description."""
    whole = description()
    found = set()
    for path, operations in whole["paths"].items():
        for method, operation in operations.items():
            names = {item["name"] for item in operation.get("parameters", ())}
            body = operation.get("requestBody", {}).get("content", {})
            for content in body.values():
                name = content["schema"]["$ref"].rpartition("/")[2]
                names |= set(whole["components"]["schemas"][name]["properties"])
            if "user_id" in names:
                found.add(f"{method.upper()} {path}")
    return found


def test_matrix_covers_every_operation_with_a_user_id() -> None:
    assert described() == {*READS, *BODIES}


GUESTS = {"POST /api/v1/orders", "POST /api/orders", "POST /api/order"}


@pytest.mark.parametrize("operation", [*READS, *BODIES])
def test_nobody_is_asked_to_sign_in(operation: str, user: User) -> None:
    answer = call(Api(), operation, user.pk)

    if operation in GUESTS:
        # Guests order for themselves, and for nobody who has an id.
        assert (answer.status, answer.code) == (403, "user_id_forbidden")
        return
    assert (answer.status, answer.code) == (401, "not_authenticated")
    assert answer.header("WWW-Authenticate").startswith("Bearer")


@pytest.mark.parametrize("operation", [*READS, *BODIES])
def test_own_id_is_oneself(operation: str, api: Api, user: User) -> None:
    answer = call(api, operation, user.pk)

    assert answer.status in {200, 201} or answer.code == "order_not_found"


@pytest.mark.parametrize("operation", [*READS, *BODIES])
def test_other_id_is_refused_and_tells_nothing(operation: str, api: Api) -> None:
    known, unknown = UserFactory.create(points=9_000).pk, 2**40
    before = LedgerEntry.objects.count()

    answers = [call(api, operation, user_id) for user_id in (known, unknown)]

    for answer in answers:
        assert (answer.status, answer.code) == (403, "user_id_forbidden")
    first, second = ({**answer.body, "instance": ""} for answer in answers)
    assert first == second
    assert LedgerEntry.objects.count() == before
    assert not Order.objects.exists()


@pytest.mark.parametrize("operation", [*READS, *BODIES])
def test_staff_without_the_permission_are_nobody_special(
    operation: str, user: User
) -> None:
    clerk = Api(UserFactory.create(is_staff=True))

    answer = call(clerk, operation, user.pk)

    assert (answer.status, answer.code) == (403, "user_id_forbidden")


@pytest.mark.parametrize("operation", [*READS, *BODIES])
def test_service_with_the_permission_acts_for_others(
    operation: str, user: User
) -> None:
    robot = UserFactory.create()
    robot.user_permissions.add(Permission.objects.get(codename="act_for_any"))

    answer = call(Api(robot), operation, user.pk, reason="phone order")
    unknown = call(Api(robot), operation, 2**40, reason="phone order")

    assert answer.status in {200, 201} or answer.code == "order_not_found"
    assert (unknown.status, unknown.code) == (404, "user_not_found")


@pytest.mark.parametrize("operation", MONEY)
def test_money_of_others_moves_only_for_a_reason(
    operation: str, staff: Api, user: User
) -> None:
    answer = call(staff, operation, user.pk)

    assert (answer.status, answer.pointers) == (400, ["#/reason"])
    assert points.balance_of(user.pk) == 1_000_000


def test_what_was_done_for_others_is_on_record(user: User) -> None:
    clerk = StaffFactory.create()

    Api(clerk).post(
        "/api/v1/points/charge",
        {"amount": 500, "user_id": user.pk, "reason": "paid in cash"},
    )

    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id) == (clerk, str(user.pk))
    assert "paid in cash" in entry.change_message
    assert points.balance_of(user.pk) == 1_000_500


def test_me_is_oneself(api: Api) -> None:
    assert api.get("/api/v1/users/me/orders").status == 200
    assert api.get("/api/v1/users/me/points").body["balance"] == 1_000_000
