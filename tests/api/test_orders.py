"""Orders through the API."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now

from accounts.models import User
from cart import services as carts
from cart.models import CartItem
from common import audit
from coupons.models import Coupon, CouponState
from inventory.models import Stock
from orders.models import Order, OrderStatus
from outbox.models import Event
from points import services as points
from tests.api.client import Api
from tests.factories import (
    AddressFactory,
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
)

pytestmark = pytest.mark.django_db
ORDERS = "/api/v1/orders"
ADDRESS = {
    "recipient": "Lee",
    "phone": "010",
    "postal_code": "1",
    "line1": "x",
    "city": "Seoul",
}


def place(api: Api, **body: object) -> dict[str, object]:
    product = ProductFactory.create(price=10_000)
    items = [{"product_id": product.pk, "quantity": 2}]
    answer = api.post(ORDERS, {"items": items, **body})
    assert answer.status == 201, answer.body
    found: dict[str, object] = answer.body
    return found


def test_order_is_placed_with_frozen_prices_and_holds_its_stock(
    api: Api, user: User
) -> None:
    DeliveryMethodFactory.create()
    product = ProductFactory.create(price=10_000, name="Chalice")

    answer = api.post(
        ORDERS,
        {"items": [{"product_id": product.pk, "quantity": 2}], "address": ADDRESS},
    )

    assert answer.status == 201
    assert answer.header("Location") == f"/api/v1/orders/{answer.body['id']}"
    assert answer.header("Cache-Control") == "private, no-store"
    assert answer.body["status"] == "pending"
    assert answer.body["total"] == {"amount": 23_000, "currency": "KRW"}
    assert answer.body["allowed_actions"] == [
        "pay",
        "cancel",
        "change_address",
        "repeat",
    ]
    order = Order.objects.get()
    assert (order.total, order.user_id, order.email) == (23_000, user.pk, user.email)
    assert order.address["country"] == "KR"
    stock = Stock.objects.get(product=product)
    assert (stock.on_hand, stock.reserved) == (10, 2)


def test_reply_to_a_new_order_says_what_a_look_at_it_says(api: Api) -> None:
    for pay in (False, True):
        placed = place(api, pay=pay)
        assert placed.pop("key") is None

        seen = api.get(f"{ORDERS}/{placed['id']}").body

        details = {
            name: seen.pop(name)
            for name in ("payments", "shipments", "refunds", "returns", "timeline")
        }
        assert seen == placed
        assert len(details["payments"]) == pay


def test_order_and_payment_in_one_step(api: Api, user: User) -> None:
    placed = place(api, pay=True)

    assert placed["status"] == "paid"
    assert placed["expires_at"] is None
    assert points.balance_of(user.pk) == 980_000
    assert list(
        Event.objects.filter(topic__startswith="order").values_list("topic")
    ) == [("order.paid",)]


def test_without_an_address_the_usual_one_is_taken(api: Api, user: User) -> None:
    AddressFactory.create(user=user, line1="1 Elsewhere")
    usual = AddressFactory.create(user=user, line1="2 Home", is_default=True)

    placed = place(api)

    assert placed["address"] == usual.snapshot()


def test_address_of_the_book_by_id_and_nobody_elses(api: Api, user: User) -> None:
    own, foreign = AddressFactory.create(user=user), AddressFactory.create()
    assert place(api, address_id=own.pk)["address"] == own.snapshot()
    product = ProductFactory.create()

    answer = api.post(
        ORDERS,
        {
            "items": [{"product_id": product.pk, "quantity": 1}],
            "address_id": foreign.pk,
        },
    )

    assert (answer.status, answer.code) == (404, "address_not_found")
    assert Order.objects.count() == 1


def test_lines_of_one_product_are_added_up(api: Api) -> None:
    product = ProductFactory.create(stock_on_hand=999)
    line = {"product_id": product.pk, "quantity": 400}

    answer = api.post(ORDERS, {"items": [line, line]})

    assert [item["quantity"] for item in answer.body["items"]] == [800]
    refused = api.post(ORDERS, {"items": [line, line, line]})
    assert (refused.status, refused.pointers) == (400, ["#/items"])
    assert "999" in refused.body["errors"][0]["detail"]


def test_shortage_names_what_is_left(api: Api) -> None:
    product = ProductFactory.create(stock_on_hand=3)

    answer = api.post(ORDERS, {"items": [{"product_id": product.pk, "quantity": 4}]})

    assert (answer.status, answer.code) == (409, "insufficient_stock")
    assert answer.body["available"] == [{"product_id": product.pk, "available": 3}]
    assert not Order.objects.exists()


def test_total_that_was_agreed_to_is_kept_or_refused(api: Api) -> None:
    product = ProductFactory.create(price=10_000)
    items = [{"product_id": product.pk, "quantity": 1}]

    refused = api.post(ORDERS, {"items": items, "expected_total": 9_000})
    agreed = api.post(ORDERS, {"items": items, "expected_total": 10_000})

    assert (refused.status, refused.code) == (409, "price_changed")
    assert refused.body["total"] == 10_000
    assert agreed.status == 201


def test_cart_is_ordered_with_its_coupon_and_emptied(api: Api, user: User) -> None:
    product = ProductFactory.create(price=10_000)
    coupon = CouponFactory.create(user=user)
    cart = carts.of_user(user.pk)
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=3)
    carts.choose_coupon(cart_id=cart.pk, user_id=user.pk, coupon_id=coupon.pk)

    answer = api.post(ORDERS, {"from_cart": True})

    assert answer.body["discount"]["amount"] == 3_000
    assert answer.body["coupon"] == {"id": coupon.pk, "name": coupon.batch.name}
    assert not CartItem.objects.exists()
    assert Coupon.objects.get().state == CouponState.RESERVED
    again = api.post(ORDERS, {"from_cart": True})
    assert (again.status, again.code) == (400, "cart_empty")


def test_cart_that_changed_since_it_was_seen_is_not_ordered(
    api: Api, user: User
) -> None:
    product = ProductFactory.create()
    cart = carts.of_user(user.pk)
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)

    answer = api.post(ORDERS, {"from_cart": True, "cart_version": 1})

    assert (answer.status, answer.code) == (409, "cart_changed")
    assert not Order.objects.exists()


def test_items_or_cart_but_not_both_and_not_neither(api: Api) -> None:
    items = [{"product_id": 1, "quantity": 1}]
    for body in ({}, {"items": items, "from_cart": True}, {"from_cart": False}):
        answer = api.post(ORDERS, body)
        assert (answer.status, answer.pointers) == (400, ["#/items"])


def test_errors_point_at_the_line(api: Api) -> None:
    good, bad = {"product_id": 1, "quantity": 1}, {"product_id": 1, "quantity": 0}

    answer = api.post(ORDERS, {"items": [good, bad, {}]})

    assert answer.pointers == [
        "#/items/1/quantity",
        "#/items/2/product_id",
        "#/items/2/quantity",
    ]
    assert answer.errors[0]["code"] == "min_value"


def test_list_is_paged_newest_first_and_only_ones_own(api: Api, other: Api) -> None:
    ids = [place(api)["id"] for _ in range(5)]
    place(other)

    first = api.get(f"{ORDERS}?limit=2")
    second = api.get(first.body["next"])
    third = api.get(second.body["next"])

    assert first.header("Link") == f'<{first.body["next"]}>; rel="next"'
    pages = [first, second, third]
    assert [order["id"] for page in pages for order in page.body["items"]] == ids[::-1]
    assert third.body["next"] is None
    assert api.get(f"{ORDERS}?status=paid").body["items"] == []


@pytest.mark.parametrize("cursor", ["x", "é", "WzFd", "WyJ4Il0", "W10", "bnVsbA"])
def test_cursor_of_another_list_is_refused(api: Api, cursor: str) -> None:
    assert api.get(f"{ORDERS}?cursor={cursor}").status == 400


def test_somebody_elses_order_is_not_there(api: Api, other: Api) -> None:
    path = f"{ORDERS}/{place(other)['id']}"

    answers = [
        api.get(path),
        api.put(path, {"status": "cancelled"}),
        api.patch(path, {"address": ADDRESS}),
        api.delete(path),
        api.post(f"{path}/pay"),
        api.post(f"{path}/cancel"),
        api.post(f"{path}/repeat"),
        api.post("/api/v1/pay", {"order_id": path.rpartition("/")[2]}),
        api.post("/api/v1/points/use", {"order_id": path.rpartition("/")[2]}),
    ]

    assert {(answer.status, answer.code) for answer in answers} == {
        (404, "order_not_found")
    }
    assert Order.objects.get().status == OrderStatus.PENDING
    unknown = api.get(f"{ORDERS}/{uuid4()}")
    assert unknown.body["detail"] == answers[0].body["detail"]


def test_paying_debits_the_points_once(api: Api, user: User) -> None:
    placed = place(api)

    paid = api.post(f"{ORDERS}/{placed['id']}/pay", {"method": "points"})
    again = api.post(f"{ORDERS}/{placed['id']}/pay")

    assert paid.status == 201
    assert paid.body["amount"]["amount"] == 20_000
    assert paid.body["status"] == "captured"
    assert (again.status, again.code) == (409, "order_not_payable")
    assert points.balance_of(user.pk) == 980_000


def test_paying_without_enough_points_leaves_the_order_open(api: Api) -> None:
    product = ProductFactory.create(price=2_000_000)
    items = [{"product_id": product.pk, "quantity": 1}]
    placed = api.post(ORDERS, {"items": items}).body

    answer = api.post("/api/v1/pay", {"order_id": placed["id"]})

    assert (answer.status, answer.code) == (409, "insufficient_points")
    assert (answer.body["balance"], answer.body["required"]) == (1_000_000, 2_000_000)
    assert Order.objects.get().status == OrderStatus.PENDING


@pytest.mark.parametrize("path", ["orders/{id}/pay", "pay", "points/use"])
@pytest.mark.parametrize("key", [{}, {"Idempotency_Key": "k"}])
def test_paying_too_late_expires_the_order_at_once(
    api: Api, path: str, key: dict[str, str]
) -> None:
    order_id = place(api)["id"]
    Order.objects.update(expires_at=Now() - timedelta(seconds=1))

    answer = api.post(
        f"/api/v1/{path.format(id=order_id)}", {"order_id": order_id}, **key
    )

    assert (answer.status, answer.code) == (409, "order_expired")
    assert Order.objects.get().status == OrderStatus.EXPIRED
    assert Stock.objects.get().reserved == 0


def test_cancelling_gives_everything_back_and_twice_is_fine(
    api: Api, user: User
) -> None:
    path = f"{ORDERS}/{place(api, pay=True)['id']}"

    first, second = api.delete(path), api.delete(path)

    assert (first.status, second.status) == (200, 200)
    assert first.body == second.body
    assert first.body["status"] == "cancelled"
    assert points.balance_of(user.pk) == 1_000_000
    assert Stock.objects.get().on_hand == 10


def test_owner_may_cancel_by_status_and_say_why(api: Api) -> None:
    path = f"{ORDERS}/{place(api)['id']}"

    answer = api.put(path, {"status": "Canceled", "reason": "too late"})

    assert answer.body["status"] == "cancelled"
    assert answer.body["timeline"][-1]["reason"] == "too late"


def test_owner_may_not_move_an_order_on(api: Api) -> None:
    path = f"{ORDERS}/{place(api, pay=True)['id']}"

    for status in ("processing", "shipped", "delivered"):
        answer = api.patch(path, {"status": status})
        assert (answer.status, answer.code) == (403, "permission_denied")
    assert Order.objects.get().status == OrderStatus.PAID


def test_staff_move_an_order_to_the_door_and_not_back(api: Api, staff: Api) -> None:
    path = f"{ORDERS}/{place(api, pay=True)['id']}"
    shipped = {"status": "shipped", "carrier": "CJ", "tracking_number": "61"}
    staff.headers["If-Match"] = "*"

    early = staff.put(path, shipped)
    for body in ({"status": "processing"}, shipped, {"status": "delivered"}):
        assert staff.put(path, body).status == 200
    late = staff.delete(path)

    assert (early.status, early.code) == (409, "invalid_transition")
    assert (late.status, late.code) == (409, "order_not_cancellable")
    seen = api.get(path).body
    assert seen["status"] == "delivered"
    assert seen["shipments"][0]["tracking_number"] == "61"
    assert [event["to_status"] for event in seen["timeline"]] == [
        "pending",
        "paid",
        "processing",
        "shipped",
        "delivered",
    ]


def test_staff_cancel_twice_like_owners(api: Api, staff: Api) -> None:
    path = f"{ORDERS}/{place(api)['id']}"

    assert staff.delete(path).status == 200
    assert staff.delete(path).status == 200


def test_address_can_change_until_it_is_packed(api: Api, staff: Api) -> None:
    path = f"{ORDERS}/{place(api, pay=True)['id']}"

    changed = api.patch(path, {"address": ADDRESS})
    staff.patch(path, {"status": "processing"}, **{"If-Match": "*"})
    refused = api.patch(path, {"address": ADDRESS | {"city": "Busan"}})

    assert changed.body["address"]["recipient"] == "Lee"
    assert (refused.status, refused.code) == (409, "address_not_changeable")
    assert Order.objects.get().address["city"] == "Seoul"


def test_staff_who_send_a_parcel_elsewhere_are_written_down(
    api: Api, staff: Api, user: User
) -> None:
    placed = place(api, pay=True)

    path = f"{ORDERS}/{placed['id']}"
    seen = staff.get(path).header("ETag")

    blind = staff.patch(path, {"address": ADDRESS})
    answer = staff.patch(path, {"address": ADDRESS}, **{"If-Match": seen})

    assert (blind.status, blind.code) == (428, "precondition_required")
    assert answer.status == 200
    entry = LogEntry.objects.get()
    assert entry.object_id == str(user.pk)
    assert audit.read(entry).reason == f"address of order {placed['number']}"


def test_repeat_puts_it_into_the_cart(api: Api) -> None:
    placed = place(api)

    answer = api.post(f"{ORDERS}/{placed['id']}/repeat")

    assert answer.body["skipped"] == []
    assert [item["quantity"] for item in answer.body["cart"]["items"]] == [2]


def test_coupon_of_a_dead_campaign_is_refused(api: Api, user: User) -> None:
    batch = CouponBatchFactory.create(is_active=False)
    coupon = CouponFactory.create(user=user, batch=batch)
    product = ProductFactory.create()

    answer = api.post(
        ORDERS,
        {
            "items": [{"product_id": product.pk, "quantity": 1}],
            "coupon_id": coupon.pk,
        },
    )

    assert (answer.status, answer.code) == (409, "coupon_expired")
    assert not Order.objects.exists()


def test_own_order_is_kept_by_its_owner_only_and_asked_about(api: Api) -> None:
    path = f"{ORDERS}/{place(api)['id']}"
    first = api.get(path)

    again = api.get(path, If_None_Match=first.header("ETag"))

    assert first.header("Cache-Control") == "private, no-cache"
    assert (again.status, again.body) == (304, None)


def test_orders_are_listed_by_when_they_were_placed(api: Api, order: Order) -> None:
    moment = order.placed_at.isoformat().replace("+00:00", "Z")
    after = (order.placed_at + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")

    def count(query: str) -> int:
        return len(api.get(f"/api/v1/orders?{query}").body["items"])

    assert count(f"from={moment}&to={after}") == 1
    assert (count(f"from={after}"), count(f"to={moment}")) == (0, 0)
    assert api.get("/api/v1/orders?from=x").pointers == ["from"]
