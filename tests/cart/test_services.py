"""Carts: filled, changed, merged, emptied."""

from collections.abc import Callable

import pytest

from cart import services as carts
from cart.errors import (
    CartChanged,
    CartFull,
    CartItemNotFound,
    QuantityOutOfRange,
)
from cart.merging import Merged
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


def _places(cart: Cart) -> dict[int, tuple[int, str]]:
    return {
        item.product_id: (
            item.quantity,
            "saved" if item.is_saved else "selected" if item.is_selected else "inside",
        )
        for item in cart.items.all()
    }


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

    assert carts.remove(cart_id=cart.pk, product_id=product.pk).quantity == 4

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


def test_merging_adds_up_and_ends_the_guest_s_cart(cart: Cart) -> None:
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

    merged = carts.merge(token=token, user_id=cart.user_id)
    again = carts.merge(token=token, user_id=cart.user_id)

    assert (merged, again) == (Merged(products=2), Merged())
    assert _contents(cart) == {both.pk: 7, mine.pk: 1, theirs.pk: 3}
    assert Cart.objects.count() == 1
    with pytest.raises(CartChanged):
        carts.add(cart_id=guest.pk, product_id=mine.pk, quantity=1)
    assert CartItem.objects.count() == 3


@pytest.mark.parametrize(
    ("mine", "theirs", "stock", "left"),
    # What the shopper had said before is not lowered, however little there is.
    [(2, 3, 10, 5), (2, 9, 10, 10), (7, 1, 4, 7), (1, 1, 0, 1), (998, 998, 2_000, 999)],
)
def test_merging_takes_no_more_than_there_is(
    cart: Cart, mine: int, theirs: int, stock: int, left: int
) -> None:
    assert cart.user_id is not None
    product = ProductFactory.create(stock_on_hand=stock)
    guest = carts.of_guest("guest")
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=mine)
    carts.add(cart_id=guest.pk, product_id=product.pk, quantity=theirs)

    merged = carts.merge(token="guest", user_id=cart.user_id)

    assert _contents(cart) == {product.pk: left}
    assert merged == Merged(products=1, cut=int(left < mine + theirs))


def test_merging_knows_what_was_put_aside(cart: Cart) -> None:
    assert cart.user_id is not None
    wanted, aside, both = ProductFactory.create_batch(3)
    guest = carts.of_guest("guest")
    for owner, product in ((cart, wanted), (cart, both), (guest, both), (guest, aside)):
        carts.add(cart_id=owner.pk, product_id=product.pk, quantity=2)
    carts.add(cart_id=guest.pk, product_id=wanted.pk, quantity=3)
    carts.save_for_later(cart_id=cart.pk, product_id=wanted.pk)
    carts.save_for_later(cart_id=guest.pk, product_id=both.pk)
    carts.save_for_later(cart_id=guest.pk, product_id=aside.pk)

    carts.merge(token="guest", user_id=cart.user_id)

    assert _places(cart) == {
        wanted.pk: (3, "selected"),
        both.pk: (2, "selected"),
        aside.pk: (2, "saved"),
    }


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

    assert merged == Merged(products=2, left_out=1)
    assert _contents(own) == {a.pk: 1, b.pk: 7, c.pk: 3}
    assert not Cart.objects.filter(token="guest").exists()


# --- What an order takes -------------------------------------------------------------


def test_what_is_put_in_is_selected_until_somebody_says_otherwise(cart: Cart) -> None:
    product = ProductFactory.create()
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)
    version = _version(cart)

    for _twice in range(2):
        carts.select(cart_id=cart.pk, product_id=product.pk, is_selected=False)

    assert _places(cart) == {product.pk: (1, "inside")}
    assert _version(cart) == version + 1
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)
    assert _places(cart) == {product.pk: (2, "selected")}


def test_everything_is_selected_at_once(cart: Cart) -> None:
    first, second, aside = ProductFactory.create_batch(3)
    for product in (first, second, aside):
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)
    carts.save_for_later(cart_id=cart.pk, product_id=aside.pk)
    carts.select(cart_id=cart.pk, product_id=first.pk, is_selected=False)

    assert carts.select_all(cart_id=cart.pk, is_selected=True) == 1
    assert carts.select_all(cart_id=cart.pk, is_selected=True) == 0
    assert carts.select_all(cart_id=cart.pk, is_selected=False) == 2

    assert _places(cart) == {
        first.pk: (1, "inside"),
        second.pk: (1, "inside"),
        aside.pk: (1, "saved"),
    }


def test_product_is_put_aside_and_comes_back(cart: Cart) -> None:
    product = ProductFactory.create()
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=3)
    version = _version(cart)

    for _twice in range(2):
        carts.save_for_later(cart_id=cart.pk, product_id=product.pk)
    assert _places(cart) == {product.pk: (3, "saved")}
    forbidden: tuple[Callable[[], object], ...] = (
        lambda: carts.select(cart_id=cart.pk, product_id=product.pk, is_selected=True),
        lambda: carts.set_quantity(cart_id=cart.pk, product_id=product.pk, quantity=1),
    )
    for trial in forbidden:
        with pytest.raises(CartItemNotFound):
            trial()
    for _twice in range(2):
        carts.move_to_cart(cart_id=cart.pk, product_id=product.pk)

    assert _places(cart) == {product.pk: (3, "selected")}
    assert _version(cart) == version + 2


def test_there_is_as_much_room_beside_the_cart_as_in_it(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carts, "MAX_ITEMS", 1)
    aside, inside = ProductFactory.create_batch(2)
    carts.add(cart_id=cart.pk, product_id=aside.pk, quantity=1)
    carts.save_for_later(cart_id=cart.pk, product_id=aside.pk)
    carts.add(cart_id=cart.pk, product_id=inside.pk, quantity=1)

    with pytest.raises(CartFull):
        carts.save_for_later(cart_id=cart.pk, product_id=inside.pk)
    with pytest.raises(CartFull):
        carts.move_to_cart(cart_id=cart.pk, product_id=aside.pk)

    assert _places(cart) == {aside.pk: (1, "saved"), inside.pk: (1, "selected")}


@pytest.mark.parametrize("place", ["selected", "inside", "saved"])
def test_removal_is_undone_as_it_was(cart: Cart, place: str) -> None:
    product = ProductFactory.create(price=500)
    carts.add(cart_id=cart.pk, product_id=product.pk, quantity=4)
    if place == "inside":
        carts.select(cart_id=cart.pk, product_id=product.pk, is_selected=False)
    if place == "saved":
        carts.save_for_later(cart_id=cart.pk, product_id=product.pk)
    removed = carts.remove(cart_id=cart.pk, product_id=product.pk)
    Product.objects.update(price=600, published_at=None)

    assert carts.restore(cart_id=cart.pk, removed=removed) is True
    assert carts.restore(cart_id=cart.pk, removed=removed) is False

    assert _places(cart) == {product.pk: (4, place)}
    assert cart.items.get().price_when_added == 500


def test_adding_takes_no_more_than_it_may(cart: Cart) -> None:
    product = ProductFactory.create()

    def add(quantity: int, at_most: int) -> int:
        return carts.add(
            cart_id=cart.pk, product_id=product.pk, quantity=quantity, at_most=at_most
        ).quantity

    assert [add(2, 5), add(9, 5), add(1, 3), add(1, 0)] == [2, 5, 5, 5]


def test_adding_all_leaves_out_what_cannot_be_bought(
    cart: Cart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(carts, "MAX_ITEMS", 3)
    held, aside, fresh, late = ProductFactory.create_batch(4)
    sold_out = ProductFactory.create(stock_on_hand=0)
    gone = ProductFactory.create(published_at=None)
    for product in (held, aside):
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=2)
    carts.save_for_later(cart_id=cart.pk, product_id=aside.pk)
    wished = [product.pk for product in (held, sold_out, aside, gone, fresh, late)]

    left_out = carts.add_all(cart_id=cart.pk, product_ids=wished)

    assert left_out == [sold_out.pk, gone.pk, late.pk]
    assert _places(cart) == {
        held.pk: (2, "selected"),
        aside.pk: (2, "selected"),
        fresh.pk: (1, "selected"),
    }


def test_emptying_and_replacing_leave_what_was_put_aside(cart: Cart) -> None:
    aside, other, inside = ProductFactory.create_batch(3)
    for product in (aside, other, inside):
        carts.add(cart_id=cart.pk, product_id=product.pk, quantity=1)
    for product in (aside, other):
        carts.save_for_later(cart_id=cart.pk, product_id=product.pk)

    carts.replace(cart_id=cart.pk, quantities={other.pk: 4})
    assert _places(cart) == {aside.pk: (1, "saved"), other.pk: (4, "selected")}
    carts.clear(cart_id=cart.pk)

    assert _places(cart) == {aside.pk: (1, "saved")}
