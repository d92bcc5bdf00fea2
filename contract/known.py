"""Ids of the demo's things, so that the fuzzer does not only meet 404."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import requests

from demo.logins import Login

TIMEOUT = 30  # seconds
# How often a known id stands where one is asked for; else one is made up.
SHARE = 0.7
# Parameter → where its values are read: a list of the API, and the way to them.
PLACES = {
    "product_id": ("products?limit=100", "id"),
    "campaign_id": ("coupon-campaigns", "id"),
    "coupon_id": ("coupons?limit=100", "id"),
    "order_id": ("orders?limit=100{everybodys}", "id"),
    "payment_id": ("orders?limit=100&expand=payments{everybodys}", "payments.id"),
    "address_id": ("users/me/addresses", "id"),
    "notification_id": ("notifications?limit=100", "id"),
    "review_id": ("reviews?limit=100", "id"),
    "return_id": ("returns?limit=100", "id"),
    "slug": ("categories", "slug"),
}
EVERYBODYS = "&scope=all"
# What is in no list.
ALWAYS: dict[str, list[Any]] = {
    "carrier": ["sandbox"],
    "provider": ["sandbox"],
    "event_type": ["shop.order.paid.v1"],
    "code": ["not_found", "invalid", "rate_limited"],
}
# Where else the same ids stand, besides the address.
BODIES = {
    "product_id": ("body.product_id", "body.items[*].product_id"),
    "campaign_id": ("body.campaign_id",),
    "coupon_id": ("body.coupon_id",),
    "order_id": ("body.order_id",),
    "address_id": ("body.address_id",),
}
# Whoever archives all products finds none afterwards.
SPARED = """
[[operations]]
include-operation-id = "products_delete"
[operations.parameters]
"path.product_id" = { dictionary = "product_id", probability = 0.02 }
"""


def settings_of(found: Mapping[str, Sequence[Any]]) -> str:
    """Return settings of Schemathesis that name what is to be found in the shop."""
    known = {name: values for name, values in found.items() if values} | ALWAYS
    tables = [
        f"[dictionaries.{name}]\nvalues = {json.dumps(values)}"
        for name, values in known.items()
    ]
    bound = [
        f'"{place}" = {{ dictionary = "{name}", probability = {SHARE} }}'
        for name in known
        for place in (f"path.{name}", *BODIES.get(name, ()))
    ]
    return "\n".join([*tables, "[parameters]", *bound, SPARED])


def things_of(url: str, login: Login | None, *, is_staff: bool) -> dict[str, list[Any]]:
    """Return the ids of what somebody can find in the shop, by name of parameter."""
    found = {}
    with requests.Session() as session:
        if login:
            session.headers["Authorization"] = f"Bearer {_access(session, url, login)}"
        for name, (path, way) in PLACES.items():
            place = path.format(everybodys=EVERYBODYS if is_staff else "")
            answer = session.get(f"{url}/api/v1/{place}", timeout=TIMEOUT)
            items = answer.json().get("items", []) if answer.ok else []
            found[name] = sorted(_values(items, way.split(".")))
    return found


def _access(session: requests.Session, url: str, login: Login) -> str:
    sent = {"email": login.email, "password": login.password}
    answer = session.post(f"{url}/api/v1/auth/token", json=sent, timeout=TIMEOUT)
    answer.raise_for_status()
    return str(answer.json()["access"])


def _values(items: list[Any], way: list[str]) -> set[Any]:
    for name in way[:-1]:
        items = [part for item in items for part in item[name]]
    return {item[way[-1]] for item in items}
