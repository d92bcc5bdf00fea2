"""How many statements each operation takes; more is a decision, not an accident.

``UPDATE_QUERY_COUNTS=1`` writes the baseline anew.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django.plugin import DjangoDbBlocker

from accounts.models import User
from api.v1.carts import sign
from cart import services as carts
from checkout import services as checkout
from checkout.services import Purchase
from notifications import services as notifications
from notifications.models import Notification
from tests.api.client import Answer, Api
from tests.api.staff_counts import STAFF_CALLS
from tests.factories import (
    PASSWORD,
    AddressFactory,
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    StaffFactory,
    UserFactory,
)
from tests.notifications.events import event
from tests.reviewing import TEXT, published, received
from tests.standing import standing

pytestmark = pytest.mark.django_db
BASELINE = Path(__file__).parent.parent / "query_counts.json"
ORDERS = "/api/v1/orders"
GUEST_ADDRESS = {
    "recipient": "Lee",
    "phone": "010",
    "postal_code": "1",
    "line1": "x",
    "city": "Seoul",
    "country": "KR",
}


class Scene:
    """Twenty products, a cart, orders and coupons."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.products = ProductFactory.create_batch(20, price=1_000)
        self.sold_out = ProductFactory.create(stock_on_hand=0)
        DeliveryMethodFactory.create()
        self.address = AddressFactory.create(user=user, is_default=True)
        self.guests_cart = carts.new_token()
        self.coupons = CouponFactory.create_batch(5, user=user)
        self.campaigns = CouponBatchFactory.create_batch(5)
        cart = carts.of_user(user.pk)
        for product in self.products[:5]:
            carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)
        guests = carts.of_guest(self.guests_cart)
        carts.add(cart_id=guests.pk, product_id=self.products[9].pk, quantity=1)
        self.orders = [self.order() for _ in range(3)]
        self.packed, self.sent = (self._packed() for _ in range(2))
        checkout.ship(order_id=UUID(self.sent), carrier="Post", actor_id=None)
        self.staff = Api(StaffFactory.create())
        notifications.tell([event("order.paid", user_id=user.pk) for _ in range(5)])
        told = Notification.objects.of_user(user.pk)
        self._review()
        self.notification_id = told.newest_first()[0].pk

    def _review(self) -> None:
        self.reviewed, self.bought = self.products[:2]
        received(self.user, self.reviewed, self.bought)
        self.own_review = published(self.reviewed, self.user)
        self.review = published(self.reviewed)

    def order(self) -> str:
        quantities = {product.pk: 1 for product in self.products[:3]}
        purchase = Purchase(
            user_id=self.user.pk, email=self.user.email, quantities=quantities
        )
        return str(checkout.place_order(purchase).id)

    def _packed(self) -> str:
        order_id = self.order()
        checkout.pay(user_id=self.user.pk, order_id=UUID(order_id))
        checkout.pack(order_id=UUID(order_id), actor_id=None)
        return order_id

    def items(self, number: int) -> list[dict[str, int]]:
        return [{"product_id": p.pk, "quantity": 1} for p in self.products[:number]]


Call = Callable[[Api, Scene], Answer]
KEY = {"Idempotency_Key": "k"}
CALLS: dict[str, Call] = {
    "products": lambda api, _: api.get("/api/v1/products?limit=20"),
    "products, filtered": lambda api, _: api.get(
        "/api/v1/products?q=product&price_min=1&sort=price&in_stock=true"
    ),
    "product": lambda api, s: api.get(f"/api/v1/products/{s.products[0].pk}"),
    "stock": lambda api, s: api.get(f"/api/v1/products/{s.products[0].pk}/stock"),
    "prices": lambda api, s: api.get(f"/api/v1/products/{s.products[0].pk}/prices"),
    "wait for it": lambda api, s: api.put(
        f"/api/v1/products/{s.sold_out.pk}/back-in-stock"
    ),
    "wait no longer": lambda api, s: api.delete(
        f"/api/v1/products/{s.sold_out.pk}/back-in-stock"
    ),
    "wishlist": lambda api, _: api.get("/api/v1/wishlist"),
    "wishlist save": lambda api, s: api.put(f"/api/v1/wishlist/{s.sold_out.pk}"),
    "wishlist remove": lambda api, s: api.delete(f"/api/v1/wishlist/{s.sold_out.pk}"),
    "best": lambda api, _: api.get("/api/v1/products/best"),
    "categories": lambda api, _: api.get("/api/v1/categories"),
    "category": lambda _, s: Api().get(
        f"/api/v1/categories/{s.products[0].category.slug}"
    ),
    "product, guest": lambda _, s: Api().get(f"/api/v1/products/{s.products[0].pk}"),
    "product in another language": lambda _, s: Api().get(
        f"/api/v1/products/{s.products[0].pk}", Accept_Language="ko"
    ),
    "sync": lambda api, _: api.get("/api/v1/sync"),
    "sync, a page more": lambda api, _: api.get(
        f"/api/v1/sync?cursor={api.get('/api/v1/sync?limit=5').body['cursor']}"
    ),
    "device": lambda api, _: api.post(
        "/api/v1/devices", {"token": "x", "platform": "ios"}
    ),
    "ticket": lambda api, _: api.post("/api/v1/ws-ticket"),
    "coupons applicable": lambda api, _: api.get("/api/v1/coupons/applicable"),
    "cart merge": lambda api, s: api.post(
        "/api/v1/cart/merge", X_Cart_Token=sign(s.guests_cart)
    ),
    "address default": lambda api, s: api.post(
        f"/api/v1/users/me/addresses/{s.address.pk}/default"
    ),
    "user": lambda api, s: api.get(f"/api/v1/users/{s.user.pk}"),
    "sign-ins": lambda api, _: api.get("/api/v1/auth/sessions"),
    "end other sign-ins": lambda api, _: api.post(
        "/api/v1/auth/sessions/revoke-others"
    ),
    "ask for a new password": lambda api, s: api.post(
        "/api/v1/auth/password/reset", {"email": s.user.email}
    ),
    "change the password": lambda api, _: api.post(
        "/api/v1/auth/password/change",
        {"current_password": PASSWORD, "new_password": "another horse battery"},
    ),
    "export": lambda api, _: api.get("/api/v1/users/me/export"),
    "points": lambda api, _: api.get("/api/v1/points"),
    "points history": lambda api, _: api.get("/api/v1/points/history"),
    "points charge": lambda api, _: api.post("/api/v1/points/charge", {"amount": 5}),
    "points charge, keyed": lambda api, _: api.post(
        "/api/v1/points/charge", {"amount": 5}, **KEY
    ),
    "points use": lambda api, _: api.post("/api/v1/points/use", {"amount": 5}),
    "campaigns": lambda api, _: api.get("/api/v1/coupon-campaigns"),
    "coupons": lambda api, _: api.get("/api/v1/coupons"),
    "coupon issue": lambda api, s: api.post(
        "/api/v1/coupons/issue", {"campaign_id": s.campaigns[0].pk}
    ),
    "cart": lambda api, _: api.get("/api/v1/cart"),
    "cart add": lambda api, s: api.post("/api/v1/cart/items", s.items(1)[0]),
    "cart change": lambda api, s: api.patch(
        f"/api/v1/cart/items/{s.products[0].pk}", {"quantity": 4}
    ),
    "cart replace": lambda api, s: api.put("/api/v1/cart", {"items": s.items(20)}),
    "orders": lambda api, _: api.get(ORDERS),
    "order": lambda api, s: api.get(f"{ORDERS}/{s.orders[0]}"),
    "order create": lambda api, s: api.post(ORDERS, {"items": s.items(3)}),
    "order create, 20 lines": lambda api, s: api.post(ORDERS, {"items": s.items(20)}),
    "order create and pay": lambda api, s: api.post(
        ORDERS, {"items": s.items(3), "pay": True}
    ),
    "order create and pay, coupon and key": lambda api, s: api.post(
        ORDERS,
        {"items": s.items(3), "pay": True, "coupon_id": s.coupons[0].pk},
        **KEY,
    ),
    "order create from cart": lambda api, _: api.post(ORDERS, {"from_cart": True}),
    "order create, guest": lambda _, s: Api().post(
        ORDERS,
        {"items": s.items(1), "email": "guest@example.com", "address": GUEST_ADDRESS},
    ),
    "order pay": lambda api, s: api.post(f"{ORDERS}/{s.orders[0]}/pay"),
    "order pay, outside": lambda api, s: api.post(
        f"{ORDERS}/{s.orders[0]}/pay", {"method": "sandbox", "points_to_use": 5}
    ),
    "order pay, outside and keyed": lambda api, s: api.post(
        f"{ORDERS}/{s.orders[0]}/pay", {"method": "sandbox"}, **KEY
    ),
    "points charge, outside": lambda api, _: api.post(
        "/api/v1/points/charge", {"amount": 5, "method": "sandbox"}
    ),
    "order cancel": lambda api, s: api.delete(f"{ORDERS}/{s.orders[0]}"),
    "order tracking": lambda api, s: api.get(f"{ORDERS}/{s.sent}/tracking"),
    "order confirm receipt": lambda api, s: api.post(
        f"{ORDERS}/{s.sent}/confirm-receipt"
    ),
    "order ship": lambda _, s: s.staff.post(f"{ORDERS}/{s.packed}/ship"),
    "order refund plan": lambda _, s: s.staff.post(
        f"{ORDERS}/{s.packed}/refund-plan", {"items": s.items(3)}
    ),
    "order refund": lambda _, s: s.staff.post(
        f"{ORDERS}/{s.packed}/refund", {"items": s.items(3), "reason": "x"}
    ),
    "return create": lambda api, s: api.post(
        f"{ORDERS}/{s.sent}/returns", {"items": s.items(3), "reason": "x"}
    ),
    "returns": lambda api, s: api.get(f"{ORDERS}/{s.sent}/returns"),
    "profile": lambda api, _: api.get("/api/v1/users/me"),
    "addresses": lambda api, _: api.get("/api/v1/users/me/addresses"),
    "delivery methods": lambda api, _: api.get("/api/v1/delivery-methods"),
    "delivery quotes": lambda api, s: api.post(
        "/api/v1/delivery/quotes", {"items": s.items(3)}
    ),
    "notifications": lambda api, _: api.get("/api/v1/notifications"),
    "notification read": lambda api, s: api.post(
        f"/api/v1/notifications/{s.notification_id}/read"
    ),
    "notifications read all": lambda api, _: api.post(
        "/api/v1/notifications/read-all", {}
    ),
    "preferences": lambda api, _: api.get("/api/v1/notification-preferences"),
    "preferences change": lambda api, _: api.put(
        "/api/v1/notification-preferences",
        {
            "choices": [
                {"group": "orders", "channel": "sms", "is_on": True},
                {"group": "promotions", "channel": "email", "is_on": True},
            ],
            "quiet_hours": {"starts": "22:00", "ends": "08:00"},
        },
    ),
    "config": lambda api, _: api.get("/api/v1/config"),
    "related": lambda api, s: api.get(f"/api/v1/products/{s.products[0].pk}/related"),
    "recommendations": lambda api, _: api.get("/api/v1/recommendations"),
    "not interested": lambda api, s: api.put(
        f"/api/v1/recommendations/dismissed/{s.products[0].pk}"
    ),
    "privacy": lambda api, _: api.get("/api/v1/privacy"),
    "privacy change": lambda api, _: api.put(
        "/api/v1/privacy", {"consents": True, "wants_recommendations": True}
    ),
    "events": lambda _, s: Api().post(
        "/api/v1/events",
        {
            "events": [
                {
                    "id": f"0b7e6a0e-5b0f-4d0c-9a43-0d2f6f2f7a{number:02}",
                    "type": "view",
                    "at": "2026-11-21T10:00:00+09:00",
                    "product_id": s.products[number % 20].pk,
                }
                for number in range(50)
            ],
            "consent": True,
            "visitor_id": "7c2f5f0e-31a5-4e5b-8b62-6a1f60a3c7d1",
        },
    ),
    "reviews": lambda _, s: Api().get(f"/api/v1/products/{s.reviewed.pk}/reviews"),
    "review create": lambda api, s: api.post(
        f"/api/v1/products/{s.bought.pk}/reviews", {"rating": 4, "text": TEXT}
    ),
    "review change": lambda api, s: api.patch(
        f"/api/v1/reviews/{s.own_review.pk}", {"rating": 4}
    ),
    "review helpful": lambda api, s: api.post(f"/api/v1/reviews/{s.review.pk}/helpful"),
    "own reviews": lambda api, _: api.get("/api/v1/reviews"),
    **STAFF_CALLS,
}


@pytest.fixture(scope="module")
def standing_scene(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Callable[[], Scene]]:
    with standing(make_scene, django_db_blocker) as scene:
        yield scene


def make_scene() -> Scene:
    return Scene(UserFactory.create(points=1_000_000))


@pytest.mark.parametrize("name", CALLS)
def test_operation_takes_as_many_statements_as_it_did(
    name: str, standing_scene: Callable[[], Scene]
) -> None:
    scene = standing_scene()
    api = Api(scene.user)
    ContentType.objects.clear_cache()

    with CaptureQueriesContext(connection) as queries:
        answer = CALLS[name](api, scene)

    assert answer.status in {200, 201, 202, 204}
    # A test runs in a transaction, so BEGIN and COMMIT are savepoints here.
    own = [query for query in queries if "SAVEPOINT" not in query["sql"]]
    expected = json.loads(BASELINE.read_text())
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        expected.setdefault("api", {})[name] = len(own)
        BASELINE.write_text(json.dumps(expected, indent=2) + "\n")
    assert len(own) == expected["api"].get(name), [query["sql"] for query in own]
