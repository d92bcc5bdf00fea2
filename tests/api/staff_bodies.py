"""What staff's operations need: things in the world, and bodies that they take."""

from typing import Any
from uuid import UUID

from accounts.models import User
from catalog.models import Product, ProductPhoto
from checkout import returns
from checkout import services as checkout
from checkout.services import Purchase
from orders.models import Order
from outbox import services as outbox
from outbox.models import Dispatch
from payments.models import Payment
from webhooks import services as webhooks

HOOK = {"url": "https://erp.example/hook", "topics": ["order.*"], "description": "x"}
# Operations with a body whose last word shoppers use as well, or that only staff have.
STAFF_OPERATIONS = {
    "POST /api/v1/products",
    "PATCH /api/v1/products/{product_id}",
    "PUT /api/v1/products/{product_id}/photos",
    "PUT /api/v1/products/{product_id}/price",
    "POST /api/v1/products/{product_id}/stock-adjustments",
    "POST /api/v1/payments/{payment_id}/refunds",
    "POST /api/v1/returns/{return_id}/approve",
    "POST /api/v1/returns/{return_id}/reject",
    "POST /api/v1/returns/{return_id}/receive",
    "POST /api/v1/reviews/{review_id}/publish",
    "POST /api/v1/reviews/{review_id}/reject",
    "PUT /api/v1/reviews/{review_id}/reply",
    "POST /api/v1/webhook-endpoints",
    "PATCH /api/v1/webhook-endpoints/{endpoint_id}",
}


def staff_world(user: User, world: dict[str, Any]) -> dict[str, Any]:
    """Add what only staff have something to do with, of the shopper's."""
    product = Product.objects.get(pk=world["product"])

    def paid() -> UUID:
        wish = Purchase(user_id=user.pk, email=user.email, quantities={product.pk: 1})
        return checkout.place_and_pay(wish).id

    def returned() -> int:
        order_id = paid()
        checkout.pack(order_id=order_id, actor_id=None)
        checkout.ship(order_id=order_id, carrier="Post", actor_id=None)
        line = Order.objects.get(pk=order_id).lines.get()
        asked = returns.request(
            order_id=order_id, user_id=user.pk, quantities={line.pk: 1}, reason="x"
        )
        return asked.pk

    approved = returned()
    returns.approve(return_id=approved, answer="")
    endpoint = webhooks.create(**HOOK)  # type: ignore[arg-type]  # a table of three
    paid_order = str(paid())
    outbox.address()
    photo = ProductPhoto.objects.create(
        product=product, image="products/x.webp", width=1, height=1, alt="x"
    )
    return {
        "paid": paid_order,
        "category": product.category_id,
        "photo": photo.pk,
        "return": returned(),
        "approved_return": approved,
        "payment": str(Payment.objects.get(order=world["packed"]).pk),
        "endpoint": endpoint.pk,
        "delivery": Dispatch.objects.filter(subscriber=endpoint.subscriber)[0].pk,
    }


def staff_bodies(world: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return a body for each path that takes one, and every field of it."""
    items = [{"product_id": world["product"], "quantity": 1}]
    text = {"name": "컵", "description": "x"}
    facts = {
        "sku": "NEW-1",
        "slug": "new-1",
        "name": "Cup",
        "description": "x",
        "category_id": world["category"],
        "group_id": None,
        "options": {"size": "S"},
        "weight_grams": 5,
        "texts": {"ko": text},
        "is_published": True,
        "reason": "x",
    }
    return {
        "products": facts | {"price": 500, "compare_at_price": 900},
        "products/{product_id}": facts,
        "products/{product_id}/photos": {
            "photos": [{"id": world["photo"], "alt": "From above"}]
        },
        "products/{product_id}/price": {
            "price": 500,
            "compare_at_price": 900,
            "reason": "x",
        },
        "products/{product_id}/stock-adjustments": {
            "kind": "received",
            "delta": 5,
            "reason": "x",
        },
        "payments/{payment_id}/refunds": {
            "items": items,
            "restock": items,
            "reason": "x",
        },
        "returns/{return_id}/approve": {"answer": "x"},
        "returns/{return_id}/reject": {"answer": "x"},
        "returns/{return_id}/receive": {"restock": items, "delivery": 0},
        "reviews/{review_id}/publish": {"version": 1},
        "reviews/{review_id}/reject": {"version": 1, "reason": "x"},
        "reviews/{review_id}/reply": {"text": "x"},
        "webhook-endpoints": HOOK,
        "webhook-endpoints/{endpoint_id}": HOOK | {"is_enabled": False},
    }


def staff_places(action: str, world: dict[str, Any]) -> dict[str, Any]:
    """Return what stands in paths, as far as only staff's have it."""
    return {
        "photo_id": world["photo"],
        "payment_id": world["payment"],
        "return_id": world["approved_return" if action == "receive" else "return"],
        "endpoint_id": world["endpoint"],
        "delivery_id": world["delivery"],
    }
