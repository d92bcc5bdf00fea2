"""Wishlists: saved once, removed once, never overfull."""

import pytest

from accounts.models import User
from catalog import services as catalog
from catalog.errors import ProductNotFound
from catalog.models import Product
from tests.concurrency import run_together, told
from tests.factories import ProductFactory, UserFactory
from wishlist import services as wishlists
from wishlist.errors import WishlistFull
from wishlist.models import WishlistItem
from wishlist.selectors import wishers_of
from wishlist.services import Removed

pytestmark = pytest.mark.django_db


@pytest.fixture
def shopper() -> User:
    return UserFactory.create()


def _wished(user: User) -> list[int]:
    own = WishlistItem.objects.of_user(user.pk).newest_first()
    return list(own.values_list("product_id", flat=True))


def test_product_is_saved_once_with_the_price_it_had(shopper: User) -> None:
    jar = ProductFactory.create(price=500)

    saved = [wishlists.save(user_id=shopper.pk, product_id=jar.pk) for _ in range(2)]
    catalog.change_price(product_id=jar.pk, price=400, cause="sale", actor_id=None)
    wishlists.save(user_id=shopper.pk, product_id=jar.pk)

    assert saved == [True, False]
    assert WishlistItem.objects.get().price_when_saved == 500


def test_product_that_is_not_on_sale_cannot_be_saved_but_stays(shopper: User) -> None:
    kept = ProductFactory.create()
    wishlists.save(user_id=shopper.pk, product_id=kept.pk)
    Product.objects.update(published_at=None)
    gone = ProductFactory.create(published_at=None)

    assert wishlists.save(user_id=shopper.pk, product_id=kept.pk) is False
    for product_id in (gone.pk, 2**40):
        with pytest.raises(ProductNotFound):
            wishlists.save(user_id=shopper.pk, product_id=product_id)

    assert _wished(shopper) == [kept.pk]


def test_product_is_removed_once_and_put_back_as_it_was(shopper: User) -> None:
    jar = ProductFactory.create(price=500)
    wishlists.save(user_id=shopper.pk, product_id=jar.pk)
    saved_at = WishlistItem.objects.get().saved_at
    Product.objects.update(price=400, published_at=None)

    removed = wishlists.remove(user_id=shopper.pk, product_id=jar.pk)

    assert wishlists.remove(user_id=shopper.pk, product_id=jar.pk) is None
    assert removed == Removed(jar.pk, 500, saved_at)
    assert _wished(shopper) == []
    assert removed is not None
    assert wishlists.restore(user_id=shopper.pk, removed=removed) is True
    assert wishlists.restore(user_id=shopper.pk, removed=removed) is False
    item = WishlistItem.objects.get()
    assert (item.price_when_saved, item.saved_at) == (500, saved_at)


def test_list_of_somebody_else_is_not_touched(shopper: User) -> None:
    jar, other = ProductFactory.create(), UserFactory.create()
    wishlists.save(user_id=other.pk, product_id=jar.pk)

    assert wishlists.remove(user_id=shopper.pk, product_id=jar.pk) is None

    assert _wished(other) == [jar.pk]


def test_list_has_room_for_five_hundred_products(
    shopper: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wishlists.MAX_ITEMS == 500
    monkeypatch.setattr(wishlists, "MAX_ITEMS", 2)
    *fitting, last = ProductFactory.create_batch(3)
    for product in fitting:
        wishlists.save(user_id=shopper.pk, product_id=product.pk)
    removed = wishlists.remove(user_id=shopper.pk, product_id=fitting[0].pk)
    assert removed is not None
    wishlists.save(user_id=shopper.pk, product_id=last.pk)

    with pytest.raises(WishlistFull):
        wishlists.save(user_id=shopper.pk, product_id=fitting[0].pk)
    with pytest.raises(WishlistFull):
        wishlists.restore(user_id=shopper.pk, removed=removed)

    assert _wished(shopper) == [last.pk, fitting[1].pk]


def test_wishers_are_named_by_product(shopper: User) -> None:
    jar, cup, bowl = ProductFactory.create_batch(3)
    other = UserFactory.create()
    for user, product in ((shopper, jar), (other, jar), (other, cup)):
        wishlists.save(user_id=user.pk, product_id=product.pk)

    assert wishers_of([jar.pk, cup.pk, bowl.pk]) == {
        jar.pk: {shopper.pk, other.pk},
        cup.pk: {other.pk},
    }


@pytest.mark.django_db(transaction=True)
def test_last_place_is_taken_once_however_many_tabs_save(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wishlists, "MAX_ITEMS", 3)
    shopper, products = UserFactory.create(), ProductFactory.create_batch(8)

    said = told(
        run_together(
            lambda number: wishlists.save(
                user_id=shopper.pk, product_id=products[number].pk
            ),
            times=8,
        )
    )

    assert said == {"ok": 3, "wishlist_full": 5}
    assert WishlistItem.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_product_saved_in_many_tabs_is_there_once() -> None:
    shopper, jar = UserFactory.create(), ProductFactory.create()

    said = run_together(
        lambda _number: wishlists.save(user_id=shopper.pk, product_id=jar.pk), times=8
    )

    assert sorted(map(bool, said)) == [False] * 7 + [True]
    assert WishlistItem.objects.count() == 1
