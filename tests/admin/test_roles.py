"""Who may do what in the admin: every page and every action as every role.

The table has a row for each model's view, add, change and delete, and for each action,
and a column for each role. ``UPDATE_ROLES=1`` writes it anew; what it says then is to
be read, not believed.
"""

import csv
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.test import Client, RequestFactory
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from coupons.models import CouponBatch
from inventory.models import Stock
from orders.models import Order, OrderStatus
from payments.models import Refund
from points import services as points
from tests.admin.acting import act
from tests.factories import CouponBatchFactory, ProductFactory, UserFactory
from tests.parcels import paid_order
from tests.reviewing import written
from tests.roles import ROLES, make_roles, member

TABLE = Path(__file__).with_name("roles.csv")
COLUMNS = ("anonymous", "plain staff", *ROLES)
VERBS = ("view", "add", "change", "delete")
Row = dict[str, str]


def label_of(model_admin: "ModelAdmin[Any]") -> str:
    return model_admin.opts.label


def declared(model_admin: "ModelAdmin[Any]") -> list[str]:
    """Name the actions of a model's own; removing many at once is Django's."""
    return [str(name) for name in model_admin.actions or ()]


def every_row() -> list[str]:
    return sorted(
        f"{label_of(model_admin)} {what}"
        for model_admin in admin.site._registry.values()
        for what in (
            *VERBS,
            *(f"action {name}" for name in declared(model_admin)),
        )
    )


@cache
def table() -> dict[str, Row]:
    if not TABLE.exists():
        return {}
    with TABLE.open(newline="") as file:
        return {row.pop("what"): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def people(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[dict[str, Any]]:
    """One of each role for all of the tests; their powers are read once."""
    with django_db_blocker.unblock(), transaction.atomic():
        make_roles()
        found: dict[str, Any] = {
            "anonymous": AnonymousUser(),
            "plain staff": UserFactory.create(is_staff=True),
        } | {role: member(role) for role in ROLES}
        for person in found.values():
            person.has_perm("accounts.view_user")
        yield found
        transaction.set_rollback(True)


def allowed(model_admin: "ModelAdmin[Any]", person: Any) -> dict[str, bool]:
    """Ask what somebody may do with the objects of a model."""
    request = RequestFactory().get("/admin/")
    request.user = person
    request.session = SessionBase()
    may = admin.site.has_permission(request)
    offered = {
        str(name): bool(
            any(
                getattr(model_admin, f"has_{permission}_permission")(request)
                for permission in getattr(action, "allowed_permissions", ())
            )
        )
        for name in declared(model_admin)
        for action in [getattr(model_admin, name)]
    }
    return {
        verb: may and bool(getattr(model_admin, f"has_{verb}_permission")(request))
        for verb in VERBS
    } | {f"action {name}": may and is_offered for name, is_offered in offered.items()}


# The one test with the mark, which makes the database be there: see the API's.
@pytest.mark.django_db
def test_every_page_and_action_has_its_row() -> None:
    if os.environ.get("UPDATE_ROLES"):
        return

    assert sorted(table()) == every_row(), "run the tests with UPDATE_ROLES=1"
    assert all(set(row) == set(COLUMNS) for row in table().values())


def test_each_role_may_do_what_the_table_says(
    people: dict[str, Any], django_db_blocker: DjangoDbBlocker
) -> None:
    found: dict[str, Row] = {}
    with django_db_blocker.unblock():
        for model_admin in admin.site._registry.values():
            answers = {
                column: allowed(model_admin, people[column]) for column in COLUMNS
            }
            for what in answers["owner"]:
                found[f"{label_of(model_admin)} {what}"] = {
                    column: "yes" if answers[column][what] else "" for column in COLUMNS
                }

    if os.environ.get("UPDATE_ROLES"):
        write(found)
    else:
        assert {
            what: row for what, row in found.items() if row != table().get(what)
        } == {}


def write(found: dict[str, Row]) -> None:
    with TABLE.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["what", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        writer.writerows({"what": what, **found[what]} for what in sorted(found))


def test_nobody_gets_anything_without_a_role() -> None:
    for what, row in table().items():
        assert (row["anonymous"], row["plain staff"]) == ("", ""), what


def test_auditor_and_analyst_change_nothing() -> None:
    for what, row in table().items():
        if not what.endswith(" view") and "action print_" not in what:
            assert row["auditor"] == "", what
    # All but having a day rolled up again, which changes no facts.
    changing = {
        what
        for what, row in table().items()
        if row["analyst"] and not what.endswith(" view")
        if "action print_" not in what
    }
    assert {what.partition(".")[0] for what in changing} <= {"analytics"}


def test_books_are_nobodys_to_write() -> None:
    books = (
        *("points.LedgerEntry", "points.PointAccount", "points.PointCorrection"),
        *("inventory.StockMovement", "payments.Payment", "payments.Refund"),
        *("outbox.Event", "outbox.Dispatch", "orders.Order", "admin.LogEntry"),
    )
    for book in books:
        for verb in ("add", "change", "delete"):
            assert set(table()[f"{book} {verb}"].values()) == {""}, book


# --- The dangerous ones, sent by hand ------------------------------------------------


@pytest.fixture
def order(db: None) -> Order:
    make_roles()
    return paid_order(1)


@pytest.mark.parametrize("role", ["", "marketing", "analyst", "auditor"])
def test_orders_are_cancelled_by_those_who_may(
    role: str, order: Order, client: Client
) -> None:
    client.force_login(member(role) if role else UserFactory.create(is_staff=True))

    act(client, "/admin/orders/order/", "cancel", order.pk, reason="x", restock="on")

    order.refresh_from_db()
    assert order.status == OrderStatus.PAID
    assert not Refund.objects.exists()


@pytest.mark.parametrize("role", ["support", "warehouse", "marketing", "analyst"])
def test_points_are_given_by_those_who_may(
    role: str, order: Order, client: Client
) -> None:
    shopper = UserFactory.create(points=500)
    client.force_login(member(role))

    for url in ("/admin/points/pointaccount/", "/admin/accounts/user/"):
        for action in ("adjust", "give_points"):
            act(client, url, action, shopper.pk, amount=5, reason="x")

    assert points.balance_of(shopper.pk) == 500


@pytest.mark.parametrize("role", ["support", "marketing", "analyst", "auditor"])
def test_stock_is_adjusted_by_those_who_may(
    role: str, order: Order, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=10)
    client.force_login(member(role))

    act(
        client,
        "/admin/inventory/stock/",
        "adjust",
        product.pk,
        kind="counted",
        delta=5,
        reason="x",
    )

    assert Stock.objects.get(pk=product.pk).on_hand == 10


@pytest.mark.parametrize("role", ["warehouse", "marketing", "analyst", "auditor"])
def test_reviews_are_decided_by_those_who_may(
    role: str, order: Order, client: Client
) -> None:
    review = written(ProductFactory.create())
    client.force_login(member(role))

    for action, given in (("publish", {}), ("reject", {"reason": "x"})):
        act(client, "/admin/reviews/review/", action, review.pk, **given)

    review.refresh_from_db()
    assert review.state == "pending"


@pytest.mark.parametrize("role", ["support", "warehouse", "analyst", "auditor"])
def test_campaigns_are_stopped_by_those_who_may(
    role: str, order: Order, client: Client
) -> None:
    batch = CouponBatchFactory.create()
    client.force_login(member(role))

    act(client, "/admin/coupons/couponbatch/", "pause", batch.pk)

    assert CouponBatch.objects.get(pk=batch.pk).is_active


@pytest.mark.parametrize("role", ["support", "warehouse", "marketing", "manager"])
def test_nobody_but_a_superuser_makes_staff(
    role: str, order: Order, client: Client
) -> None:
    clerk = member(role)
    client.force_login(clerk)

    for target in (clerk, UserFactory.create()):
        client.post(
            f"/admin/accounts/user/{target.pk}/change/",
            {
                "email": target.email,
                "language": "en",
                "is_staff": "on",
                "is_superuser": "on",
                "addresses-TOTAL_FORMS": 0,
                "addresses-INITIAL_FORMS": 0,
            },
        )

    assert not User.objects.filter(is_superuser=True).exists()
