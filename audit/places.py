"""The pages and states that are looked at closely, found in the demo's data."""

from dataclasses import dataclass

from django.db.models import F, Q
from django.urls import reverse
from django.utils.http import urlencode

from audit.visitors import BUYER, GUEST, PLENTY, SHOPPER
from catalog.models import Category, Product
from demo.logins import MINJI
from orders.models import Order, OrderStatus
from reviews.models import Review

NOT_FOUND = 404
SOLD_OUT = Q(stock__on_hand=F("stock__reserved"))


@dataclass(frozen=True, slots=True)
class Place:
    """A page in one of its states, as somebody comes to it."""

    name: str
    path: str
    who: str = GUEST
    status: int = 200


def places() -> list[Place]:
    """Return all of them."""
    return [*_open_places(), *_goods(), *_own_places(), *_orders()]


def _open_places() -> list[Place]:
    return [
        Place("home", "/"),
        Place("listing", reverse("shop:products")),
        Place("best", reverse("shop:best")),
        Place("search", _search(q="cup")),
        Place("search without results", _search(q="zzzzqqqq")),
        Place("coupons", reverse("shop:coupons")),
        Place("cart", reverse("shop:cart"), BUYER),
        Place("cart, empty", reverse("shop:cart")),
        Place("checkout of a guest", reverse("shop:checkout"), BUYER),
        Place("login", reverse("account_login")),
        Place("signup", reverse("account_signup")),
        Place("password reset", reverse("account_reset_password")),
        Place("help", reverse("shop:help", args=["delivery"])),
        Place("not found", "/nothing/here/", status=NOT_FOUND),
    ]


def _goods() -> list[Place]:
    products = Product.objects.on_sale()
    reviewed = Review.objects.order_by("-pk").values("product_id")
    rich = products.filter(PLENTY, pk__in=reviewed).order_by("pk").first()
    sold_out = products.filter(SOLD_OUT).order_by("pk").first()
    category = Category.objects.filter(parent=None).first()
    assert rich is not None
    assert sold_out is not None
    assert category is not None
    return [
        Place("product", product_path(rich)),
        Place("product, sold out", product_path(sold_out)),
        Place("category", reverse("shop:category", args=[category.slug])),
    ]


def _own_places() -> list[Place]:
    names = ("cart", "checkout", "points", "orders", "account", "profile")
    more = ("addresses", "address-new", "notifications", "notification-preferences")
    return [
        Place("home, signed in", "/", SHOPPER),
        Place("own coupons", f"{reverse('shop:coupons')}?tab=mine", SHOPPER),
        *(
            Place(f"own {name}", reverse(f"shop:{name}"), SHOPPER)
            for name in (*names, *more, "alerts", "my-reviews")
        ),
    ]


def _orders() -> list[Place]:
    """Return the shopper's orders, one in each status that they have."""
    own = Order.objects.filter(user__email=MINJI.email)
    newest = (
        own.filter(status=status).order_by("-placed_at").first()
        for status in OrderStatus
    )
    return [
        Place(
            f"order, {order.status}",
            reverse("shop:order", args=[order.number]),
            SHOPPER,
        )
        for order in newest
        if order is not None
    ]


def product_path(product: Product) -> str:
    """Return where a product's page is."""
    return reverse("shop:product", args=[product.slug, product.pk])


def _search(**parameters: str) -> str:
    return f"{reverse('shop:search')}?{urlencode(parameters)}"
