"""Sending, following, refunding and returning through the API."""

from typing import Any

import orjson
import pytest
from pytest_django import Settings

from accounts.models import User
from checkout import labels, returns
from checkout import services as checkout
from delivery.carriers.sandbox import signature
from orders.models import Fulfilment, Order, OrderStatus, Return
from payments.models import Refund
from points import services as points
from tests.api.client import Api
from tests.parcels import (
    delivered_order,
    lines_of,
    packed_order,
    paid_order,
    send,
    status_of,
)

pytestmark = pytest.mark.django_db
UNSIGNED = b"{}"
HOOK = "/api/v1/delivery/webhooks/sandbox"


def path(order: Order, action: str = "") -> str:
    return f"/api/v1/orders/{order.pk}" + (f"/{action}" if action else "")


def items(order: Order, *quantities: int) -> list[dict[str, int]]:
    return [
        {"product_id": line.product_id, "quantity": quantity}
        for line, quantity in zip(lines_of(order), quantities, strict=False)
    ]


def actions(api: Api, order: Order) -> list[str]:
    found: list[str] = api.get(path(order)).body["allowed_actions"]
    return found


# --- Parcels -------------------------------------------------------------------------


def test_staff_ship_an_order_in_parts(staff: Api, api: Api, user: User) -> None:
    order = packed_order(2, 1, user=user)
    body = {"items": items(order, 1), "carrier": "CJ", "tracking_number": "6128"}

    answer = staff.post(path(order, "ship"), body)

    assert answer.status == 200
    [parcel] = answer.body["shipments"]
    assert (parcel["carrier"], parcel["tracking_number"]) == ("CJ", "6128")
    assert [unit["quantity"] for unit in parcel["items"]] == [1]
    assert answer.body["status"] == "processing"

    assert staff.post(path(order, "ship"), {}).body["status"] == "shipped"
    assert len(api.get(path(order)).body["shipments"]) == 2


def test_shipping_is_for_staff_and_within_what_is_left(
    staff: Api, api: Api, user: User
) -> None:
    order = packed_order(1, user=user)
    foreign = paid_order(1)

    for body, status, code in (
        ({"items": items(order, 2)}, 409, "not_shippable"),
        ({"items": items(foreign, 1)}, 404, "product_not_in_order"),
        ({"carrier_code": "pigeon"}, 404, "carrier_not_found"),
        ({"carrier_code": "sandbox", "carrier": "CJ"}, 400, "invalid"),
        (
            {"carrier_code": "sandbox", "service": "teleport"},
            409,
            "carrier_refused",
        ),
    ):
        answer = staff.post(path(order, "ship"), body)
        assert (answer.status, answer.code) == (status, code)
    assert api.post(path(order, "ship"), {}).status == 403
    assert staff.post(path(foreign, "ship"), {}).code == "invalid_transition"

    assert not Fulfilment.objects.exists()


def test_carrier_makes_the_label_once_per_key(staff: Api, user: User) -> None:
    order = packed_order(1, user=user)
    body = {"carrier_code": "sandbox", "service": "express"}

    first, again = (
        staff.post(path(order, "ship"), body, Idempotency_Key="k") for _ in range(2)
    )

    assert first.status == again.status == 200
    assert again.header("Idempotency-Replayed") == "true"
    assert first.body == again.body
    assert first.body["shipments"][0]["tracking_number"].startswith("SB")
    assert Fulfilment.objects.count() == 1


def test_shopper_follows_and_confirms(
    api: Api, other: Api, user: User, settings: Settings
) -> None:
    order = packed_order(2, user=user)
    [line] = lines_of(order)
    labels.ship_with(
        order_id=order.pk, carrier_code="sandbox", lines={line.pk: 1}, actor_id=None
    )

    tracked = api.get(path(order, "tracking"))

    assert tracked.body["status"] == "processing"
    assert [unit["quantity"] for unit in tracked.body["to_send"]] == [1]
    assert other.get(path(order, "tracking")).status == 404
    assert api.post(path(order, "confirm-receipt")).code == "invalid_transition"
    send(order)
    assert "confirm_receipt" in actions(api, order)
    assert other.post(path(order, "confirm-receipt")).status == 404

    confirmed = api.post(path(order, "confirm-receipt"), Idempotency_Key="k")
    again = api.post(path(order, "confirm-receipt"), Idempotency_Key="k")

    assert (confirmed.status, again.status) == (200, 200)
    assert confirmed.body["status"] == "delivered"
    assert "confirm_receipt" not in confirmed.body["allowed_actions"]


def test_carrier_tells_of_a_parcel(guest: Api, user: User, settings: Settings) -> None:
    order = packed_order(1, user=user)
    labels.ship_with(order_id=order.pk, carrier_code="sandbox", actor_id=None)
    settings.SANDBOX_PARCEL_SECONDS = 0
    body = orjson.dumps({"tracking_number": Fulfilment.objects.get().tracking_number})

    for content_type in ("application/json", "text/plain", "nonsense"):
        answer = guest.send(
            "POST",
            HOOK,
            body,
            content_type=content_type,
            X_Sandbox_Signature=signature(body),
        )
        assert answer.status == 204

    assert status_of(order) == OrderStatus.DELIVERED
    scans = Api(user).get(path(order, "tracking")).body["shipments"][0]["scans"]
    assert [scan["status"] for scan in scans] == [
        "shipped",
        "shipped",
        "in_transit",
        "out_for_delivery",
        "delivered",
    ]


@pytest.mark.parametrize(
    ("carrier", "body", "status", "code"),
    [
        ("sandbox", b'{"tracking_number": "SB170000000000000001"}', 204, ""),
        ("sandbox", b'{"tracking_number": "SB17"}', 400, "webhook_invalid"),
        ("sandbox", b"[]", 400, "webhook_invalid"),
        ("sandbox", b"\xff\x00", 400, "webhook_invalid"),
        ("sandbox", b'{"tracking_number": 5}', 400, "webhook_invalid"),
        ("sandbox", UNSIGNED, 400, "webhook_invalid"),
        ("pigeon", b"[]", 404, "carrier_not_found"),
        ("sandbox", b"x" * 2_000_000, 413, "body_too_large"),
    ],
)
def test_webhook_answers_everything_without_failing(
    carrier: str, body: bytes, status: int, code: str, guest: Api
) -> None:
    headers = {"X_Sandbox_Signature": "x" if body == UNSIGNED else signature(body)}

    answer = guest.send("POST", f"/api/v1/delivery/webhooks/{carrier}", body, **headers)

    assert answer.status == status
    assert not code or answer.code == code


# --- Refunds -------------------------------------------------------------------------


def test_refund_is_planned_and_made_once(staff: Api, api: Api, user: User) -> None:
    order = paid_order(3, user=user)
    before = points.balance_of(user.pk)
    wish = {"items": items(order, 1)}

    plan = staff.post(path(order, "refund-plan"), wish)
    made, again = (
        staff.post(
            path(order, "refund"), wish | {"reason": "broken"}, Idempotency_Key="k"
        )
        for _ in range(2)
    )

    assert (plan.status, made.status) == (200, 201)
    assert (
        plan.body["amount"]
        == made.body["amount"]
        == {
            "amount": 10_000,
            "currency": "KRW",
        }
    )
    assert plan.body["legs"] == [{"method": "points", "amount": made.body["amount"]}]
    assert made.body == again.body
    assert made.body["legs"][0]["status"] == "done"
    assert points.balance_of(user.pk) == before + 10_000
    assert api.get(path(order)).body["refunds"] == [made.body]


def test_refund_needs_its_permission_and_something_left(
    staff: Api, api: Api, user: User
) -> None:
    order = packed_order(2, user=user)
    send(order, {lines_of(order)[0].pk: 1})

    for action in ("refund", "refund-plan"):
        wish = {"items": items(order, 2), "reason": "x"}
        assert api.post(path(order, action), wish).status == 403
        answer = staff.post(path(order, action), wish)
        assert (answer.status, answer.code) == (409, "not_refundable")
        assert answer.body["left"] == 1
        nothing = staff.post(path(order, action), {"reason": "x"})
        assert (nothing.status, nothing.code) == (409, "nothing_to_refund")

    assert not Refund.objects.exists()


def test_broken_goods_are_not_restocked(staff: Api, user: User) -> None:
    order = paid_order(2, user=user)
    wish: dict[str, Any] = {"items": items(order, 2), "reason": "broken"}

    answer = staff.post(path(order, "refund"), wish | {"restock": []})

    assert answer.status == 201
    assert status_of(order) == OrderStatus.CANCELLED
    line = lines_of(order)[0]
    assert line.product.stock.on_hand == 18


# --- Returns -------------------------------------------------------------------------


def test_shopper_asks_for_a_return_and_withdraws_it(
    api: Api, other: Api, user: User
) -> None:
    order = delivered_order(2, user=user)
    assert "return" in actions(api, order)

    asked = api.post(
        path(order, "returns"), {"items": items(order, 1), "reason": "too small"}
    )

    assert asked.status == 201
    here = asked.header("Location")
    assert here == f"/api/v1/returns/{asked.body['id']}"
    assert api.get(here).body == asked.body
    assert api.get(path(order, "returns")).body == {"items": [asked.body]}
    assert "return" not in actions(api, order)
    assert other.get(here).status == other.post(f"{here}/withdraw").status == 404
    again = api.post(
        path(order, "returns"), {"items": items(order, 1), "reason": "twice"}
    )
    assert again.code == "return_pending"

    withdrawn = api.post(f"{here}/withdraw")

    assert withdrawn.body["status"] == "withdrawn"
    assert api.post(f"{here}/withdraw").code == "invalid_return_step"
    assert "return" in actions(api, order)


def test_return_of_others_of_too_much_and_of_nothing_is_refused(
    api: Api, other: Api, user: User
) -> None:
    order = delivered_order(1, user=user)
    wish = {"items": items(order, 1), "reason": "x"}

    assert other.post(path(order, "returns"), wish).status == 404
    assert other.get(path(order, "returns")).status == 404
    too_much = api.post(path(order, "returns"), wish | {"items": items(order, 2)})
    assert (too_much.status, too_much.code) == (409, "not_returnable")
    assert api.post(path(order, "returns"), wish | {"items": []}).status == 400
    assert api.get("/api/v1/returns/999999").code == "return_not_found"

    assert not Return.objects.exists()


def test_received_return_is_in_the_order(api: Api, user: User) -> None:
    order = delivered_order(2, user=user)
    [line] = lines_of(order)
    asked = returns.request(
        order_id=order.pk, user_id=user.pk, quantities={line.pk: 1}, reason="x"
    )
    returns.approve(return_id=asked.pk, answer="yes")
    returns.receive(return_id=asked.pk, restocked={line.pk: 1}, actor_id=None)

    shown = api.get(path(order)).body

    assert shown["returns"][0]["status"] == "received"
    assert shown["returns"][0]["items"][0]["restocked"] == 1
    assert shown["refunds"][0]["amount"]["amount"] == 10_000
    assert shown["status"] == "delivered"


def test_packed_order_is_not_the_shoppers_to_cancel(api: Api, user: User) -> None:
    order = paid_order(1, user=user)
    assert "cancel" in actions(api, order)

    checkout.pack(order_id=order.pk, actor_id=None)

    assert "cancel" not in actions(api, order)
    assert api.post(path(order, "cancel")).code == "order_not_cancellable"
