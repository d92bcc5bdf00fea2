"""Ordering without an account: the key that comes back opens this order alone."""

from typing import Any
from uuid import UUID

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db import transaction

from accounts.models import User
from catalog.models import Product
from common import audit
from orders import guests
from orders import services as orders
from orders.models import Order, OrderStatus
from tests.api.client import Answer, Api
from tests.factories import (
    PASSWORD,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
ORDERS = "/api/v1/orders"
EMAIL = "ji-won@example.com"
ADDRESS = {
    "recipient": "Lee Ji-won",
    "phone": "+82 10-0000-0000",
    "postal_code": "04524",
    "line1": "1 Mapo-daero",
    "city": "Seoul",
    "country": "KR",
}


@pytest.fixture
def product(db: None) -> Product:
    cache.clear()
    return ProductFactory.create(price=10_000, stock_on_hand=10)


def wish(product: Product, **more: Any) -> dict[str, Any]:
    items = [{"product_id": product.pk, "quantity": 2}]
    return {"items": items, "email": EMAIL, "address": ADDRESS, **more}


def place(guest: Api, product: Product, **more: Any) -> Answer:
    return guest.post(ORDERS, wish(product, **more))


def keyed(answer: Answer) -> dict[str, str]:
    """Return the header that opens the order of an answer."""
    return {"X_Order_Key": answer.body["key"]}


def test_guest_places_an_order_and_gets_its_key(guest: Api, product: Product) -> None:
    answer = place(guest, product)

    order = Order.objects.get()
    assert answer.status == 201
    assert answer.header("Location") == f"{ORDERS}/{order.pk}"
    assert answer.body["key"] == guests.key_of(order.pk)
    assert (answer.body["user_id"], answer.body["status"]) == (None, "pending")
    assert answer.body["total"]["amount"] == 20_000
    assert (order.user_id, order.email, order.total) == (None, EMAIL, 20_000)
    assert order.address["recipient"] == "Lee Ji-won"


def test_shoppers_own_order_has_no_key(api: Api, product: Product) -> None:
    assert place(api, product).body["key"] is None
    assert Order.objects.get().email != EMAIL


@pytest.mark.parametrize("name", ["email", "address"])
def test_guest_says_who_and_where(guest: Api, product: Product, name: str) -> None:
    body = wish(product)
    del body[name]

    answer = guest.post(ORDERS, body)

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.pointers == [f"#/{name}"]
    assert not Order.objects.exists()


def test_cart_of_the_guest_is_ordered_and_emptied(guest: Api, product: Product) -> None:
    filled = guest.post("/api/v1/cart/items", {"product_id": product.pk, "quantity": 3})
    token = {"X_Cart_Token": filled.header("X-Cart-Token")}
    body = {"from_cart": True, "email": EMAIL, "address": ADDRESS}

    answer = guest.post(ORDERS, body, **token)

    assert answer.status == 201
    assert answer.body["items"][0]["quantity"] == 3
    assert guest.get("/api/v1/cart", **token).body["items"] == []
    assert guest.post(ORDERS, body, **token).code == "cart_empty"
    assert guest.post(ORDERS, body).code == "cart_empty"


def test_guest_has_neither_points_nor_coupons_nor_an_address_book(
    guest: Api, product: Product, user: User
) -> None:
    coupon = CouponFactory.create(user=user)

    assert place(guest, product, pay=True).code == "insufficient_points"
    assert place(guest, product, coupon_id=coupon.pk).code == "coupon_not_found"
    assert place(guest, product, user_id=user.pk).code == "user_id_forbidden"
    assert not Order.objects.exists()


def test_same_key_of_another_guest_is_another_claim(
    guest: Api, product: Product
) -> None:
    first = guest.post(ORDERS, wish(product), Idempotency_Key="k")
    again = guest.post(ORDERS, wish(product), Idempotency_Key="k")
    other = guest.post(
        ORDERS, wish(product, email="other@example.com"), Idempotency_Key="k"
    )

    assert again.body == first.body
    assert again.header("Idempotency-Replayed") == "true"
    assert other.body["id"] != first.body["id"]
    assert Order.objects.count() == 2


# --- The key -------------------------------------------------------------------------


def test_key_shows_the_order_by_header_and_by_query(
    guest: Api, product: Product
) -> None:
    placed = place(guest, product)
    path = f"{ORDERS}/{placed.body['id']}"

    by_header = guest.get(path, **keyed(placed))
    by_query = guest.get(f"{path}?key={placed.body['key']}")

    assert by_header.status == by_query.status == 200
    assert by_header.body["number"] == by_query.body["number"] == placed.body["number"]


def test_key_calls_the_order_off(guest: Api, product: Product) -> None:
    placed = place(guest, product)

    answer = guest.post(f"{ORDERS}/{placed.body['id']}/cancel", **keyed(placed))

    assert (answer.status, answer.body["status"]) == (200, "cancelled")
    assert Order.objects.get().status == OrderStatus.CANCELLED


def test_key_sends_the_order_elsewhere(guest: Api, product: Product) -> None:
    mine, other = place(guest, product), place(guest, product)
    path = f"{ORDERS}/{mine.body['id']}"
    wishes = {"address": ADDRESS | {"line1": "2 Mapo-daero"}, "note": "Ring twice."}

    changed = guest.patch(path, wishes, **keyed(mine))
    refused = [
        guest.patch(path, wishes | {"note": "x"}, **keyed(other)),
        Api(UserFactory.create()).patch(path, wishes | {"note": "x"}),
    ]

    assert changed.status == 200
    assert "change_address" in changed.body["allowed_actions"]
    assert [(answer.status, answer.code) for answer in refused] == [
        (404, "order_not_found")
    ] * 2
    order = Order.objects.get(pk=mine.body["id"])
    assert (order.address["line1"], order.note) == ("2 Mapo-daero", "Ring twice.")
    assert not LogEntry.objects.exists()


def test_staff_send_a_guests_order_elsewhere_and_are_written_down(
    guest: Api, staff: Api, product: Product
) -> None:
    placed = place(guest, product)

    answer = staff.patch(
        f"{ORDERS}/{placed.body['id']}",
        {"address": ADDRESS | {"line1": "2 Mapo-daero"}},
        If_Match="*",
    )

    assert answer.status == 200
    assert Order.objects.get().address["line1"] == "2 Mapo-daero"
    entry = LogEntry.objects.get()
    assert entry.object_id == placed.body["id"]
    assert audit.read(entry).reason == "address"


def test_key_pays_what_points_are_not_needed_for(guest: Api, product: Product) -> None:
    placed = place(guest, product)
    path = f"{ORDERS}/{placed.body['id']}/pay"

    by_points = guest.post(path, {"method": "points"}, **keyed(placed))
    in_part = guest.post(
        path, {"method": "sandbox", "points_to_use": 5}, **keyed(placed)
    )
    outside = guest.post(path, {"method": "sandbox"}, **keyed(placed))

    assert by_points.code == in_part.code == "insufficient_points"
    assert outside.status == 201
    assert outside.body["amount"]["amount"] == 20_000


ACTIONS = [
    ("GET", ""),
    ("DELETE", ""),
    ("POST", "/cancel"),
    ("POST", "/pay"),
    ("GET", "/invoice"),
]


def send(who: Api, method: str, order_id: object, action: str, **key: str) -> Any:
    """Send a request whose answer may be anything."""
    body = b"{}" if method == "POST" else b""
    named = {name.replace("_", "-"): value for name, value in key.items()}
    return who.client.generic(
        method,
        f"{ORDERS}/{order_id}{action}",
        body,
        "application/json",
        headers=who.headers | named,
    )


@pytest.mark.parametrize(("method", "action"), ACTIONS)
def test_key_of_another_order_opens_nothing(
    guest: Api, product: Product, method: str, action: str
) -> None:
    mine, other = place(guest, product), place(guest, product)
    missing = UUID("01920000-0000-7000-8000-000000000000")
    stranger = Api(UserFactory.create())

    refused = [
        send(guest, method, other.body["id"], action, **keyed(mine)),
        send(guest, method, other.body["id"], action, X_Order_Key="x"),
        send(guest, method, missing, action, **keyed(mine)),
        send(guest, method, missing, action, X_Order_Key=guests.key_of(missing)),
        send(stranger, method, other.body["id"], action, **keyed(mine)),
        send(stranger, method, other.body["id"], action),
    ]

    assert [answer.status_code for answer in refused] == [404] * 6
    assert {answer.json()["code"] for answer in refused} == {"order_not_found"}
    assert set(Order.objects.values_list("status", flat=True)) == {"pending"}


@pytest.mark.parametrize(("method", "action"), ACTIONS)
def test_nobody_without_a_key_learns_whether_there_is_an_order(
    guest: Api, product: Product, method: str, action: str
) -> None:
    placed = place(guest, product)
    missing = "01920000-0000-7000-8000-000000000000"

    for order_id in (placed.body["id"], missing):
        answer = send(guest, method, order_id, action)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_key_changes_nothing_else(guest: Api, product: Product) -> None:
    placed = place(guest, product)
    path = f"{ORDERS}/{placed.body['id']}"

    for body in ({"status": "shipped"}, {"status": "processing"}):
        assert guest.patch(path, body, **keyed(placed)).code == "permission_denied"
    assert guest.post(f"{path}/repeat", **keyed(placed)).status == 401
    assert guest.get(ORDERS, **keyed(placed)).status == 401

    assert Order.objects.get().status == OrderStatus.PENDING
    assert "repeat" not in placed.body["allowed_actions"]


def test_claimed_order_is_its_owners_alone(guest: Api, product: Product) -> None:
    placed = place(guest, product)
    owner = UserFactory.create()
    with transaction.atomic():
        orders.claim(user_id=owner.pk, email=EMAIL)

    for method, action in ACTIONS:
        answer = send(guest, method, placed.body["id"], action, **keyed(placed))
        assert answer.status_code == 404
    assert Api(owner).get(f"{ORDERS}/{placed.body['id']}").status == 200


# --- Claiming ------------------------------------------------------------------------


def test_signing_in_with_a_proved_address_claims(guest: Api, product: Product) -> None:
    placed = place(guest, product)
    user = UserFactory.create(email=EMAIL)
    EmailAddress.objects.create(user=user, email=EMAIL, verified=True, primary=True)

    signed_in = guest.post("/api/v1/auth/token", {"email": EMAIL, "password": PASSWORD})

    assert signed_in.status == 200
    assert Order.objects.get().user_id == user.pk
    assert [item["id"] for item in Api(user).get(ORDERS).body["items"]] == [
        placed.body["id"]
    ]


def test_signing_up_with_somebody_elses_address_shows_nothing(
    guest: Api, product: Product
) -> None:
    place(guest, product)
    body = {"email": EMAIL, "password": "correct horse battery"}

    assert guest.post("/api/v1/auth/register", body).status == 201
    guest.post("/api/v1/auth/token", body)
    thief = User.objects.get(email=EMAIL)

    assert Api(thief).get(ORDERS).body["items"] == []
    assert Order.objects.get().user_id is None


# --- The invoice ---------------------------------------------------------------------


def paid_order(user: User, product: Product) -> str:
    DeliveryMethodFactory.create()
    answer = Api(user).post(ORDERS, {**wish(product), "pay": True})
    return str(answer.body["id"])


def test_invoice_is_html_or_pdf_as_asked(
    api: Api, user: User, product: Product
) -> None:
    path = f"{ORDERS}/{paid_order(user, product)}/invoice"

    def fetch(query: str = "", **headers: str) -> Any:
        return api.client.get(f"{path}{query}", headers=api.headers | headers)

    for answer in (fetch("?format=pdf"), fetch(Accept="application/pdf")):
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF-")
    for answer in (fetch(), fetch("?format=html"), fetch(Accept="text/html")):
        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/html; charset=utf-8"
        assert "<h1>Invoice 1</h1>" in answer.content.decode()
        assert answer["Cache-Control"] == "private, no-cache"


def test_invoice_speaks_the_readers_language(
    api: Api, user: User, product: Product
) -> None:
    path = f"{ORDERS}/{paid_order(user, product)}/invoice"

    answer = api.client.get(path, headers=api.headers | {"Accept-Language": "ko"})

    assert '<html lang="ko">' in answer.content.decode()


def test_unpaid_order_has_no_invoice(api: Api, product: Product) -> None:
    order_id = place(api, product).body["id"]

    answer = send(api, "GET", order_id, "/invoice")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_invoice_in_another_format_is_406_or_404(
    api: Api, user: User, product: Product
) -> None:
    path = f"{ORDERS}/{paid_order(user, product)}/invoice"

    wanted = api.client.get(path, headers=api.headers | {"Accept": "image/png"})

    assert (wanted.status_code, wanted["Content-Type"]) == (
        406,
        "application/problem+json",
    )
