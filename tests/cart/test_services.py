"""Carts: filled, changed, merged, emptied."""

import pytest

from cart import services as carts
from cart.errors import (
    CartChanged,
    CartFull,
    CartItemNotFound,
    QuantityOutOfRange,
)
from cart.models import Cart, CartItem
from catalog.models import Product
from common.errors import NotFound
from coupons.errors import CouponNotFound
from orders.models import MAX_QUANTITY
from tests.factories import CouponFactory, ProductFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def cart() -> Cart:
    found = carts.of_user(UserFactory.create().pk)
    found.refresh_from_db()
    return found


def _contents(cart: Cart) -> dict[int, int]:
    return dict(cart.items.values_list("product_id", "quantity"))


def _version(cart: Cart) -> int:
    return Cart.objects.get(pk=cart.pk).version


def test_user_has_one_cart(cart: Cart) -> None:
    assert cart.user_id is not None
    assert carts.of_user(cart.user_id) == cart
    assert Cart.objects.count() == 1


def test_guest_finds_their_cart_by_its_token() -> None:
    token = carts.new_token()

    assert carts.of_guest(token) == carts.of_guest(token)
    assert carts.of_guest(carts.new_token()) != carts.of_guest(token)
    assert len(token) == 43


def test_adding_twice_adds_up_and_raises_the_version_each_time(cart: Cart) -> None:
    product = ProductFactory.create(price=500)

    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=2)
    item = carts.add(cart_id=cart.pk, product_id=product.pk, quantity=3)

    assert (item.quantity, item.price_when_added) == (5, 500)
    assert _contents(cart) == {product.pk: 5}
    assert _version(cart) == cart.version + 2


def test_adding_stops_at_the_most_an_order_line_can_have(cart: Cart) -> None:
    product = ProductFactory.create()
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=MAX_QUANTITY)

    item = carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)

    assert item.quantity == MAX_QUANTITY == 999


@pytest.mark.parametrize("quantity", [0, -1, 1_000])
def test_impossible_quantity_is_refused(cart: Cart, quantity: int) -> None:
    product = ProductFactory.create()

    with pytest.raises(QuantityOutOfRange):
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=quantity)

    assert _contents(cart) == {}
    assert _version(cart) == cart.version


def test_product_that_is_not_on_sale_is_refused(cart: Cart) -> None:
    product = ProductFactory.create()
    Product.objects.update(published_at=None)

    with pytest.raises(NotFound):
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)

    assert _contents(cart) == {}


def test_cart_has_room_for_a_hundred_products(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert carts.MAX_ITEMS == 100
    monkeypatch.setattr(carts, "MAX_ITEMS", 2)
    *fitting, last = ProductFactory.create_batch(3)
    for product in fitting:
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)

    with pytest.raises(CartFull):
        carts.add(cart_id=cart.pk, product_id=last.pk, quantity=1)
    with pytest.raises(CartFull):
        carts.replace(
            cart_id=cart.pk, quantities={item.pk: 1 for item in [*fitting, last]}
        )

    assert _contents(cart) == {product.pk: 1 for product in fitting}


def test_setting_the_same_quantity_again_changes_nothing(cart: Cart) -> None:
    product = ProductFactory.create()
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)
    carts.set_quantity(cart_id=cart.pk, product_id=product.pk, quantity=7)
    version = _version(cart)

    carts.set_quantity(cart_id=cart.pk, product_id=product.pk, quantity=7)

    assert _contents(cart) == {product.pk: 7}
    assert _version(cart) == version


def test_removing_tells_how_many_there_were(cart: Cart) -> None:
    product = ProductFactory.create()
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=4)

    assert carts.remove(cart_id=cart.pk, product_id=product.pk) == 4

    assert _contents(cart) == {}
    with pytest.raises(CartItemNotFound):
        carts.remove(cart_id=cart.pk, product_id=product.pk)
    with pytest.raises(CartItemNotFound):
        carts.set_quantity(cart_id=cart.pk, product_id=product.pk, quantity=1)


def test_replacing_leaves_exactly_what_is_given(cart: Cart) -> None:
    old, kept, new = ProductFactory.create_batch(3)
    for product in (old, kept):
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=9)

    carts.replace(cart_id=cart.pk, quantities={kept.pk: 2, new.pk: 3})

    assert _contents(cart) == {kept.pk: 2, new.pk: 3}


def test_replacing_with_something_impossible_leaves_the_cart(cart: Cart) -> None:
    product = ProductFactory.create()
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=9)

    for quantities in ({product.pk: 0}, {product.pk: 1, product.pk + 1: 1}):
        with pytest.raises((QuantityOutOfRange, NotFound)):
            carts.replace(cart_id=cart.pk, quantities=quantities)

    assert _contents(cart) == {product.pk: 9}


def test_clearing_takes_the_coupon_off_too(cart: Cart) -> None:
    coupon = CouponFactory.create(user=cart.user)
    carts.add(cart_id=cart.pk, product_id=ProductFactory.create().pk, quantity=1)
    carts.choose_coupon(cart_id=cart.pk, user_id=coupon.user_id, coupon_id=coupon.pk)

    carts.clear(cart_id=cart.pk)

    cart.refresh_from_db()
    assert (cart.coupon_id, cart.items.count()) == (None, 0)


def test_only_an_own_coupon_can_be_chosen(cart: Cart) -> None:
    assert cart.user_id is not None
    foreign = CouponFactory.create()

    with pytest.raises(CouponNotFound):
        carts.choose_coupon(cart_id=cart.pk, user_id=cart.user_id, coupon_id=foreign.pk)

    assert Cart.objects.get().coupon_id is None


def test_merging_keeps_the_larger_quantity_and_ends_the_guest_s_cart(
    cart: Cart,
) -> None:
    assert cart.user_id is not None
    both, mine, theirs = ProductFactory.create_batch(3)
    token = carts.new_token()
    guest = carts.of_guest(token)
    for owner, product, quantity in (
        (cart, both, 2),
        (cart, mine, 1),
        (guest, both, 5),
        (guest, theirs, 3),
    ):
        carts.add(cart_id=owner.pk, product_id=product.pk, quantity=quantity)

    assert carts.merge(token=token, user_id=cart.user_id) == 2
    assert carts.merge(token=token, user_id=cart.user_id) == 0

    assert _contents(cart) == {both.pk: 5, mine.pk: 1, theirs.pk: 3}
    assert Cart.objects.count() == 1
    with pytest.raises(CartChanged):
        carts.add(cart_id=guest.pk, product_id=mine.pk, quantity=1)
    assert CartItem.objects.count() == 3


def test_merging_fills_a_cart_and_never_overfills_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(carts, "MAX_ITEMS", 3)
    shopper = UserFactory.create()
    own, guest = carts.of_user(shopper.pk), carts.of_guest("guest")
    a, b, c, d = ProductFactory.create_batch(4)
    carts.replace(cart_id=own.pk, quantities={a.pk: 1, b.pk: 5})
    carts.replace(cart_id=guest.pk, quantities={b.pk: 2, c.pk: 3, d.pk: 4})

    merged = carts.merge(token="guest", user_id=shopper.pk)

    assert merged == 2
    assert _contents(own) == {a.pk: 1, b.pk: 5, c.pk: 3}
    assert not Cart.objects.filter(token="guest").exists()
