"""What staff ask, to be counted beside what shoppers do."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from checkout import returns
from orders.models import Order
from tests.api.client import Answer, Api
from webhooks import services as webhooks

PRODUCTS, HOOKS = "/api/v1/products", "/api/v1/webhook-endpoints"
ANY = {"If_Match": "*"}
WHY = {"reason": "x"}


def _new(scene: Any) -> dict[str, Any]:
    facts = {
        "sku": "NEW-1",
        "name": "Cup",
        "price": 500,
        "texts": {"ko": {"name": "컵"}},
    }
    return facts | {"category_id": scene.products[0].category_id} | WHY


def _hook() -> int:
    return webhooks.create(url="https://erp.example/hook", topics=["order.*"]).pk


def _return(scene: Any) -> int:
    line = Order.objects.get(pk=scene.sent).lines.order_by("pk")[0]
    asked = returns.request(
        order_id=UUID(scene.sent),
        user_id=scene.user.pk,
        quantities={line.pk: 1},
        reason="x",
    )
    return asked.pk


STAFF_CALLS: dict[str, Callable[[Api, Any], Answer]] = {
    "staff: product create": lambda _, s: s.staff.post(PRODUCTS, _new(s)),
    "staff: product change": lambda _, s: s.staff.patch(
        f"{PRODUCTS}/{s.products[0].pk}", {"name": "Mug", **WHY}, **ANY
    ),
    "staff: product archive": lambda _, s: s.staff.delete(
        f"{PRODUCTS}/{s.products[9].pk}?reason=x"
    ),
    "staff: price": lambda _, s: s.staff.put(
        f"{PRODUCTS}/{s.products[0].pk}/price", {"price": 900, **WHY}, **ANY
    ),
    "staff: stock": lambda _, s: s.staff.post(
        f"{PRODUCTS}/{s.products[0].pk}/stock-adjustments",
        {"kind": "received", "delta": 5, **WHY},
    ),
    "staff: stock movements": lambda _, s: s.staff.get(
        f"{PRODUCTS}/{s.products[0].pk}/stock-adjustments"
    ),
    "staff: product sheets": lambda _, s: s.staff.get("/api/v1/product-sheets"),
    "staff: product sheet": lambda _, s: s.staff.get(
        f"/api/v1/product-sheets/{s.products[0].pk}"
    ),
    "staff: orders": lambda _, s: s.staff.get("/api/v1/orders?scope=all"),
    "staff: order deliver": lambda _, s: s.staff.post(
        f"/api/v1/orders/{s.sent}/deliver"
    ),
    "staff: return approve": lambda _, s: s.staff.post(
        f"/api/v1/returns/{_return(s)}/approve"
    ),
    "staff: returns": lambda _, s: s.staff.get("/api/v1/returns"),
    "staff: review queue": lambda _, s: s.staff.get("/api/v1/review-queue"),
    "staff: review publish": lambda _, s: s.staff.post(
        f"/api/v1/reviews/{s.review.pk}/publish"
    ),
    "staff: webhook endpoints": lambda _, s: s.staff.get(HOOKS),
    "staff: webhook create": lambda _, s: s.staff.post(
        HOOKS, {"url": "https://erp.example/hook", "topics": ["order.*"]}
    ),
    "staff: webhook deliveries": lambda _, s: s.staff.get(
        f"{HOOKS}/{_hook()}/deliveries"
    ),
}
