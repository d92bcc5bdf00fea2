"""Who looks at the shop: guests with nothing, with a cart, and the demo's shopper."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from django.conf import settings
from django.db.models import F, Q
from django.test import Client

from accounts.models import User
from audit.browser import Cookies
from cart.models import CartItem
from catalog.models import Product
from demo.logins import MINJI

GUEST, BUYER, SHOPPER = "guest", "guest with a cart", "shopper"
CART_SIZE = 3
PLENTY = Q(stock__on_hand__gt=F("stock__reserved") + 5)


@dataclass(frozen=True, slots=True)
class Visitors:
    """The cookies of each of them."""

    cookies: Mapping[str, Cookies]

    def __getitem__(self, who: str) -> Cookies:
        return self.cookies[who]


def gather() -> Visitors:
    """Sign the shopper in and fill the carts."""
    buyer, shopper = _client(), _client()
    user = User.objects.get(email=MINJI.email)
    shopper.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    _fill_cart(buyer)
    if not CartItem.objects.filter(cart__user=user).exists():
        _fill_cart(shopper)
    return Visitors({GUEST: {}, BUYER: _cookies(buyer), SHOPPER: _cookies(shopper)})


def _client() -> Client:
    return Client(SERVER_NAME="127.0.0.1")


def _fill_cart(client: Client) -> None:
    products = Product.objects.on_sale().filter(PLENTY)
    for product_id in products.order_by("pk").values_list("pk", flat=True)[:CART_SIZE]:
        answer = client.post("/cart/add/", {"product": product_id, "quantity": 1})
        assert answer.status_code in {HTTPStatus.OK, HTTPStatus.SEE_OTHER}


def _cookies(client: Client) -> Cookies:
    return {name: morsel.value for name, morsel in client.cookies.items()}
