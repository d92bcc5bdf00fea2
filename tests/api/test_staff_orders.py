"""Orders, refunds, returns and reviews in the hands of staff."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db.models.functions import Now

from accounts.models import User
from checkout import returns
from checkout import services as checkout
from orders.models import Order, OrderStatus, Return
from payments.models import Payment, Refund
from points import services as points
from reviews.models import Review, ReviewState
from tests.api.client import Answer, Api
from tests.api.paying import order_of
from tests.factories import DeliveryMethodFactory, ProductFactory, UserFactory
from tests.parcels import (
    delivered_order,
    lines_of,
    packed_order,
    paid_order,
    send,
    status_of,
    stock_of,
)
from tests.reviewing import written

pytestmark = pytest.mark.django_db
ORDERS = "/api/v1/orders"


def path(order: Order, action: str = "") -> str:
    return f"{ORDERS}/{order.pk}" + (f"/{action}" if action else "")


def clerk_with(*codenames: str) -> Api:
    clerk = UserFactory.create(is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return Api(clerk)


def actions(api: Api, order: Order) -> list[str]:
    found: list[str] = api.get(path(order)).body["allowed_actions"]
    return found


# --- Moving orders on ----------------------------------------------------------------


def test_order_is_packed_and_delivered_step_by_step(staff: Api, user: User) -> None:
    order = paid_order(1, user=user)

    early = staff.post(path(order, "deliver"))
    packed = staff.post(path(order, "pack"))
    again = staff.post(path(order, "pack"))
    send(order)
    delivered = staff.post(path(order, "deliver"), Idempotency_Key="k")
    replayed = staff.post(path(order, "deliver"), Idempotency_Key="k")

    assert (early.status, early.code) == (409, "invalid_transition")
    assert packed.body["status"] == "processing"
    assert (again.status, again.code) == (409, "invalid_transition")
    assert delivered.body["status"] == "delivered"
    assert replayed.body == delivered.body
    last = packed.body["timeline"][-1]
    assert (last["from_status"], last["to_status"]) == ("paid", "processing")
    assert LogEntry.objects.filter(object_id=str(order.pk)).count() == 2


def test_packing_and_delivering_are_for_staff(api: Api, user: User) -> None:
    order = paid_order(1, user=user)
    looker = clerk_with("view_order")

    for action in ("pack", "deliver"):
        for somebody in (api, looker):
            assert somebody.post(path(order, action)).code == "permission_denied"
        assert Api().post(path(order, action)).status == 401
    assert status_of(order) == OrderStatus.PAID


def test_unknown_order_is_not_found(staff: Api) -> None:
    unknown = f"{ORDERS}/01920000-0000-7000-8000-000000000000"

    for action in ("pack", "deliver"):
        assert staff.post(f"{unknown}/{action}").code == "order_not_found"


def test_actions_are_those_of_whoever_asks(staff: Api, api: Api, user: User) -> None:
    order = paid_order(1, user=user)
    packer, looker = clerk_with("view_order", "change_order"), clerk_with("view_order")

    assert actions(api, order) == ["cancel", "change_address", "repeat"]
    assert actions(packer, order) == ["pack", "cancel"]
    assert actions(looker, order) == []
    assert actions(staff, order) == ["pack", "cancel", "refund"]
    staff.post(path(order, "pack"))
    assert actions(staff, order) == ["ship", "cancel", "refund"]
    send(order)
    assert actions(staff, order) == ["deliver"]
    assert "confirm_receipt" in actions(api, order)
    staff.post(path(order, "deliver"))
    assert actions(staff, order) == []


def test_staff_who_buy_see_both(staff: Api) -> None:
    buyer = UserFactory.create(is_staff=True, is_superuser=True, points=1_000_000)
    order = paid_order(1, user=buyer)

    assert actions(Api(buyer), order) == [
        "cancel",
        "change_address",
        "repeat",
        "pack",
        "refund",
    ]


# --- Looking at them -----------------------------------------------------------------


def test_staff_list_everybodys_orders(staff: Api, user: User) -> None:
    mine = order_of(user)
    paid = paid_order(1)
    other = Order.objects.get(pk=paid.pk).user_id

    def listed(query: str) -> list[str]:
        items = staff.get(f"{ORDERS}?scope=all&{query}").body["items"]
        return [item["id"] for item in items]

    assert listed("") == [str(paid.pk), str(mine.pk)]
    assert listed("status=paid") == [str(paid.pk)]
    assert listed(f"user_id={user.pk}") == [str(mine.pk)]
    assert listed(f"user_id={other}&status=pending") == []
    assert listed(f"q={mine.number.lower()}") == [str(mine.pk)]
    assert listed(f"q={user.email.upper()}") == [str(mine.pk)]
    assert listed("from=2000-01-01T00:00:00Z&to=2001-01-01T00:00:00Z") == []
    page = staff.get(f"{ORDERS}?scope=all&limit=1").body
    assert page["items"][0]["allowed_actions"] == ["pack", "cancel", "refund"]
    rest = staff.get(page["next"]).body
    assert [item["id"] for item in rest["items"]] == [str(mine.pk)]
    assert staff.get(ORDERS).body["items"] == []


def test_everybodys_orders_are_for_staff(api: Api, order: Order) -> None:
    clerk = UserFactory.create(is_staff=True)

    for somebody in (api, Api(clerk)):
        answer = somebody.get(f"{ORDERS}?scope=all")
        assert (answer.status, answer.code) == (403, "permission_denied")
    assert [one["id"] for one in api.get(ORDERS).body["items"]] == [str(order.pk)]


# --- What the owner changes ----------------------------------------------------------


def test_owner_writes_a_note_until_the_order_is_packed(
    api: Api, staff: Api, order: Order
) -> None:
    answer = api.patch(path(order), {"note": "Please ring twice."})
    assert answer.body["note"] == "Please ring twice."
    assert staff.get(path(order)).body["note"] == "Please ring twice."
    checkout.pay(user_id=order.user_id, order_id=order.pk)
    staff.post(path(order, "pack"))

    refused = api.patch(path(order), {"note": "Or not."})

    assert (refused.status, refused.code) == (409, "order_not_changeable")
    assert api.patch(path(order), {"note": "x", "status": "cancelled"}).status == 400
    assert api.patch(path(order), {}).status == 400
    order.refresh_from_db()
    assert order.note == "Please ring twice."


def test_owner_chooses_another_way_of_delivery(api: Api, user: User) -> None:
    order = order_of(user)
    DeliveryMethodFactory.create(code="green", cost=0)
    DeliveryMethodFactory.create(code="dear", cost=5_000)
    DeliveryMethodFactory.create(code="slow", cost=0, days_max=30)
    before = Order.objects.get(pk=order.pk)

    answers = {
        code: api.patch(path(order), {"delivery_method": code})
        for code in ("dear", "slow", "teleport", "green")
    }

    assert answers["dear"].code == "delivery_costs_more"
    assert answers["slow"].code == "delivery_too_late"
    assert answers["teleport"].code == "delivery_method_unavailable"
    assert answers["green"].body["delivery_method"] == "green"
    order.refresh_from_db()
    assert (order.total, order.deliver_by) == (before.total, before.deliver_by)


def test_note_of_somebody_else_is_not_theirs_to_write(other: Api, order: Order) -> None:
    assert other.patch(path(order), {"note": "x"}).code == "order_not_found"

    order.refresh_from_db()
    assert order.note == ""


# --- Money back ----------------------------------------------------------------------


def test_payment_is_refunded_once_per_key(staff: Api, user: User) -> None:
    order = paid_order(2, user=user)
    payment = Payment.objects.get(order=order)
    before = points.balance_of(user.pk)
    [line] = lines_of(order)
    wish = {
        "items": [{"product_id": line.product_id, "quantity": 1}],
        "reason": "broken",
    }
    address = f"/api/v1/payments/{payment.pk}/refunds"

    first, again = (staff.post(address, wish, Idempotency_Key="k") for _ in range(2))

    assert first.status == 201, first.body
    assert again.body == first.body
    assert first.body["amount"]["amount"] == 10_000
    assert first.body["legs"][0]["method"] == "points"
    assert points.balance_of(user.pk) == before + 10_000
    assert Refund.objects.count() == 1


def test_payment_that_cannot_be_refunded_is_refused(
    staff: Api, api: Api, user: User
) -> None:
    order = paid_order(1, user=user)
    payment = Payment.objects.get(order=order)
    address = f"/api/v1/payments/{payment.pk}/refunds"
    wish = {"items": [], "reason": "x"}
    unknown = "/api/v1/payments/01920000-0000-7000-8000-000000000000/refunds"

    assert api.post(address, wish).code == "permission_denied"
    assert staff.post(address, {"items": []}).pointers == ["#/reason"]
    assert staff.post(unknown, wish).code == "payment_not_found"
    assert staff.post(address, wish).code == "nothing_to_refund"
    assert not Refund.objects.exists()


# --- Goods back ----------------------------------------------------------------------


@pytest.fixture
def asked(user: User) -> Return:
    """Return a wish to send two units back."""
    order = delivered_order(2, user=user)
    [line] = lines_of(order)
    return returns.request(
        order_id=order.pk, user_id=user.pk, quantities={line.pk: 2}, reason="too small"
    )


def step(staff: Api, asked: Return, action: str, **body: Any) -> Answer:
    return staff.post(f"/api/v1/returns/{asked.pk}/{action}", body)


def test_return_is_approved_and_taken_in(staff: Api, user: User, asked: Return) -> None:
    [line] = lines_of(asked.order)
    before, on_hand = points.balance_of(user.pk), stock_of(line.product_id)
    good = [{"product_id": line.product_id, "quantity": 1}]

    early = step(staff, asked, "receive")
    approved = step(staff, asked, "approve", answer="Send it to Seoul.")
    received = step(staff, asked, "receive", restock=good)
    again = step(staff, asked, "receive", restock=good)

    assert (early.status, early.code) == (409, "invalid_return_step")
    assert (approved.body["status"], approved.body["answer"]) == (
        "approved",
        "Send it to Seoul.",
    )
    assert received.body["status"] == "received"
    assert received.body["items"][0]["restocked"] == 1
    assert (again.status, again.code) == (409, "invalid_return_step")
    assert points.balance_of(user.pk) == before + 20_000
    assert stock_of(line.product_id) == on_hand + 1


def test_return_is_rejected_with_a_reason(staff: Api, asked: Return) -> None:
    silent = step(staff, asked, "reject")
    rejected = step(staff, asked, "reject", answer="It was worn.")

    assert (silent.status, silent.pointers) == (400, ["#/answer"])
    assert (rejected.body["status"], rejected.body["answer"]) == (
        "rejected",
        "It was worn.",
    )
    assert not Refund.objects.exists()


def test_returns_are_listed_for_staff(staff: Api, asked: Return) -> None:
    listed = staff.get("/api/v1/returns?state=requested").body

    assert [one["id"] for one in listed["items"]] == [asked.pk]
    assert listed["items"][0]["items"][0]["quantity"] == 2
    assert staff.get("/api/v1/returns?state=received").body["items"] == []


def test_return_of_nobody_is_not_found(staff: Api) -> None:
    for action, body in (("approve", {}), ("reject", {"answer": "x"}), ("receive", {})):
        answer = staff.post(f"/api/v1/returns/{2**40}/{action}", body)
        assert answer.code == "return_not_found"


def test_returns_take_their_permissions(api: Api, asked: Return) -> None:
    address = f"/api/v1/returns/{asked.pk}"
    for method, place, body, permission in (
        ("GET", "/api/v1/returns", None, "view_return"),
        ("POST", f"{address}/approve", {}, "change_return"),
        ("POST", f"{address}/receive", {}, "add_refund"),
        ("POST", f"{address}/reject", {"answer": "x"}, "change_return"),
    ):
        for somebody in (api, clerk_with("view_order", "change_order")):
            answer = somebody.send(method, place, body)
            assert (answer.status, answer.code) == (403, "permission_denied")
        answer = clerk_with(permission).send(method, place, body)
        assert answer.status == 200 or answer.code == "invalid_return_step"


# --- Reviews -------------------------------------------------------------------------


@pytest.fixture
def review(db: None) -> Review:
    return written(ProductFactory.create())


def decide(staff: Api, review: Review, action: str, **body: Any) -> Answer:
    address = f"/api/v1/reviews/{review.pk}/{action}"
    return staff.send("PUT" if action == "reply" else "POST", address, body)


def test_review_is_published_answered_and_hidden(
    staff: Api, guest: Api, review: Review
) -> None:
    public = f"/api/v1/products/{review.product_id}/reviews"
    queue = staff.get("/api/v1/review-queue").body["items"]
    assert [one["id"] for one in queue] == [review.pk]

    published = decide(staff, review, "publish", version=queue[0]["version"])
    replied = decide(staff, review, "reply", text="Thank you!")

    assert published.body["state"] == "published"
    assert replied.body["reply"]["text"] == "Thank you!"
    assert guest.get(public).body["items"][0]["reply"]["text"] == "Thank you!"
    assert staff.get("/api/v1/review-queue").body["items"] == []
    hidden = decide(staff, review, "reject", reason="It is about another product.")
    assert hidden.body["state"] == "rejected"
    assert guest.get(public).body["items"] == []
    listed = staff.get("/api/v1/review-queue?state=rejected").body["items"]
    assert listed[0]["reason"] == "It is about another product."


def test_review_that_was_edited_meanwhile_is_not_published(
    staff: Api, review: Review
) -> None:
    Review.objects.filter(pk=review.pk).update(version=2, edited_at=Now())

    answer = decide(staff, review, "publish", version=1)

    assert (answer.status, answer.code) == (409, "review_changed")
    assert decide(staff, review, "reply", text="x").code == "review_not_found"
    assert decide(staff, review, "reject").pointers == ["#/reason"]
    review.refresh_from_db()
    assert review.state == ReviewState.PENDING


def test_reviews_take_their_permissions(api: Api, review: Review) -> None:
    looker = clerk_with("view_review")

    assert looker.get("/api/v1/review-queue").status == 200
    assert api.get("/api/v1/review-queue").code == "permission_denied"
    for action, body in (
        ("publish", {}),
        ("reject", {"reason": "x"}),
        ("reply", {"text": "x"}),
    ):
        for somebody in (api, looker):
            assert decide(somebody, review, action, **body).status == 403
    assert decide(clerk_with("change_review"), review, "publish").status == 200


def test_packed_order_is_shipped_by_who_packs_it(user: User) -> None:
    order = packed_order(1, user=user)
    packer = clerk_with("view_order", "change_order")

    answer = packer.post(path(order, "ship"), {"carrier": "CJ"})

    assert answer.body["status"] == "shipped"
    assert answer.body["allowed_actions"] == ["deliver"]
