"""The roles of staff: which groups there are, and what each of them may do."""

from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

from tests.roles import granted, make_roles, member

pytestmark = pytest.mark.django_db
roles = import_module("accounts.migrations.0006_roles")
# By role: how many permissions, some that it has, and some that it must not have.
TABLE = {
    "owner": (
        307,
        "accounts.act_for_any auth.change_group orders.change_order"
        " payments.add_refund points.add_ledgerentry catalog.delete_product",
        "auth.change_permission common.change_idempotencyrecord",
    ),
    "manager": (
        159,
        "accounts.act_for_any accounts.view_user catalog.change_product"
        " orders.change_order payments.add_refund promotions.add_promotion"
        " analytics.view_dailysales outbox.view_event",
        "accounts.change_user auth.change_group points.delete_ledgerentry"
        " orders.delete_order",
    ),
    "warehouse": (
        29,
        "inventory.change_stock orders.change_order orders.add_fulfilment",
        "payments.add_refund accounts.view_user catalog.change_product"
        " accounts.act_for_any points.view_pointaccount",
    ),
    "support": (
        57,
        "accounts.act_for_any accounts.view_user orders.change_order"
        " payments.add_refund reviews.change_review",
        "catalog.change_product points.add_ledgerentry accounts.change_user"
        " inventory.change_stock analytics.view_dailysales",
    ),
    "marketing": (
        59,
        "promotions.add_promotion coupons.add_couponbatch catalog.add_synonymgroup"
        " analytics.view_dailysales",
        "orders.view_order payments.view_payment accounts.view_user"
        " catalog.change_product accounts.act_for_any",
    ),
    "analyst": (
        53,
        "analytics.view_dailysales orders.view_order promotions.view_promotion",
        "orders.change_order accounts.view_user points.view_ledgerentry",
    ),
    "auditor": (
        79,
        "admin.view_logentry points.view_ledgerentry payments.view_refund"
        " outbox.view_event auth.view_group",
        "orders.change_order accounts.act_for_any analytics.change_dailysales",
    ),
}


@pytest.fixture(autouse=True)
def _roles() -> None:
    # Tests that empty the tables take away what the migration made.
    make_roles()


def test_roles_are_those_of_the_table() -> None:
    assert set(Group.objects.values_list("name", flat=True)) == set(TABLE)


@pytest.mark.parametrize("role", TABLE)
def test_role_may_do_what_the_table_says(role: str) -> None:
    count, allowed, forbidden = TABLE[role]
    user = member(role)

    assert {name for name in allowed.split() if not user.has_perm(name)} == set()
    assert {name for name in forbidden.split() if user.has_perm(name)} == set()
    assert user.get_all_permissions() == granted(role)
    assert len(roles.names_of(role)) == count


def test_auditor_only_looks() -> None:
    assert all(".view_" in name for name in member("auditor").get_all_permissions())


def test_each_permission_is_one_that_there_is() -> None:
    Permission.objects.all().delete()
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0)
    known = {
        f"{app}.{codename}"
        for app, codename in Permission.objects.values_list(
            "content_type__app_label", "codename"
        )
    }

    for role in TABLE:
        assert granted(role) - known == set()


def test_permissions_made_early_are_those_that_django_makes() -> None:
    for config in apps.get_app_configs():
        create_permissions(config, verbosity=0)
    twins = Permission.objects.values_list("content_type", "codename")
    stock = Permission.objects.get(codename="view_stockmovement")

    assert len(twins) == len(set(twins))
    assert stock.name == "Can view stock movement"


def test_what_the_owner_changed_stays() -> None:
    Group.objects.get(name="support").permissions.clear()

    roles.give_roles(apps)

    assert member("support").get_all_permissions() == set()


def test_roles_can_be_taken_back() -> None:
    roles.take_roles(apps)

    assert not Group.objects.exists()
