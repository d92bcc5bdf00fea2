"""The only code that writes carts.

Each change locks the cart row first, so a cart has one history of versions.
"""

import secrets
from collections.abc import Mapping

from django.db.models import F
from django.db.models.functions import Now

from cart.errors import CartChanged, CartFull, CartItemNotFound, QuantityOutOfRange
from cart.models import Cart, CartItem
from catalog.errors import ProductNotFound
from catalog.models import Product
from common.db import Pipeline, Statement, requires_transaction, use_case
from coupons.errors import CouponNotFound
from coupons.models import Coupon
from orders.models import MAX_QUANTITY

MAX_ITEMS = 100

# The order is for the version the shopper has seen: no row, no order.
CLEAR_SQL = """
    WITH cleared AS (
        UPDATE cart_cart SET version = version + 1, coupon_id = NULL, updated_at = now()
         WHERE id = %(cart_id)s AND version = %(version)s
     RETURNING id
    ), items AS (
        DELETE FROM cart_cartitem USING cleared WHERE cart_id = cleared.id
    )
    SELECT id FROM cleared
"""


def new_token() -> str:
    """Return the secret by which a guest's browser knows its cart."""
    return secrets.token_urlsafe(32)


@use_case
def of_user(user_id: int) -> Cart:
    """Return the shopper's cart, a new one if they have none."""
    return Cart.objects.get_or_create(user_id=user_id)[0]


@use_case
def of_guest(token: str) -> Cart:
    """Return the cart of a guest's token, a new one if there is none."""
    return Cart.objects.get_or_create(token=token)[0]


@use_case
def add(*, cart_id: int, product_id: int, quantity: int) -> CartItem:
    """Put ``quantity`` more of a product into a cart, up to 999 in all.

    Raises ``ProductNotFound`` for a product that is not on sale, ``QuantityOutOfRange``
    and ``CartFull``. Stock is promised by an order, not by a cart.
    """
    _check_quantity(quantity)
    cart = _lock(cart_id)
    product = _on_sale(product_id)
    item = CartItem.objects.filter(cart=cart, product=product).first()
    if item is None:
        _check_room(cart)
        item = CartItem(cart=cart, product=product, quantity=0)
    item.quantity = min(item.quantity + quantity, MAX_QUANTITY)
    item.price_when_added = product.price
    item.save()
    _touch(cart)
    return item


@use_case
def set_quantity(*, cart_id: int, product_id: int, quantity: int) -> CartItem:
    """Set how many of a product a cart has; doing it twice changes nothing."""
    _check_quantity(quantity)
    cart = _lock(cart_id)
    item = CartItem.objects.filter(cart=cart, product_id=product_id).first()
    if item is None:
        raise CartItemNotFound
    if item.quantity != quantity:
        item.quantity = quantity
        item.save(update_fields=["quantity"])
        _touch(cart)
    return item


@use_case
def remove(*, cart_id: int, product_id: int) -> int:
    """Take a product out of a cart; return how many there were, for an undo."""
    cart = _lock(cart_id)
    item = CartItem.objects.filter(cart=cart, product_id=product_id).first()
    if item is None:
        raise CartItemNotFound
    item.delete()
    _touch(cart)
    return item.quantity


@use_case
def replace(*, cart_id: int, quantities: Mapping[int, int]) -> None:
    """Make a cart hold exactly ``quantities``, by product id.

    Raises as ``add`` does, and then leaves the cart as it was. The number of statements
    does not depend on the number of products.
    """
    cart = _lock(cart_id)
    if len(quantities) > MAX_ITEMS:
        raise CartFull(limit=MAX_ITEMS)
    for quantity in quantities.values():
        _check_quantity(quantity)
    products = Product.objects.on_sale().in_bulk(list(quantities))
    if len(products) != len(quantities):
        raise ProductNotFound
    cart.items.all().delete()
    CartItem.objects.bulk_create(
        CartItem(
            cart=cart,
            product=products[product_id],
            quantity=quantity,
            price_when_added=products[product_id].price,
        )
        for product_id, quantity in quantities.items()
    )
    _touch(cart)


@use_case
def clear(*, cart_id: int) -> None:
    """Empty a cart."""
    cart = _lock(cart_id)
    cart.items.all().delete()
    Cart.objects.filter(pk=cart.pk).update(coupon=None)
    _touch(cart)


@use_case
def choose_coupon(*, cart_id: int, user_id: int, coupon_id: int | None) -> None:
    """Put one of the shopper's own coupons on their cart, or none."""
    cart = _lock(cart_id)
    if coupon_id is not None:
        own = Coupon.objects.of_user(user_id)
        if not own.filter(pk=coupon_id).exists():
            raise CouponNotFound
    Cart.objects.filter(pk=cart.pk).update(coupon_id=coupon_id)
    _touch(cart)


@use_case
def merge(*, token: str, user_id: int) -> int:
    """Move a guest's cart into the shopper's own at sign-in; return how many products.

    Of a product that is in both, the larger quantity stays. What there is no room for
    is left out: the shopper's own products come first. The guest's cart is gone
    afterwards, so a second tab merges nothing twice.
    """
    guest = Cart.objects.select_for_update(no_key=True).filter(token=token).first()
    if guest is None:
        return 0
    own, _created = Cart.objects.get_or_create(user_id=user_id)
    _lock(own.pk)
    mine = {item.product_id: item for item in own.items.all()}
    theirs = list(guest.items.all())
    new = [item for item in theirs if item.product_id not in mine]
    new = new[: max(0, MAX_ITEMS - len(mine))]
    CartItem.objects.filter(pk__in=[item.pk for item in new]).update(cart=own)
    common = [item for item in theirs if item.product_id in mine]
    for item in common:
        held = mine[item.product_id]
        held.quantity = max(held.quantity, item.quantity)
    CartItem.objects.bulk_update(mine.values(), ["quantity"])
    guest.delete()
    _touch(own)
    return len(new) + len(common)


def queue_clear(pipe: Pipeline, *, cart_id: int, version: int) -> Statement:
    """Queue emptying a cart that is still at ``version``; no row if it is not."""
    return pipe.run(CLEAR_SQL, {"cart_id": cart_id, "version": version})


@requires_transaction
def _lock(cart_id: int) -> Cart:
    cart = Cart.objects.select_for_update(no_key=True).filter(pk=cart_id).first()
    if cart is None:
        # A guest's cart that was merged a moment ago, by a sign-in in another tab.
        raise CartChanged
    return cart


def _touch(cart: Cart) -> None:
    Cart.objects.filter(pk=cart.pk).update(version=F("version") + 1, updated_at=Now())


def _on_sale(product_id: int) -> Product:
    # A whole product carries its description and search index along.
    product = Product.objects.on_sale().filter(pk=product_id).only("price").first()
    if product is None:
        raise ProductNotFound
    return product


def _check_quantity(quantity: int) -> None:
    if not 1 <= quantity <= MAX_QUANTITY:
        raise QuantityOutOfRange(limit=MAX_QUANTITY)


def _check_room(cart: Cart) -> None:
    if cart.items.count() >= MAX_ITEMS:
        raise CartFull(limit=MAX_ITEMS)
