"""The catalogue through the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics import services as analytics
from catalog import services as catalog
from catalog.models import Product, ProductPhoto
from common.days import shop_day
from tests.api.client import Api
from tests.factories import CategoryFactory, ProductFactory, receive

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


def test_stock_is_never_served_from_a_copy(guest: Api) -> None:
    product = ProductFactory.create()
    for path in (
        PRODUCTS,
        f"{PRODUCTS}/{product.pk}",
        f"{PRODUCTS}/{product.pk}/stock",
    ):
        first = guest.get(path)
        receive(product, 1)
        assert first.header("Cache-Control") == "public, no-cache"
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
