"""What the models promise stands in the database, under the same name."""

import pytest
from django.apps import apps
from django.db import connection

pytestmark = pytest.mark.django_db
OURS = {
    "accounts", "analytics", "cart", "catalog", "common", "coupons", "delivery",
    "inventory", "notifications", "orders", "outbox", "payments", "points", "reviews",
    "wishlist",
}  # fmt: skip


def test_every_constraint_and_index_of_the_models_is_in_the_database() -> None:
    # Altering a field can take a unique index of the same column along, unasked.
    promised = {
        named.name
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for named in (*model._meta.constraints, *model._meta.indexes)
    }

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint"
            " UNION SELECT relname FROM pg_class WHERE relkind = 'i'"
        )
        present = {row[0] for row in cursor.fetchall()}

    assert promised - present == set()
    assert len(promised) > 50


def test_every_trigger_of_the_models_is_in_the_database() -> None:
    promised = {
        trigger.get_pgid(model)
        for model in apps.get_models()
        if model._meta.app_label in OURS
        for trigger in getattr(model._meta, "triggers", [])
    }

    with connection.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
        present = {row[0] for row in cursor.fetchall()}

    assert promised - present == set()
    assert len(promised) > 10
