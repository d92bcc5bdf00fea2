"""The AsyncAPI description says what really comes."""

import json
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from analytics.transports.base import cloud_event
from api.asynchronous import MOST_ORDERS, MOST_PRODUCTS, description
from catalog.messages import product_letter
from inventory import messages
from outbox.services import OutgoingEvent
from shop import live
from tests.api.client import Api
from tests.factories import ProductFactory


@cache
def message(name: str) -> Draft202012Validator:
    whole = description()
    payload = whole["components"]["messages"][name]["payload"]
    return Draft202012Validator(payload | {"components": whole["components"]})


def test_references_lead_somewhere_and_examples_fit() -> None:
    whole = description()

    for name, found in whole["components"]["messages"].items():
        for example in found["examples"]:
            message(name).validate(example["payload"])
    for operation in whole["operations"].values():
        channel = operation["channel"]["$ref"].rpartition("/")[2]
        names = {found["$ref"].rpartition("/")[2] for found in operation["messages"]}
        assert names <= set(whole["channels"][channel]["messages"])


@pytest.mark.django_db
def test_it_is_served(guest: Api) -> None:
    answer = guest.get("/api/asyncapi")

    assert answer.status == 200
    assert answer.body == json.loads(json.dumps(description()))


@pytest.mark.django_db
def test_browsers_are_shown_a_page_of_it(guest: Api) -> None:
    page = guest.client.get("/api/asyncapi", headers={"Accept": "text/html"})
    text = page.content.decode()

    assert page["Content-Type"] == "text/html; charset=utf-8"
    assert "Accept" in page["Vary"]
    whole = description()
    for channel in whole["channels"].values():
        assert f"<h2>{channel['title']}</h2>" in text
    for message in whole["components"]["messages"].values():
        assert f"<code>{message['name']}</code>" in text


def test_limits_are_those_of_the_socket() -> None:
    assert (MOST_PRODUCTS, MOST_ORDERS) == (live.MAX_PRODUCTS, live.MAX_ORDERS)


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("ready", {"unread": 0, "cursor": 0}),
        ("stock", {"product_id": 1, "available": 3, "version": 7, "price": 1_000}),
        ("order", {"number": "D-1", "status": "paid", "mark": "paid.1"}),
        ("error", {"code": "not_found", "order": "D-1"}),
        ("error", {"code": "try_again"}),
    ],
)
def test_frames_fit(kind: str, data: dict[str, Any]) -> None:
    frame = {"id": None, "type": kind, "at": "2026-11-21T01:30:00+00:00", "data": data}

    message(kind).validate(frame)
    with pytest.raises(ValidationError):
        message(kind).validate(frame | {"type": "other"})
    with pytest.raises(ValidationError):
        message(kind).validate(frame | {"data": {}})


@pytest.mark.django_db
def test_product_messages_fit() -> None:
    product = ProductFactory.create(stock_on_hand=5)
    product.refresh_from_db()

    told = product_letter(product)
    [stock] = messages._stock_letters({product.pk}).values()

    message("productChanged").validate(json.loads(told.body))
    message("stockChanged").validate(json.loads(stock.body))


@pytest.mark.parametrize(
    ("said", "is_taken"),
    [
        ({"price": 12_000}, True),
        ({"name": "Tea cup", "stock": 25}, True),
        ({}, False),
        ({"price": 0}, False),
        ({"price": "12000"}, False),
        ({"stock": -1}, False),
        ({"stock": 10**9 + 1}, False),
    ],
)
def test_updates_are_described_as_they_are_checked(
    *, said: dict[str, Any], is_taken: bool
) -> None:
    update = {"sku": "CUP-1", "source": "erp", "source_version": 42, **said}

    assert message("productUpdate").is_valid(update) == is_taken


def test_events_of_the_platform_fit() -> None:
    line = {
        "product_id": 1,
        "sku": "CUP-1",
        "name": "Tea cup",
        "unit_price": 1_000,
        "quantity": 2,
        "discount_share": 0,
    }
    order = {
        "order_id": str(uuid4()),
        "number": "D-1",
        "user_id": None,
        "email": "guest@example.com",
        "status": "paid",
        "currency": "KRW",
        "subtotal": 2_000,
        "discount": 0,
        "delivery_cost": 0,
        "total": 2_000,
        "coupon_id": None,
        "lines": [line],
    }
    event = OutgoingEvent(
        id=uuid4(),
        topic="order.paid",
        aggregate="orders/D-1",
        payload=order,
        occurred_at=timezone.now(),
        sequence=7,
        attempt=1,
    )

    message("orderPaid").validate(cloud_event(event))
    with pytest.raises(ValidationError):
        message("orderPaid").validate(cloud_event(event) | {"data": {}})
