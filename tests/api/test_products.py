"""The catalogue through the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from analytics import services as analytics
from catalog import services as catalog
from catalog.models import Product, ProductPhoto
from common.days import shop_day
from promotions.pricing import Audience
from tests.api.client import Api
from tests.api.paying import order_of
from tests.factories import (
    CategoryFactory,
    DeliveryMethodFactory,
    ProductFactory,
    PromotionFactory,
    receive,
)
from wishlist import services as wishlists

pytestmark = pytest.mark.django_db
PRODUCTS = "/api/v1/products"


def photo(product: Product, image: str, position: int) -> None:
    # Not saved by the model, which would look for the file.
    ProductPhoto.objects.bulk_create(
        [ProductPhoto(product=product, alt=str(position), position=position)]
    )
    ProductPhoto.objects.filter(position=position).update(image=image)


def names(guest: Api, query: str = "") -> list[str]:
    return [item["name"] for item in guest.get(f"{PRODUCTS}?{query}").body["items"]]


def test_list_shows_price_and_exact_stock(guest: Api) -> None:
    product = ProductFactory.create(
        price=9_000, compare_at_price=12_000, stock_on_hand=7
    )
    photo(product, "products/a b.webp", 1)

    item = guest.get(PRODUCTS).body["items"][0]

    assert item == {
        "id": product.pk,
        "sku": product.sku,
        "slug": product.slug,
        "name": product.name,
        "price": {"amount": 9_000, "currency": "KRW"},
        "compare_at_price": {"amount": 12_000, "currency": "KRW"},
        "category_id": product.category_id,
        "rating": {"average": None, "count": 0},
        "available": 7,
        "thumbnail": "/media/products/a%20b.webp",
    }


def test_only_products_on_sale_are_there(guest: Api) -> None:
    hidden = ProductFactory.create(published_at=None)
    later = ProductFactory.create(published_at=timezone.now() + timedelta(days=1))

    assert names(guest) == []
    for product in (hidden, later):
        for path in ("", "/stock"):
            answer = guest.get(f"{PRODUCTS}/{product.pk}{path}")
            assert (answer.status, answer.code) == (404, "product_not_found")


@pytest.mark.parametrize("sort", ["newest", "price", "-price"])
def test_pages_follow_each_other_without_gaps_or_repeats(guest: Api, sort: str) -> None:
    for price in (300, 100, 200, 100, 300, 100, 200):
        ProductFactory.create(price=price)
    whole = [item["id"] for item in guest.get(f"{PRODUCTS}?sort={sort}").body["items"]]

    path, seen = f"{PRODUCTS}?sort={sort}&limit=2", []
    while path:
        answer = guest.get(path)
        seen += [item["id"] for item in answer.body["items"]]
        path = answer.body["next"]

    assert seen == whole
    assert len(set(seen)) == 7


def test_cursor_of_another_order_is_refused(guest: Api) -> None:
    for _ in range(2):
        ProductFactory.create()
    following = guest.get(f"{PRODUCTS}?limit=1").body["next"]

    answer = guest.get(f"{following}&sort=price")

    assert (answer.status, answer.code) == (400, "cursor_invalid")


def test_filters_narrow_the_list(guest: Api) -> None:
    shelf = CategoryFactory.create(slug="tea")
    below = CategoryFactory.create(slug="green-tea", parent=shelf)
    ProductFactory.create(name="Sencha", price=100, category=below)
    ProductFactory.create(name="Pot", price=500, category=shelf, stock_on_hand=0)
    ProductFactory.create(name="Sofa", price=900, compare_at_price=950)

    assert set(names(guest, "category=tea")) == {"Sencha", "Pot"}
    assert names(guest, "category=green-tea") == ["Sencha"]
    assert names(guest, "price_min=500&price_max=500") == ["Pot"]
    assert names(guest, "price_max=0") == []
    assert set(names(guest, "in_stock=true")) == {"Sencha", "Sofa"}
    assert names(guest, "on_sale=true") == ["Sofa"]
    assert names(guest, "q=sencha") == ["Sencha"]
    assert names(guest, "rating_min=1") == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=1e3",
        "cursor=%00",
        "cursor=x",
        "sort=name",
        "price_min=-1",
        "price_max=1.5",
        f"price_max={10**30}",
        "category=unknown",
        "category=%00",
        "q=%00",
        f"q={'x' * 101}",
        "rating_min=6",
        "in_stock=perhaps",
    ],
)
def test_nonsense_is_refused_and_named(guest: Api, query: str) -> None:
    answer = guest.get(f"{PRODUCTS}?{query}")

    assert answer.status == 400
    name = query.partition("=")[0]
    assert answer.code == "cursor_invalid" or answer.pointers == [name]


@pytest.mark.parametrize("query", ["q=' OR 1=1 --", "q=%27%3B", "q=:*&|!()", "q=\\"])
def test_search_takes_any_words(guest: Api, query: str) -> None:
    assert guest.get(f"{PRODUCTS}?{query}").status == 200


def test_detail_has_photos_in_order(guest: Api) -> None:
    product = ProductFactory.create(options={"colour": "red"}, weight_grams=300)
    for position in (2, 1):
        photo(product, f"p/{position}.webp", position)

    body = guest.get(f"{PRODUCTS}/{product.pk}").body

    assert [photo["alt"] for photo in body["photos"]] == ["1", "2"]
    assert body["options"] == {"colour": "red"}
    assert body["category"]["slug"] == product.category.slug
    assert body["available"] == 10


@pytest.mark.parametrize("bad", ["0", "-1", "1e3", "x", str(10**30), "%00"])
def test_impossible_ids_are_unknown(guest: Api, bad: str) -> None:
    assert guest.get(f"{PRODUCTS}/{bad}").status == 404


def test_unchanged_answer_costs_no_body(guest: Api) -> None:
    product = ProductFactory.create()
    for path in (PRODUCTS, f"{PRODUCTS}/{product.pk}", "/api/v1/categories"):
        first = guest.get(path)
        tag = first.header("ETag")

        again = guest.get(path, If_None_Match=f'W/"x", {tag}')

        assert (again.status, again.body, again.header("ETag")) == (304, None, tag)
        assert first.header("Cache-Control").startswith("public")


def test_copies_are_young_and_the_stock_s_own_the_youngest(guest: Api) -> None:
    product = ProductFactory.create()
    shown = "public, max-age=30, stale-while-revalidate=60"
    for path, kept in {
        PRODUCTS: shown,
        f"{PRODUCTS}/{product.pk}": shown,
        f"{PRODUCTS}/{product.pk}/stock": "public, max-age=1",
    }.items():
        first = guest.get(path)
        receive(product, 1)
        assert first.header("Cache-Control") == kept
        again = guest.get(path, If_None_Match=first.header("ETag"))
        assert again.status == 200
    assert guest.get(f"{PRODUCTS}/{product.pk}/stock").body["available"] == 13


def test_price_change_shows_at_once(guest: Api) -> None:
    product = ProductFactory.create(price=100)
    guest.get(PRODUCTS)

    catalog.change_price(product_id=product.pk, price=90, cause="sale", actor_id=None)

    assert guest.get(PRODUCTS).body["items"][0]["price"]["amount"] == 90


def test_best_sellers_are_ranked_by_what_was_kept(api: Api, guest: Api) -> None:
    few, many = ProductFactory.create(price=10), ProductFactory.create(price=10)
    for product, quantity in ((few, 1), (many, 3)):
        items = [{"product_id": product.pk, "quantity": quantity}]
        api.post("/api/v1/orders", {"items": items, "pay": True})
    analytics.roll_up_day(shop_day(timezone.now()))

    body = guest.get(f"{PRODUCTS}/best").body

    assert [(item["rank"], item["units"]) for item in body["items"]] == [(1, 3), (2, 1)]
    assert body["items"][0]["product"]["id"] == many.pk
    today = shop_day(timezone.now())
    assert body["window"] == {
        "first_day": str(today - timedelta(days=2)),
        "last_day": str(today),
    }
    assert guest.get(f"{PRODUCTS}/best?days=0").status == 400


def test_categories_are_a_tree(guest: Api) -> None:
    top = CategoryFactory.create(name="Tea")
    CategoryFactory.create(name="Green", parent=top)

    items = guest.get("/api/v1/categories").body["items"]

    assert [item["name"] for item in items] == ["Tea"]
    assert [item["name"] for item in items[0]["children"]] == ["Green"]


def test_catalogue_asks_nobody_who_they_are(guest: Api) -> None:
    answer = guest.get(PRODUCTS, Authorization="Bearer nonsense")

    assert answer.status == 200
    assert "Cookie" not in answer.header("Vary")


# --- What a detail adds --------------------------------------------------------------


def test_product_that_was_sold_once_is_gone(guest: Api, api: Api, user: User) -> None:
    sold = order_of(user).lines.get().product
    wished, draft = ProductFactory.create_batch(2)
    wishlists.save(user_id=user.pk, product_id=wished.pk)
    Product.objects.update(published_at=None)

    for product in (sold, wished):
        answer = guest.get(f"{PRODUCTS}/{product.pk}")
        assert (answer.status, answer.code) == (410, "product_gone")
        assert product.name not in str(answer.body)
    assert guest.get(f"{PRODUCTS}/{draft.pk}").code == "product_not_found"


def test_photo_has_an_address_in_each_size(guest: Api) -> None:
    product = ProductFactory.create()
    folder = "products/cup-0123456789abcdef"
    photo(product, f"{folder}/800.webp", 1)

    body = guest.get(f"{PRODUCTS}/{product.pk}").body

    renditions = body["photos"][0]["renditions"]
    assert [(one["width"], one["media_type"]) for one in renditions] == [
        (width, kind)
        for width in (320, 480, 800)
        for kind in ("image/avif", "image/webp")
    ]
    assert renditions[0]["url"] == f"/media/{folder}/320.avif"
    assert body["thumbnail"] == f"/media/{folder}/480.webp"


def test_detail_hints_at_delivery(guest: Api) -> None:
    product = ProductFactory.create(price=10_000)
    DeliveryMethodFactory.create(cost=3_000, free_from=50_000)

    [hint] = guest.get(f"{PRODUCTS}/{product.pk}").body["delivery"]

    assert (hint["code"], hint["cost"]["amount"]) == ("standard", 3_000)
    assert hint["free_from"]["amount"] == 50_000
    assert hint["date_from"] <= hint["date_to"]


def test_only_who_is_signed_in_has_a_price_of_their_own(guest: Api, api: Api) -> None:
    product = ProductFactory.create(price=10_000)
    PromotionFactory.create(value=10, audience=Audience.NEW)
    path = f"{PRODUCTS}/{product.pk}"

    for_all, mine = guest.get(path), api.get(path)

    assert for_all.body["personal_price"] is None
    assert mine.body["personal_price"] == {"amount": 9_000, "currency": "KRW"}
    assert for_all.header("Cache-Control").startswith("public")
    assert mine.header("Cache-Control").startswith("private")
    for answer in (for_all, mine):
        assert "Authorization" in answer.header("Vary")


def test_staff_see_what_best_sellers_brought(guest: Api, api: Api, staff: Api) -> None:
    product = ProductFactory.create(price=10_000)
    order = api.post(
        "/api/v1/orders",
        {"items": [{"product_id": product.pk, "quantity": 2}], "pay": True},
    )
    assert order.status == 201
    analytics.roll_up_day(shop_day(timezone.now()))

    shown = [
        one.get(f"{PRODUCTS}/best").body["items"][0] for one in (guest, api, staff)
    ]

    assert ["revenue" in one for one in shown] == [False, False, True]
    assert shown[2]["revenue"] == {"amount": 20_000, "currency": "KRW"}
