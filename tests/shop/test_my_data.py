"""Taking one's data along: all of it, and nobody else's."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import User
from orders.models import Order
from shop.my_data import SECTIONS, document
from tests.factories import PASSWORD, AddressFactory, UserFactory
from tests.shops import busy_shop

# What points at a person and is not theirs: what staff did, and keys that open doors.
ELSEWHERE = {
    "admin.LogEntry",
    "allauth_idp_oidc.Client",  # staff's, who let it in
    "cart.Cart",  # its lines are there
    "catalog.PriceChange",
    "catalog.PriceRevision",
    "common.AuditRow",  # the same rows
    "coupons.PersonalOffer",  # its coupon is there
    "inventory.StockMovement",
    "mfa.Authenticator",
    "orders.OrderNote",  # what staff write to each other
    "points.PointCorrection",  # what came of it is in the ledger
    "promotions.PromotionUse",  # the order's adjustments say it
}


@pytest.fixture(autouse=True)
def _nobody_was_here() -> Iterator[None]:
    """Attempts are counted by address: each test begins with none."""
    cache.clear()
    yield
    cache.clear()


@pytest.mark.django_db
def test_every_table_that_names_a_person_is_in_the_document() -> None:
    nobody = UserFactory.create()
    told = {section.rows(nobody).model for section in SECTIONS}

    missing = {
        model._meta.label
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if field.related_model is User and model not in told
    }

    assert missing == ELSEWHERE


@pytest.mark.django_db(transaction=True)
def test_document_has_all_of_one_and_nothing_of_another() -> None:
    shop = busy_shop()
    AddressFactory.create(user=shop.user, recipient="Mine")
    AddressFactory.create(user=shop.other, recipient="Theirs")

    mine: dict[str, Any] = json.loads("".join(document(shop.user)))
    theirs: dict[str, Any] = json.loads("".join(document(shop.other)))

    assert mine["account"]["email"] == shop.user.email
    own = Order.objects.placed_by(shop.user.pk).order_by("pk")
    numbers = list(own.values_list("number", flat=True))
    assert [order["number"] for order in mine["orders"]] == numbers
    assert mine["points_ledger"][-1]["balance_after"] == mine["points"][0]["balance"]
    assert {len(mine[name]) > 0 for name in ("coupons", "reviews", "payments")} == {
        True
    }
    assert [one["recipient"] for one in mine["addresses"]] == ["Mine"]
    assert [one["recipient"] for one in theirs["addresses"]] == ["Theirs"]
    assert theirs["orders"] == []
    assert shop.other.email not in json.dumps(mine)


def test_document_is_given_to_who_types_the_password(
    client: Client, shopper: User
) -> None:
    path = "/account/data/download/"
    assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
    client.force_login(shopper)
    asked = client.get(path)["Location"]
    assert asked.startswith("/accounts/reauthenticate/")

    client.post(asked, {"password": PASSWORD})
    answer: Any = client.get(path)

    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "private, no-store"
    data = json.loads(b"".join(answer.streaming_content))
    assert data["account"]["email"] == shopper.email
    assert data["made_at"][:4] == str(timezone.now().year)
