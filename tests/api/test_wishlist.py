"""The wishlist by API."""

import pytest

from accounts.models import User
from catalog.models import Product
from tests.api.client import Api
from tests.factories import ProductFactory, UserFactory
from wishlist import services as wishlists
from wishlist.models import WishlistItem

pytestmark = pytest.mark.django_db
LIST = "/api/v1/wishlist"


def test_product_is_saved_and_removed_any_number_of_times(api: Api, user: User) -> None:
    jar = ProductFactory.create(price=500)

    assert [api.put(f"{LIST}/{jar.pk}").status for _ in range(2)] == [204, 204]
    item = WishlistItem.objects.get()
    assert (item.user, item.product, item.price_when_saved) == (user, jar, 500)
    assert [api.delete(f"{LIST}/{jar.pk}").status for _ in range(2)] == [204, 204]

    assert not WishlistItem.objects.exists()


def test_list_tells_prices_then_and_now_newest_first(api: Api, user: User) -> None:
    cheaper = ProductFactory.create(price=500, stock_on_hand=3)
    gone = ProductFactory.create(price=800)
    for product in (cheaper, gone):
        wishlists.save(user_id=user.pk, product_id=product.pk)
    Product.objects.filter(pk=cheaper.pk).update(price=400)
    Product.objects.filter(pk=gone.pk).update(published_at=None)

    answer = api.get(LIST)

    assert answer.status == 200
    shown = [
        (
            item["product_id"],
            item["price"]["amount"],
            item["price_when_saved"]["amount"],
            item["is_on_sale"],
            item["available"],
        )
        for item in answer.body["items"]
    ]
    assert shown == [
        (gone.pk, 800, 800, False, 0),
        (cheaper.pk, 400, 500, True, 3),
    ]
    assert answer.body["next"] is None


def test_long_list_comes_in_pages(api: Api, user: User) -> None:
    products = ProductFactory.create_batch(3)
    for product in products:
        wishlists.save(user_id=user.pk, product_id=product.pk)

    first = api.get(f"{LIST}?limit=2")
    second = api.get(first.body["next"])

    ids = [item["product_id"] for item in first.body["items"] + second.body["items"]]
    assert ids == [product.pk for product in reversed(products)]
    assert second.body["next"] is None


def test_what_is_not_on_sale_cannot_be_saved(api: Api) -> None:
    gone = ProductFactory.create(published_at=None)

    for product_id in (gone.pk, 2**40):
        answer = api.put(f"{LIST}/{product_id}")
        assert (answer.status, answer.code) == (404, "product_not_found")

    assert not WishlistItem.objects.exists()


def test_full_list_says_so(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishlists, "MAX_ITEMS", 0)

    answer = api.put(f"{LIST}/{ProductFactory.create().pk}")

    assert (answer.status, answer.code) == (409, "wishlist_full")
    assert answer.body["limit"] == 0


def test_list_is_nobody_else_s(api: Api) -> None:
    jar, other = ProductFactory.create(), UserFactory.create()
    wishlists.save(user_id=other.pk, product_id=jar.pk)

    assert api.get(LIST).body["items"] == []
    assert api.delete(f"{LIST}/{jar.pk}").status == 204

    assert WishlistItem.objects.get().user == other
    assert Api().get(LIST).status == 401
    assert Api().put(f"{LIST}/{jar.pk}").status == 401
