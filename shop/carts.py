"""Whose cart a request is about; a guest's is named by a signed cookie."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from cart import services as carts
from cart.models import Cart

CART_COOKIE = "cart"
CART_COOKIE_AGE = 60 * 24 * 3600  # seconds
_SALT = "shop.cart"


def guest_token(request: HttpRequest) -> str | None:
    """Return the token of this browser's guest cart; ``None`` if unknown or forged."""
    token = request.get_signed_cookie(
        CART_COOKIE, default=None, salt=_SALT, max_age=CART_COOKIE_AGE
    )
    return token or None


def remember_guest(response: HttpResponse, token: str) -> None:
    """Let this browser find its guest cart again."""
    response.set_signed_cookie(
        CART_COOKIE,
        token,
        salt=_SALT,
        max_age=CART_COOKIE_AGE,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def forget_guest(response: HttpResponse) -> None:
    """Make the guest of this browser a new one."""
    response.delete_cookie(CART_COOKIE, samesite="Lax")


def find_cart(request: HttpRequest) -> Cart | None:
    """Return the cart this request is about, without making one."""
    if request.user.is_authenticated:
        return Cart.objects.filter(user=request.user.pk).first()
    token = guest_token(request)
    return Cart.objects.filter(token=token).first() if token else None


@dataclass(frozen=True)
class OpenCart:
    """A cart to write to; ``new_token`` is to be remembered by a new guest."""

    cart: Cart
    new_token: str | None = None

    def remember(self, response: HttpResponse) -> HttpResponse:
        if self.new_token:
            remember_guest(response, self.new_token)
        return response


def open_cart(request: HttpRequest) -> OpenCart:
    """Return the cart this request writes to, a new one if there is none yet."""
    if request.user.is_authenticated:
        return OpenCart(carts.of_user(request.user.pk))
    token = guest_token(request)
    if token:
        return OpenCart(carts.of_guest(token))
    token = carts.new_token()
    return OpenCart(carts.of_guest(token), new_token=token)
