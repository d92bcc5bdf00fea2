"""Somebody with nothing but the API buys a teapot, and staff send it."""

import pytest

from demo.receiver import DataPlatform
from tests.faults.steps import arrived
from tests.figures import Note
from tests.journeys.conftest import Shelves
from tests.running import Running, Web, wait_for
from tests.strangers import Stranger

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HOME = {
    "recipient": "Lee Seo-yeon",
    "phone": "+82 10-1234-5678",
    "postal_code": "04524",
    "line1": "110 Sejong-daero",
    "city": "Seoul",
}


def test_stranger_buys_by_the_api_and_staff_ship(
    shop: Web, shelves: Shelves, platform: DataPlatform, note: Note
) -> None:
    guest = Stranger(shop.url)
    fill_cart_as_guest(guest, shelves)
    guest.register()  # the cart's token goes along
    del guest.headers["X-Cart-Token"]
    shopper = guest
    coupon = claim_coupon(shopper, shelves)

    cart = shopper.send("PUT", "/api/v1/cart/coupon", {"coupon_id": coupon}).body
    assert quantities(cart) == {shelves.teapot.pk: 2, shelves.cup.pk: 1}
    # 2 × 32,000 + 9,000, less 10 %; free delivery from 50,000.
    assert (cart["subtotal"]["amount"], cart["discount"]["amount"]) == (73_000, 7_300)
    assert (cart["delivery_cost"]["amount"], cart["total"]["amount"]) == (0, 65_700)

    answer = shopper.post("/api/v1/orders", order_of(cart), key="order")
    assert answer.status == 201, answer
    order = answer.body
    assert order["status"] == "pending"
    assert shopper.get("/api/v1/cart").body["items"] == []
    refused = shopper.post("/api/v1/pay", {"order_id": order["id"]}, key="too soon")
    assert (refused.status, refused.body["code"]) == (409, "insufficient_points")

    shopper.charge(100_000)
    paid = shopper.post("/api/v1/pay", {"order_id": order["id"]}, key="pay")
    seconds = wait_for(lambda: arrived(platform) == [order["id"]], "the order arrives")
    assert paid.status == 201, paid
    assert seconds < 5
    assert shopper.get("/api/v1/points").body["balance"] == 34_300
    (event,) = platform.events()
    assert event["data"]["total"] == 65_700

    best = wait_for_best(shopper, shelves.teapot.pk)
    staff_ship(Stranger(shop.url), shelves, order["id"])
    shipped = shopper.get(f"/api/v1/orders/{order['id']}").body
    assert shipped["status"] == "shipped"
    note(after_the_reply=f"{seconds * 1000:.0f} ms", best_list=f"{best:.1f} s")


def test_last_coupon_goes_to_who_was_first(running: Running, shelves: Shelves) -> None:
    web = running.web()
    strangers = [Stranger(web.url) for _ in range(3)]
    for stranger in strangers:
        stranger.register()

    answers = [
        stranger.post("/api/v1/coupons/issue", {"campaign_id": shelves.batch.pk})
        for stranger in strangers
    ]

    assert [answer.status for answer in answers[:2]] == [201, 201]
    assert [answer.body["serial"] for answer in answers[:2]] == [1, 2]
    assert answers[2].body["code"] == "coupon_sold_out"


def test_older_clients_paths_lead_through_the_shop(
    shop: Web, shelves: Shelves, platform: DataPlatform
) -> None:
    stranger = Stranger(shop.url)
    stranger.register()
    charged = stranger.send("PATCH", "/api/point/charge", {"amount": 50_000})
    assert charged.status in {200, 201}, charged
    assert stranger.get("/api/product").status == 200
    items = [{"productId": shelves.cup.pk, "quantity": 2}]
    order = stranger.post("/api/order", {"items": items})
    assert order.status == 201, order

    wait_for(lambda: arrived(platform) == [order.body["id"]], "the order arrives", 5)

    assert stranger.get("/api/popular/product").status == 200


def test_foreign_order_is_nowhere_to_be_found(
    running: Running, shelves: Shelves
) -> None:
    web = running.web()
    owner, other = Stranger(web.url), Stranger(web.url)
    owner.register()
    owner.charge(50_000)
    other.register()
    order = owner.buy(shelves.cup.pk).body["id"]

    assert owner.get(f"/api/v1/orders/{order}").status == 200
    assert other.get(f"/api/v1/orders/{order}").status == 404
    assert Stranger(web.url).get(f"/api/v1/orders/{order}").status == 401


def fill_cart_as_guest(guest: Stranger, shelves: Shelves) -> None:
    found = guest.get("/api/v1/products").body["items"]
    assert {item["name"] for item in found} == {"Celadon Teapot", "Tea Cup"}
    for product, quantity in ((shelves.teapot, 1), (shelves.cup, 1)):
        body = {"product_id": product.pk, "quantity": quantity}
        answer = guest.post("/api/v1/cart/items", body)
        assert answer.status == 201, answer
        guest.headers["X-Cart-Token"] = answer.body["token"]
    path = f"/api/v1/cart/items/{shelves.teapot.pk}"
    assert guest.send("PATCH", path, {"quantity": 2}).status == 200


def claim_coupon(shopper: Stranger, shelves: Shelves) -> int:
    """Claim a coupon, twice for safety's sake; return its id."""
    body = {"campaign_id": shelves.batch.pk}
    coupon = shopper.post("/api/v1/coupons/issue", body, key="claim")
    assert (coupon.status, coupon.body["serial"]) == (201, 1), coupon
    again = shopper.post("/api/v1/coupons/issue", body)
    assert again.body["code"] == "coupon_already_issued"
    campaign = shopper.get(f"/api/v1/coupon-campaigns/{shelves.batch.pk}").body
    assert campaign["left"] == 1
    return int(coupon.body["id"])


def quantities(cart: dict[str, list[dict[str, int]]]) -> dict[int, int]:
    return {item["product_id"]: item["quantity"] for item in cart["items"]}


def order_of(cart: dict[str, dict[str, int]]) -> dict[str, object]:
    return {
        "from_cart": True,
        "cart_version": cart["version"],
        "expected_total": cart["total"]["amount"],
        "address": HOME,
        "delivery_method": "standard",
    }


def wait_for_best(stranger: Stranger, product_id: int) -> float:
    """Wait until a product leads the ranking; return the seconds."""

    def leads() -> bool:
        items = stranger.get("/api/v1/products/best").body["items"]
        return bool(items) and items[0]["product"]["id"] == product_id

    return wait_for(leads, "the ranking follows", 30)


def staff_ship(staff: Stranger, shelves: Shelves, order: str) -> None:
    staff.sign_in(shelves.staff.email)
    path = f"/api/v1/orders/{order}"
    parcel = {"status": "shipped", "carrier": "CJ", "tracking_number": "6128"}
    for step in ({"status": "processing"}, parcel):
        seen = staff.get(path).headers["etag"]
        assert staff.send("PATCH", path, step, **{"if-match": seen}).status == 200
    assert staff.get(path).body["status"] == "shipped"
