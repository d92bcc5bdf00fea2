"""The only code that writes carts.

Each change locks the cart row first, so a cart has one history of versions.
"""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import F, Q
from django.db.models.functions import Now

from cart.errors import CartChanged, CartFull, CartItemNotFound, QuantityOutOfRange
from cart.merging import Merged, merged
from cart.models import Cart, CartItem
from catalog.errors import ProductNotFound
from catalog.models import Product
from common.db import Pipeline, Statement, requires_transaction, use_case
from coupons.errors import CouponNotFound
from coupons.models import Coupon
from orders.models import MAX_QUANTITY

# In the cart, and as many again beside it for later.
MAX_ITEMS = 100

# The order is for the version the shopper has seen: no row, no order.
CLEAR_SQL = """
    WITH cleared AS (
        UPDATE cart_cart
           SET version = version + 1, coupon_id = NULL, declines_coupons = false,
               updated_at = now()
         WHERE id = %(cart_id)s AND version = %(version)s
     RETURNING id
    ), items AS (
        DELETE FROM cart_cartitem USING cleared
         WHERE cart_id = cleared.id AND is_selected
    )
    SELECT id FROM cleared
"""


@dataclass(frozen=True, slots=True)
class Removed:
    """An item as it was; ``price_when_added`` is in minor units."""

    product_id: int
    quantity: int
    price_when_added: int
    is_selected: bool
    is_saved: bool


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
def add(
    *, cart_id: int, product_id: int, quantity: int, at_most: int = MAX_QUANTITY
) -> CartItem:
    """Put ``quantity`` more of a product into a cart, selected, up to 999 in all.

    ``at_most`` can lower that, say to what is left; it takes nothing out again. What
    was put aside for later comes back in the quantity that is asked for now. Raises
    ``ProductNotFound`` for a product that is not on sale, ``QuantityOutOfRange`` and
    ``CartFull``. Stock is promised by an order, not by a cart.
    """
    _check_quantity(quantity)
    cart = _lock(cart_id)
    product = _on_sale(product_id)
    item = CartItem.objects.filter(cart=cart, product=product).first()
    if item is None or item.is_saved:
        _check_room(cart)
    if item is None:
        item = CartItem(cart=cart, product=product, quantity=0)
    held = 0 if item.is_saved else item.quantity
    ceiling = max(1, min(at_most, MAX_QUANTITY))
    item.quantity = max(held, min(held + quantity, ceiling))
    item.price_when_added = product.price
    item.is_selected, item.is_saved = True, False
    item.save()
    _touch(cart)
    return item


@use_case
def add_all(*, cart_id: int, product_ids: Collection[int]) -> list[int]:
    """Put one of each product into a cart; return those that cannot be bought now.

    What is in the cart already stays as it is. What is sold out or not on sale, and
    what there is no room for, is left out. The number of statements does not depend on
    the number of products.
    """
    cart = _lock(cart_id)
    products = Product.objects.on_sale().filter(stock__on_hand__gt=F("stock__reserved"))
    buyable = products.only("price").in_bulk(list(product_ids))
    held = {item.product_id: item for item in cart.items.all()}
    inside = {key for key, item in held.items() if not item.is_saved}
    wanted = [key for key in product_ids if key in buyable and key not in inside]
    fitting = wanted[: max(0, MAX_ITEMS - len(inside))]
    fresh = [key for key in fitting if key not in held]
    CartItem.objects.bulk_create(
        CartItem(
            cart=cart,
            product=buyable[key],
            quantity=1,
            price_when_added=buyable[key].price,
        )
        for key in fresh
    )
    back = [held[key].pk for key in fitting if key in held]
    CartItem.objects.filter(pk__in=back).update(is_saved=False, is_selected=True)
    if fitting:
        _touch(cart)
    return [key for key in product_ids if key not in inside and key not in fitting]


@use_case
def set_quantity(*, cart_id: int, product_id: int, quantity: int) -> CartItem:
    """Set how many of a product a cart has; doing it twice changes nothing."""
    _check_quantity(quantity)
    cart = _lock(cart_id)
    item = _find(cart, product_id)
    if item.is_saved:
        raise CartItemNotFound
    if item.quantity != quantity:
        item.quantity = quantity
        item.save(update_fields=["quantity"])
        _touch(cart)
    return item


@use_case
def select(*, cart_id: int, product_id: int, is_selected: bool) -> CartItem:
    """Let an order of the cart take a product, or leave it in the cart."""
    cart = _lock(cart_id)
    item = _find(cart, product_id)
    if item.is_saved:
        raise CartItemNotFound
    if item.is_selected != is_selected:
        item.is_selected = is_selected
        item.save(update_fields=["is_selected"])
        _touch(cart)
    return item


@use_case
def select_all(*, cart_id: int, is_selected: bool) -> int:
    """Select all products in a cart, or none; return of how many that was new."""
    cart = _lock(cart_id)
    others = cart.items.inside().exclude(is_selected=is_selected)
    count = others.update(is_selected=is_selected)
    if count:
        _touch(cart)
    return count


@use_case
def save_for_later(*, cart_id: int, product_id: int) -> CartItem:
    """Put a product aside, beneath the cart; doing it twice changes nothing."""
    cart = _lock(cart_id)
    item = _find(cart, product_id)
    if item.is_saved:
        return item
    if cart.items.saved().count() >= MAX_ITEMS:
        raise CartFull(limit=MAX_ITEMS)
    return _place(cart, item, is_saved=True)


@use_case
def move_to_cart(*, cart_id: int, product_id: int) -> CartItem:
    """Put a product back into the cart, selected; doing it twice changes nothing."""
    cart = _lock(cart_id)
    item = _find(cart, product_id)
    if not item.is_saved:
        return item
    _check_room(cart)
    return _place(cart, item, is_saved=False)


@use_case
def remove(*, cart_id: int, product_id: int) -> Removed:
    """Take a product out of a cart; return what ``restore`` needs to undo it."""
    cart = _lock(cart_id)
    item = _find(cart, product_id)
    item.delete()
    _touch(cart)
    return Removed(
        product_id,
        item.quantity,
        item.price_when_added,
        item.is_selected,
        item.is_saved,
    )


@use_case
def restore(*, cart_id: int, removed: Removed) -> bool:
    """Put back what was removed, as it was; return whether it was still gone.

    Raises ``ProductNotFound`` for a product that there is no longer, and ``CartFull``.
    """
    cart = _lock(cart_id)
    if cart.items.filter(product=removed.product_id).exists():
        return False
    if not Product.objects.filter(pk=removed.product_id).exists():
        raise ProductNotFound
    if cart.items.filter(is_saved=removed.is_saved).count() >= MAX_ITEMS:
        raise CartFull(limit=MAX_ITEMS)
    CartItem.objects.create(
        cart=cart,
        product_id=removed.product_id,
        quantity=removed.quantity,
        price_when_added=removed.price_when_added,
        is_selected=removed.is_selected,
        is_saved=removed.is_saved,
    )
    _touch(cart)
    return True


@use_case
def replace(*, cart_id: int, quantities: Mapping[int, int]) -> None:
    """Make a cart hold exactly ``quantities``, by product id, all of it selected.

    What is put aside stays there, unless it is asked for. Raises as ``add`` does, and
    then leaves the cart as it was. The number of statements does not depend on the
    number of products.
    """
    cart = _lock(cart_id)
    if len(quantities) > MAX_ITEMS:
        raise CartFull(limit=MAX_ITEMS)
    for quantity in quantities.values():
        _check_quantity(quantity)
    products = Product.objects.on_sale().in_bulk(list(quantities))
    if len(products) != len(quantities):
        raise ProductNotFound
    cart.items.filter(Q(is_saved=False) | Q(product__in=products)).delete()
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
    """Empty a cart; what is put aside for later stays."""
    cart = _lock(cart_id)
    cart.items.inside().delete()
    Cart.objects.filter(pk=cart.pk).update(coupon=None, declines_coupons=False)
    _touch(cart)


@use_case
def choose_coupon(*, cart_id: int, user_id: int, coupon_id: int | None) -> None:
    """Put one of the shopper's own coupons on their cart, or refuse them all."""
    cart = _lock(cart_id)
    if coupon_id is not None:
        own = Coupon.objects.of_user(user_id)
        if not own.filter(pk=coupon_id).exists():
            raise CouponNotFound
    Cart.objects.filter(pk=cart.pk).update(
        coupon_id=coupon_id, declines_coupons=coupon_id is None
    )
    _touch(cart)


@use_case
def merge(*, token: str, user_id: int) -> Merged:
    """Move a guest's cart into the shopper's own at sign-in; return what came along.

    Of a product that is in both, the quantities add up, as far as there is stock. What
    there is no room for is left out: the shopper's own products come first. The guest's
    cart is gone afterwards, so a second tab merges nothing twice.
    """
    guest = Cart.objects.select_for_update(no_key=True).filter(token=token).first()
    if guest is None:
        return Merged()
    own, _created = Cart.objects.get_or_create(user_id=user_id)
    _lock(own.pk)
    result, moved, changed = merged(
        mine=list(own.items.all()), theirs=list(guest.items.all()), room=MAX_ITEMS
    )
    CartItem.objects.filter(pk__in=moved).update(cart=own)
    CartItem.objects.bulk_update(changed, ["quantity", "is_selected", "is_saved"])
    guest.delete()
    _touch(own)
    return result


def queue_clear(pipe: Pipeline, *, cart_id: int, version: int) -> Statement:
    """Queue taking what is selected out of a cart that is still at ``version``.

    No row if it is not.
    """
    return pipe.run(CLEAR_SQL, {"cart_id": cart_id, "version": version})


@requires_transaction
def _lock(cart_id: int) -> Cart:
    cart = Cart.objects.select_for_update(no_key=True).filter(pk=cart_id).first()
    if cart is None:
        # A guest's cart that was merged a moment ago, by a sign-in in another tab.
        raise CartChanged
    return cart


def _find(cart: Cart, product_id: int) -> CartItem:
    item = CartItem.objects.filter(cart=cart, product=product_id).first()
    if item is None:
        raise CartItemNotFound
    return item


def _place(cart: Cart, item: CartItem, *, is_saved: bool) -> CartItem:
    item.is_saved, item.is_selected = is_saved, not is_saved
    item.save(update_fields=["is_saved", "is_selected"])
    _touch(cart)
    return item


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
    if cart.items.inside().count() >= MAX_ITEMS:
        raise CartFull(limit=MAX_ITEMS)
