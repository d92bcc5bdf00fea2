"""Which members an answer has, by who asks; one more is a decision, not an accident.

``UPDATE_FIELDS=1`` writes the baseline anew.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from tests.api.client import Api
from tests.api.test_query_counts import Scene
from tests.factories import StaffFactory

pytestmark = pytest.mark.django_db
BASELINE = Path(__file__).parent / "fields_by_role.json"
SECRET = {"password", "token_version", "session_key", "is_superuser", "groups"}


def paths_of(scene: Scene) -> dict[str, str]:
    """Return what is read, by the address without its ids."""
    product = scene.products[0].pk
    return {
        "products": "products?limit=1",
        "products/{id}": f"products/{product}",
        "products/{id}/reviews": f"products/{scene.reviewed.pk}/reviews",
        "products/best": "products/best",
        "categories": "categories",
        "categories/{slug}": f"categories/{scene.products[0].category.slug}",
        "coupon-campaigns": "coupon-campaigns",
        "config": "config",
        "cart": "cart",
        "coupons": "coupons",
        "coupons/applicable": "coupons/applicable",
        "notifications": "notifications",
        "orders": "orders",
        "orders/{id}": f"orders/{scene.sent}",
        "orders/{id}/tracking": f"orders/{scene.sent}/tracking",
        "points": "points",
        "points/history": "points/history",
        "reviews": "reviews",
        "sync": "sync",
        "users/me": "users/me",
        "users/me/addresses": "users/me/addresses",
        "users/{id}": f"users/{scene.user.pk}",
        "wishlist": "wishlist",
    }


def names_in(roles: dict[str, list[str] | int]) -> Iterator[str]:
    for found in roles.values():
        if isinstance(found, list):
            yield from (name.rpartition(".")[2] for name in found)


def members(body: Any, place: str = "") -> Iterator[str]:
    """Yield every member of an answer, at any depth; lists and ids leave no trace."""
    if isinstance(body, dict):
        for name, value in body.items():
            yield f"{place}{name}"
            yield from members(value, f"{place}{name}.")
    elif isinstance(body, list):
        for one in body:
            yield from members(one, place)


def test_everybody_is_told_what_they_were_told_before(api: Api, user: User) -> None:
    scene = Scene(user)
    roles = {
        "guest": Api(),
        "shopper": api,
        "staff": Api(StaffFactory.create(is_superuser=True)),
    }

    told: dict[str, dict[str, list[str] | int]] = {}
    for name, path in paths_of(scene).items():
        told[name] = {}
        for role, asking in roles.items():
            answer = asking.get(f"/api/v1/{path}")
            is_told = answer.status < 400
            told[name][role] = (
                sorted(set(members(answer.body))) if is_told else answer.status
            )

    if os.environ.get("UPDATE_FIELDS"):
        BASELINE.write_text(json.dumps(told, indent=1) + "\n")
    assert told == json.loads(BASELINE.read_text())
    shown = {name for roles in told.values() for name in names_in(roles)}
    assert not shown & SECRET
