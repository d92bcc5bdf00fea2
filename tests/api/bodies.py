"""A world in which every operation has something to do, and a body that it takes."""

from typing import Any
from uuid import UUID

from accounts.models import User
from api import tokens
from cart import services as carts
from checkout import services as checkout
from checkout.services import Purchase
from tests.api.auth_bodies import auth_bodies, letters
from tests.api.staff_bodies import staff_bodies, staff_places, staff_world
from tests.factories import (
    AddressFactory,
    CouponBatchFactory,
    CouponFactory,
    ProductFactory,
)
from tests.reviewing import published, received

ADDRESS = {
    "recipient": "Lee",
    "phone": "010",
    "postal_code": "1",
    "line1": "x",
    "line2": "7F",
    "city": "Seoul",
    "country": "KR",
}
REVIEW = {"rating": 4, "text": "Just what I wanted."}
# What only staff may do, and which order each of these is about.
STAFF = {"ship", "refund", "refund-plan"}
# Which product some are about.
PRODUCT_OF = {"reviews": "reviewable", "back-in-stock": "sold_out"}
ORDER_OF = dict.fromkeys(STAFF, "packed") | {
    "returns": "sent",
    "pack": "paid",
    "deliver": "sent",
}


def make_world(user: User, other: User) -> dict[str, Any]:
    """Things of the shopper's, and things of somebody else's."""
    product = ProductFactory.create(price=1_000, stock_on_hand=100)
    cart = carts.of_user(user.pk)
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=2)

    def order_of(buyer: User) -> str:
        purchase = Purchase(
            user_id=buyer.pk, email=buyer.email, quantities={product.pk: 1}
        )
        return str(checkout.place_order(purchase).id)

    def packed_of(buyer: User) -> str:
        order_id = UUID(order_of(buyer))
        checkout.pay(user_id=buyer.pk, order_id=order_id)
        checkout.pack(order_id=order_id, actor_id=None)
        return str(order_id)

    def sent_of(buyer: User) -> str:
        order_id = packed_of(buyer)
        checkout.ship(order_id=UUID(order_id), carrier="Post", actor_id=None)
        return order_id

    world = {
        "product": product.pk,
        "sold_out": ProductFactory.create(stock_on_hand=0).pk,
        "order": order_of(user),
        "packed": packed_of(user),
        "sent": sent_of(user),
        "others_order": order_of(other),
        "address": AddressFactory.create(user=user).pk,
        "others_address": AddressFactory.create(user=other).pk,
        "coupon": CouponFactory.create(user=user).pk,
        "others_coupon": CouponFactory.create(user=other).pk,
        "campaign": CouponBatchFactory.create().pk,
        "user": user.pk,
        "email": user.email,
        "refresh": tokens.sign_in(user).refresh,
        **letters(user, other),
        **reviews_of(user, other),
    }
    return world | staff_world(user, world)


def reviews_of(user: User, other: User) -> dict[str, int]:
    jar, cup = ProductFactory.create_batch(2)
    received(user, jar, cup)
    received(other, jar)
    return {
        "reviewable": cup.pk,
        "review": published(jar, user).pk,
        "others_review": published(jar, other).pk,
    }


def events_of(product_id: int) -> dict[str, Any]:
    event = {
        "id": "0b7e6a0e-5b0f-4d0c-9a43-0d2f6f2f7a11",
        "type": "view",
        "at": "2026-11-21T10:00:00+09:00",
        "product_id": product_id,
    }
    visitor = "7c2f5f0e-31a5-4e5b-8b62-6a1f60a3c7d1"
    return {"events": [event], "consent": True, "visitor_id": visitor}


def valid(operation: str, world: dict[str, Any]) -> dict[str, Any]:
    """Return a body the operation takes."""
    items = [{"product_id": world["product"], "quantity": 1}]
    order: dict[str, Any] = {
        "items": items,
        "coupon_id": world["coupon"],
        "address": ADDRESS,
        "email": "guest@example.com",
        "expected_total": 900,
        "pay": False,
    }
    bodies: dict[str, dict[str, Any]] = {
        "orders": order,
        "order": order,
        "orders/{order_id}": {"status": "cancelled", "reason": "x"},
        "orders/{order_id}/cancel": {"reason": "x"},
        "orders/{order_id}/pay": {"method": "points"},
        "orders/{order_id}/ship": {"items": items, "carrier": "CJ"},
        "orders/{order_id}/refund-plan": {"items": items, "delivery": 0},
        "orders/{order_id}/refund": {"items": items, "restock": items, "reason": "x"},
        "orders/{order_id}/returns": {"items": items, "reason": "x"},
        "pay": {"order_id": world["order"]},
        "payments": {"order_id": world["order"]},
        "cart": {"items": items},
        "delivery/quotes": {"items": items, "address": ADDRESS},
        "quotes": {"items": items, "address": ADDRESS},
        "cart/selection": {"selected": False},
        "cart/items": items[0],
        "cart/items/{product_id}": {"quantity": 3},
        "cart/coupon": {"coupon_id": world["coupon"]},
        "points/charge": {"amount": 5, "reason": "x"},
        "point/charge": {"amount": 5, "reason": "x"},
        "points/use": {"amount": 5, "reference": "x"},
        "notifications/read-all": {"until_id": 2**40},
        "notification-preferences": {
            "choices": [{"group": "orders", "channel": "sms", "is_on": True}],
            "quiet_hours": {"starts": "22:00", "ends": "08:00"},
        },
        "coupons/issue": {"campaign_id": world["campaign"]},
        "devices": {"token": "fcm:1", "platform": "android"},
        "events": events_of(world["product"]),
        "privacy": {"consents": True, "wants_recommendations": True},
        "users/me": {"name": "x", "phone": "1", "wants_marketing_email": True},
        "users/me/addresses": ADDRESS | {"is_default": True},
        "users/me/addresses/{address_id}": ADDRESS | {"is_default": True},
        "products/{product_id}/reviews": REVIEW,
        "products/{product_id}/back-in-stock": {"email": "guest@example.com"},
        "reviews/{review_id}": REVIEW,
        "reviews/{review_id}/report": {"reason": "spam"},
    }
    if operation == "POST /api/cart":
        return items[0]
    path = operation.split()[1].removeprefix("/api/").removeprefix("v1/")
    return (bodies | auth_bodies(world) | staff_bodies(world))[path]


def path_of(operation: str, world: dict[str, Any]) -> tuple[str, str]:
    method, path = operation.split()
    action = path.rpartition("/")[2]
    whose = {
        "order_id": world[ORDER_OF.get(action, "order")],
        "product_id": world[PRODUCT_OF.get(action, "product")],
        "review_id": world["others_review" if action == "report" else "review"],
        "address_id": world["address"],
    }
    return method, path.format(**(world | whose | staff_places(action, world)))
