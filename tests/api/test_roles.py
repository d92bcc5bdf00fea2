"""Who may do what: every operation as every role, against the committed table.

The table has a row for each operation of the description and a column for each role.
``UPDATE_ROLES=1`` writes it anew; what it says then is to be read, not believed.
"""

import csv
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

from api.examples import example_of
from api.pages import description
from tests.api.bodies import make_world, path_of, valid
from tests.api.client import Answer, Api
from tests.factories import UserFactory
from tests.roles import make_roles, member

TABLE = Path(__file__).with_name("roles.csv")
STAFF_ROLES = (
    "support",
    "warehouse",
    "marketing",
    "analyst",
    "auditor",
    "manager",
    "owner",
)
# The shopper owns everything that is asked about; the other one does not.
ROLES = ("anonymous", "shopper", "other", *STAFF_ROLES)
NO_UUID = "01920000-0000-7000-8000-000000000000"
Row = dict[str, str]


@cache
def operations() -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": found
        for path, methods in description()["paths"].items()
        for method, found in methods.items()
    }


@cache
def table() -> dict[str, Row]:
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="") as file:
        return {row.pop("operation"): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def world(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[dict[str, Any]]:
    """One world for all of them; each request is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        shopper = UserFactory.create(points=1_000_000)
        other = UserFactory.create(points=1_000_000)
        senders = {"anonymous": Api(), "shopper": Api(shopper), "other": Api(other)}
        # Tests that empty the tables take away what the migration made.
        make_roles()
        for role in STAFF_ROLES:
            senders[role] = Api(member(role))
        yield make_world(shopper, other) | {"apis": senders}
        transaction.set_rollback(True)


def answers(operation: str, world: dict[str, Any]) -> Row:
    """Ask as every role; nothing that it changes stays."""
    found: Row = {}
    for role, api in world["apis"].items():
        with transaction.atomic():
            found[role] = str(ask(api, operation, world).status)
            transaction.set_rollback(True)
    return found


def ask(api: Api, operation: str, world: dict[str, Any]) -> Answer:
    described = operations()[operation]
    method, path = address(operation, world)
    content = described.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        seen = needed_match(described)
        return api.send(method, path, body_of(operation, world), **seen)
    if content:
        upload = "multipart/form-data; boundary=x"
        return api.send(method, path, b"", content_type=upload)
    return api.send(method, path, **needed_headers(described))


def body_of(operation: str, world: dict[str, Any]) -> Any:
    """Return a body that the operation takes, or at least one that it could."""
    try:
        return valid(operation, world)
    except KeyError:
        content = operations()[operation]["requestBody"]["content"]
        schemas = description()["components"]["schemas"]
        return example_of(content["application/json"]["schema"], schemas)


def needed_match(described: dict[str, Any]) -> dict[str, str]:
    names = {parameter["name"] for parameter in described.get("parameters", ())}
    return {"If-Match": "*"} if "If-Match" in names else {}


def needed_headers(described: dict[str, Any]) -> dict[str, str]:
    is_file = any(
        "application/pdf" in reply.get("content", {})
        for reply in described["responses"].values()
    )
    return {"Accept": "*/*"} if is_file else {}


def address(operation: str, world: dict[str, Any]) -> tuple[str, str]:
    """Fill a path with what the shopper owns, or with what nobody has."""
    described = operations()[operation]
    schemas = description()["components"]["schemas"]
    known: dict[str, Any] = {
        "user_id": world["user"],
        "coupon_id": world["coupon"],
        "campaign_id": world["campaign"],
    }
    query = []
    for parameter in described.get("parameters", ()):
        name, schema = parameter["name"], parameter["schema"]
        if parameter["in"] == "path":
            nothing: Any = 2**40 if schema.get("type") == "integer" else "nothing"
            known.setdefault(name, NO_UUID if "format" in schema else nothing)
        elif parameter["in"] == "query" and parameter.get("required"):
            query.append(f"{name}={example_of(schema, schemas, name)}")
    method, path = path_of(operation, known | world)
    return method, f"{path}?{'&'.join(query)}" if query else path


# The one test with the mark, which makes the database be there: it comes first, since
# the end of such a test closes the connection that the others share.
@pytest.mark.django_db
def test_every_operation_has_its_row() -> None:
    if os.environ.get("UPDATE_ROLES"):
        return

    assert set(table()) == set(operations()), "run the tests with UPDATE_ROLES=1"
    assert all(set(row) == set(ROLES) for row in table().values())


@pytest.mark.parametrize("operation", sorted(operations()))
def test_each_role_is_answered_as_the_table_says(
    operation: str, world: dict[str, Any], django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock():
        found = answers(operation, world)

    if os.environ.get("UPDATE_ROLES"):
        write(operation, found)
    else:
        assert found == table()[operation]


def test_nobody_gets_in_where_somebody_has_to_sign_in() -> None:
    for operation, row in table().items():
        if operation in operations() and needs_sign_in(operation):
            assert row["anonymous"] == "401", operation


def test_things_of_others_are_not_there() -> None:
    """What is the shopper's own, and not for everybody, is 404 for another."""
    for operation, row in table().items():
        is_own = "{" in operation and row["shopper"].startswith("2")
        if not is_own or row["anonymous"].startswith("2"):
            continue
        if "{user_id}" in operation:
            assert row["other"] == "403", operation
        elif "{product_id}" not in operation and "{campaign_id}" not in operation:
            assert row["other"] in {"404", *PUBLIC_DOINGS.get(operation, ())}, operation


# What anybody who is signed in may do with what somebody else wrote.
PUBLIC_DOINGS = {
    "POST /api/v1/reviews/{review_id}/report": {"204", "409"},
    "PUT /api/v1/reviews/{review_id}/helpful": {"200", "409"},
}


def test_shoppers_can_do_nothing_that_only_staff_can() -> None:
    for operation, row in table().items():
        if row["shopper"] == "403" and row["other"] == "403":
            assert row["anonymous"] in {"401", "403"}, operation


def needs_sign_in(operation: str) -> bool:
    security = operations()[operation].get("security", [])
    return bool(security) and {} not in security


def write(operation: str, row: Row) -> None:
    rows = {name: found for name, found in table().items() if name in operations()}
    rows[operation] = row
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["operation", *ROLES], lineterminator="\n")
        writer.writeheader()
        for name in sorted(rows):
            writer.writerow({"operation": name, **rows[name]})
    table.cache_clear()
