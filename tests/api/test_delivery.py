"""Delivery through the API: ways, prices, days and points."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.models import User
from cart import services as carts
from common.days import shop_day
from delivery.promise import promise
from delivery.terms import Schedule
from tests.api.client import Api
from tests.factories import (
    AddressFactory,
    DeliveryMethodFactory,
    PickupPointFactory,
    ProductFactory,
    RateFactory,
    ZoneFactory,
)

pytestmark = pytest.mark.django_db
QUOTES = "/api/v1/delivery/quotes"


@pytest.fixture
def product_id() -> int:
    """A product of 10,000 and 600 g, in a shop with three zones."""
    standard = DeliveryMethodFactory.create(position=1)
    for cost, countries, prefixes in (
        (3_000, ["KR"], []),
        (6_000, ["KR"], ["63"]),
        (25_000, ["JP"], []),
    ):
        zone = ZoneFactory.create(countries=countries, postal_prefixes=prefixes)
        RateFactory.create(method=standard, zone=zone, cost=cost, weight_up_to=1_000)
        RateFactory.create(method=standard, zone=zone, cost=cost * 2)
    product: int = ProductFactory.create(price=10_000, weight_grams=600).pk
    return product


def costs(answer: Any) -> dict[str, int]:
    assert answer.status == 200, answer.body
    return {one["code"]: one["cost"]["amount"] for one in answer.body["methods"]}


def items(product_id: int, quantity: int = 1) -> list[dict[str, int]]:
    return [{"product_id": product_id, "quantity": quantity}]


@pytest.mark.parametrize(
    ("address", "quantity", "cost"),
    [
        ({}, 1, 3_000),
        ({"country": "KR", "postal_code": "06236"}, 1, 3_000),
        ({"country": "KR", "postal_code": "06236"}, 2, 6_000),
        ({"postal_code": "63-186"}, 1, 6_000),
        ({"country": "JP", "postal_code": "63186"}, 2, 50_000),
    ],
)
def test_guest_asks_for_products_and_an_address(
    address: dict[str, str], quantity: int, cost: int, guest: Api, product_id: int
) -> None:
    body = {"items": items(product_id, quantity), "address": address}

    assert costs(guest.post(QUOTES, body)) == {"standard": cost}


def test_quote_says_everything(guest: Api, product_id: int) -> None:
    PickupPointFactory.create(method__name="Pick-up", method__cost=0)

    before = datetime.now(UTC)
    answer = guest.post(QUOTES, {"items": items(product_id)})

    window = promise(Schedule(), now=before)
    if shop_day(before) == shop_day(datetime.now(UTC)):
        days = {
            "date_from": window.earliest.isoformat(),
            "date_to": window.latest.isoformat(),
        }
        pickup, standard = answer.body["methods"]
        assert standard == {
            "code": "standard",
            "name": "Standard",
            "kind": "standard",
            "cost": {"amount": 3_000, "currency": "KRW"},
            "is_estimate": False,
            "pickup_points": [],
            **days,
        }
        assert (pickup["code"], pickup["kind"]) == ("pickup", "pickup")
        assert pickup["pickup_points"] == [
            {
                "code": "gangnam",
                "name": "Gangnam",
                "postal_code": "06236",
                "line1": "152 Teheran-ro",
                "line2": "",
                "city": "Seoul",
                "country": "KR",
                "opening_hours": "10:00–20:00",
            }
        ]


def test_address_nobody_delivers_to_has_no_ways(guest: Api, product_id: int) -> None:
    body = {"items": items(product_id), "address": {"country": "FR"}}

    assert guest.post(QUOTES, body).body == {"methods": []}


def test_shoppers_own_cart_and_addresses(api: Api, user: User, product_id: int) -> None:
    AddressFactory.create(user=user, is_default=True)
    jeju = AddressFactory.create(user=user, postal_code="63186")
    cart = carts.of_user(user.pk)
    carts.add(cart_id=cart.pk, product_id=product_id, quantity=2)

    assert costs(api.post(QUOTES, {})) == {"standard": 6_000}
    assert costs(api.post(QUOTES, {"address_id": jeju.pk})) == {"standard": 12_000}


def test_guests_cart_is_known_by_its_token(guest: Api, product_id: int) -> None:
    added = guest.post("/api/v1/cart/items", items(product_id)[0])
    token = added.body["token"]

    assert costs(guest.post(QUOTES, {}, X_Cart_Token=token)) == {"standard": 3_000}


@pytest.mark.parametrize("who", ["guest", "api"])
def test_empty_cart_has_no_price(who: str, request: pytest.FixtureRequest) -> None:
    answer = request.getfixturevalue(who).post(QUOTES, {})

    assert (answer.status, answer.code) == (400, "cart_empty")


def test_address_of_somebody_else_is_not_there(
    api: Api, guest: Api, product_id: int
) -> None:
    body = {"items": items(product_id), "address_id": AddressFactory.create().pk}

    for asker in (api, guest):
        answer = asker.post(QUOTES, body)
        assert (answer.status, answer.code) == (404, "address_not_found")


def test_product_that_is_not_sold_is_named(guest: Api, product_id: int) -> None:
    body = {"items": [*items(product_id), *items(2**40)]}

    answer = guest.post(QUOTES, body)

    assert (answer.status, answer.code) == (409, "product_unavailable")
    assert answer.body["products"] == [2**40]


def test_silent_carrier_makes_an_estimate(guest: Api) -> None:
    DeliveryMethodFactory.create(carrier="nobody", carrier_service="express")
    product = ProductFactory.create()

    [one] = guest.post(QUOTES, {"items": items(product.pk)}).body["methods"]

    assert (one["cost"]["amount"], one["is_estimate"]) == (3_000, True)


def test_ways_are_listed_with_their_price_at_home(guest: Api, product_id: int) -> None:
    [way] = guest.get("/api/v1/delivery-methods").body["items"]

    assert way == {
        "code": "standard",
        "name": "Standard",
        "kind": "standard",
        "cost": {"amount": 3_000, "currency": "KRW"},
        "free_from": None,
        "days_min": 1,
        "days_max": 3,
    }


@pytest.mark.parametrize(
    "address",
    [
        {"country": "Korea"},
        {"country": "kr"},
        {"country": 5},
        {"postal_code": "1" * 17},
        {"postal_code": 63186},
        {"postal_code": "6\x003"},
        {"city": ["Seoul"]},
        "Seoul",
        [],
    ],
)
def test_address_that_is_none_is_refused(
    address: Any, guest: Api, product_id: int
) -> None:
    answer = guest.post(QUOTES, {"items": items(product_id), "address": address})

    assert answer.status == 400
