"""How many statements each page takes; none takes more than a dozen.

Counted is the second visit: what a process keeps in its memory is there by then.
``UPDATE_QUERY_COUNTS=1`` writes the baseline anew.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, reverse

from accounts.models import Address, User
from catalog.models import Product
from checkout import services as checkout
from common.memo import Memo
from orders.models import Order
from shop.urls import urlpatterns
from tests.api.test_query_counts import Scene
from tests.factories import CategoryFactory

pytestmark = pytest.mark.django_db
BASELINE = Path(__file__).parent.parent / "query_counts.json"
MOST = 12
# Addresses that answer no GET with a page: forms, fragments, files, machines' pages.
NO_PAGES = {
    "suggest", "delivery-place", "recent-clear", "alert", "alert-undo", "looked",
    "product-reviews", "review-helpful", "review-withdraw", "kept", "kept-off",
    "cart-add", "cart-coupon", "cart-drawer", "cart-undo", "cart-select-all",
    "cart-change", "cart-select", "cart-later", "cart-back", "cart-remove",
    "wishlist-toggle", "wishlist-restore", "wishlist-add-all", "wishlist-remove",
    "invoice-pdf", "order-again", "confirm-receipt", "withdraw-return",
    "payment-return", "sandbox", "charge", "ledger-file", "claim", "address-restore",
    "address-remove", "address-default", "my-data-file", "unread", "read-all",
    "notification-read", "unsubscribe", "alert-cancel", "privacy-choice",
    "privacy-recommendations", "dismiss", "undo-dismissal", "sitemap-index", "sitemap",
    "robots", "llms", "google-feed", "security-contact", "change-password", "theme",
    "language", "wishlist-move", "drop-left", "end-device", "end-other-devices",
    "manifest", "worker",
}  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """A page, and whether guests come to it."""

    path: Callable[[Scene], str]
    is_open: bool = True


def page(name: str, query: str = "") -> Visit:
    """Return a page that everybody may open."""
    return Visit(lambda _: reverse(f"shop:{name}") + query)


def own(name: str, query: str = "") -> Visit:
    """Return a page of somebody who has signed in."""
    return Visit(lambda _: reverse(f"shop:{name}") + query, is_open=False)


def own_order(name: str) -> Visit:
    """Return a page about an unpaid order."""
    return Visit(lambda scene: _order_page(name, scene.orders[0]), is_open=False)


def sent_order(name: str) -> Visit:
    """Return a page about a parcel under way."""
    return Visit(lambda scene: _order_page(name, scene.sent), is_open=False)


def _order_page(name: str, order_id: str) -> str:
    number = Order.objects.values_list("number", flat=True).get(pk=order_id)
    return reverse(f"shop:{name}", args=[number])


def _product(scene: Scene) -> str:
    return reverse("shop:product", args=[scene.reviewed.slug, scene.reviewed.pk])


def _sold_out(scene: Scene) -> str:
    return reverse("shop:product", args=[scene.sold_out.slug, scene.sold_out.pk])


def _category(scene: Scene) -> str:
    category = CategoryFactory.create()
    Product.objects.update(category=category)
    Memo.clear_all()
    return reverse("shop:category", args=[category.slug])


def _address(scene: Scene) -> str:
    address = Address.objects.get(user=scene.user)
    return reverse("shop:address", args=[address.pk])


def _delivered(scene: Scene) -> str:
    checkout.deliver(order_id=UUID(scene.sent), actor_id=None)
    return _order_page("return", scene.sent)


PAGES: dict[str, Visit] = {
    "home": page("home"),
    "best": page("best"),
    "products": page("products"),
    "products, filtered": page("products", "?price_min=1&in_stock=on&sort=price"),
    "category": Visit(_category),
    "search": page("search", "?q=product"),
    "search, nothing found": page("search", "?q=zzzzqqqq"),
    "product": Visit(_product),
    "product, sold out": Visit(_sold_out),
    "recent": page("recent"),
    "cart": page("cart"),
    "wishlist": own("wishlist"),
    "checkout": page("checkout"),
    "coupons": page("coupons"),
    "drop": Visit(lambda scene: reverse("shop:drop", args=[scene.campaigns[0].pk])),
    "offline": page("offline"),
    "help": Visit(lambda _: reverse("shop:help", args=["delivery"])),
    "privacy": page("privacy"),
    "coupons, own": own("coupons", "?tab=mine"),
    "review": Visit(
        lambda scene: reverse("shop:review", args=[scene.bought.pk]), is_open=False
    ),
    "review-report": Visit(
        lambda scene: reverse("shop:review-report", args=[scene.review.pk]),
        is_open=False,
    ),
    "my-reviews": own("my-reviews"),
    "orders": own("orders"),
    "order": own_order("order"),
    "order, shipped": sent_order("order"),
    "pay-order": own_order("pay-order"),
    "thanks": sent_order("thanks"),
    "order-address": own_order("order-address"),
    "cancel-order": own_order("cancel-order"),
    "invoice": sent_order("invoice"),
    "return": Visit(_delivered, is_open=False),
    "points": own("points"),
    "account": own("account"),
    "profile": own("profile"),
    "addresses": own("addresses"),
    "address-new": own("address-new"),
    "address": Visit(_address, is_open=False),
    "security": own("security"),
    "my-data": own("my-data"),
    "delete-account": own("delete-account"),
    "notifications": own("notifications"),
    "notification-preferences": own("notification-preferences"),
    "alerts": own("alerts"),
}


def test_pages_take_as_many_statements_for_a_shopper(
    client: Client, shopper: User
) -> None:
    scene = Scene(shopper)
    client.force_login(shopper)

    compare({name: count(client, visit.path(scene)) for name, visit in PAGES.items()})


def test_pages_take_as_many_statements_for_a_guest(
    client: Client, shopper: User
) -> None:
    scene = Scene(shopper)
    for product in scene.products[:5]:
        client.post("/cart/add/", {"product": product.pk, "quantity": 1})
    pages = {name: visit for name, visit in PAGES.items() if visit.is_open}

    compare(
        {
            f"{name}, guest": count(client, visit.path(scene))
            for name, visit in pages.items()
        }
    )


def test_each_page_is_counted() -> None:
    names = {str(pattern.name) for pattern in urlpatterns if is_named(pattern)}
    counted = {name.partition(",")[0] for name in PAGES}

    assert names - NO_PAGES - counted == set()
    assert NO_PAGES - names == set()


def is_named(pattern: object) -> bool:
    return isinstance(pattern, URLPattern) and bool(pattern.name)


def count(client: Client, path: str) -> int:
    """Return how many statements a page takes when it is opened again."""
    ContentType.objects.clear_cache()
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code == 200, path
    return sum("SAVEPOINT" not in query["sql"] for query in queries)


def compare(counts: dict[str, int]) -> None:
    """Compare with the baseline, and with what is allowed at all."""
    expected = json.loads(BASELINE.read_text())
    if os.environ.get("UPDATE_QUERY_COUNTS"):
        expected["pages"] = expected.get("pages", {}) | counts
        BASELINE.write_text(json.dumps(expected, indent=2) + "\n")
    before = expected.get("pages", {})
    assert counts == {name: before.get(name) for name in counts}
    assert {name: number for name, number in counts.items() if number > MOST} == {}
