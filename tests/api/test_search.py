"""Searching through the API: relevance, corrections, facets, suggestions."""

import pytest
from django.core.cache import cache

from catalog.models import Product, SynonymGroup
from tests.api.client import Api
from tests.factories import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db
PRODUCTS = "/api/v1/products"
SUGGEST = "/api/v1/search/suggest"


def names(guest: Api, query: str) -> list[str]:
    return [item["name"] for item in guest.get(f"{PRODUCTS}?{query}").body["items"]]


def test_a_text_is_answered_by_relevance_and_sold_out_comes_last(guest: Api) -> None:
    ProductFactory.create(name="Oak shelf", description="Holds any lamp.")
    ProductFactory.create(name="Reading lamp")
    ProductFactory.create(name="Desk lamp", stock_on_hand=0)

    assert names(guest, "q=lamp") == ["Reading lamp", "Oak shelf", "Desk lamp"]
    assert names(guest, "q=lamp&sort=newest")[0] == "Desk lamp"


def test_pages_by_relevance_follow_each_other(guest: Api) -> None:
    for number in range(7):
        ProductFactory.create(name=f"Lamp {number}")
    whole = [item["id"] for item in guest.get(f"{PRODUCTS}?q=lamp").body["items"]]

    path, seen = f"{PRODUCTS}?q=lamp&limit=3", []
    while path:
        body = guest.get(path).body
        seen += [item["id"] for item in body["items"]]
        path = body["next"]

    assert seen == whole
    assert len(seen) == 7


def test_what_went_off_sale_a_moment_ago_is_not_shown(guest: Api) -> None:
    products = [ProductFactory.create(name=f"Lamp {number}") for number in range(3)]
    assert len(names(guest, "q=lamp")) == 3

    Product.objects.filter(pk=products[0].pk).update(published_at=None)

    assert len(names(guest, "q=lamp")) == 2


@pytest.mark.parametrize("sort", ["", "&sort=price", "&sort=newest&limit=1"])
def test_a_slip_is_corrected_and_said_so(guest: Api, sort: str) -> None:
    for _ in range(2):
        ProductFactory.create(name="Wireless headphones")

    body = guest.get(f"{PRODUCTS}?q=headphnes{sort}").body

    assert body["correction"] == {"typed": "headphnes", "used": "headphones"}
    assert body["items"][0]["name"] == "Wireless headphones"
    if body["next"]:
        assert len(guest.get(body["next"]).body["items"]) == 1


def test_facets_come_when_asked_for(guest: Api) -> None:
    kitchen = CategoryFactory.create(slug="kitchen", name="Kitchen")
    mugs = CategoryFactory.create(slug="mugs", name="Mugs", parent=kitchen)
    red, blue = {"colour": "red"}, {"colour": "blue"}
    ProductFactory.create(name="Mug", category=mugs, price=1_500, options=red)
    ProductFactory.create(name="Mug", category=mugs, price=1_700, options=blue)
    ProductFactory.create(name="Mug rack", category=kitchen, stock_on_hand=0)

    plain = guest.get(f"{PRODUCTS}?q=mug").body
    body = guest.get(f"{PRODUCTS}?q=mug&include=facets&attributes=colour:red").body

    assert plain["facets"] is None
    assert [item["price"]["amount"] for item in body["items"]] == [1_500]
    facets = body["facets"]
    assert (facets["count"], facets["is_capped"]) == (1, False)
    assert facets["in_stock"] == 1
    assert [(one["slug"], one["count"]) for one in facets["categories"]] == [
        ("kitchen", 1),
        ("mugs", 1),
    ]
    # Its own choice does not narrow the colours.
    assert facets["attributes"] == [
        {
            "key": "colour",
            "values": [{"value": "blue", "count": 1}, {"value": "red", "count": 1}],
        }
    ]
    assert facets["prices"] == [
        {
            "price_min": {"amount": 1_000, "currency": "KRW"},
            "price_max": {"amount": 1_999, "currency": "KRW"},
            "count": 1,
        }
    ]


@pytest.mark.parametrize(
    "query",
    [
        "attributes=red",
        "attributes=:red",
        "attributes=colour:",
        "attributes=colour:red,,blue",
        "attributes=colour:red;colour:blue",
        "attributes=" + ";".join(f"k{n}:v" for n in range(9)),
        "include=everything",
        "q=lamp&sort=best",
        "q=lamp&cursor=WyJyZWxldmFuY2UiLC0xXQ",
        "q=lamp&cursor=WyJwcmljZSIsMV0",
        "q=" + "x" * 101,
    ],
)
def test_wrong_questions_are_refused(guest: Api, query: str) -> None:
    answer = guest.get(f"{PRODUCTS}?{query}")

    assert answer.status == 400


@pytest.mark.parametrize("text", ["%27%3B--", "%22", "%5C", "!!!", "%F0%9F%98%80", "("])
def test_odd_texts_find_nothing_and_break_nothing(guest: Api, text: str) -> None:
    ProductFactory.create(name="Lamp")

    for path in (f"{PRODUCTS}?q={text}", f"{PRODUCTS}?q={text}&sort=price"):
        answer = guest.get(path)
        assert (answer.status, answer.body["items"]) == (200, [])
    assert guest.get(f"{SUGGEST}?q={text}").status == 200


def test_suggestions_have_texts_products_and_categories(guest: Api) -> None:
    shelf = CategoryFactory.create(name="Lamps", slug="lamps")
    lamp = ProductFactory.create(name="Oak lamp", category=shelf, price=5_000)

    answer = guest.get(f"{SUGGEST}?q=la")

    assert answer.header("Cache-Control") == "public, max-age=60"
    assert answer.body == {
        "queries": [
            {
                "text": "lamp",
                "pieces": [
                    {"text": "la", "is_typed": True},
                    {"text": "mp", "is_typed": False},
                ],
            }
        ],
        "products": [
            {
                "id": lamp.pk,
                "slug": lamp.slug,
                "name": "Oak lamp",
                "price": {"amount": 5_000, "currency": "KRW"},
                "thumbnail": None,
            }
        ],
        "categories": [{"id": shelf.pk, "name": "Lamps", "slug": "lamps"}],
        "correction": None,
    }


def test_suggestions_need_a_text(guest: Api) -> None:
    assert guest.get(SUGGEST).status == 400
    assert guest.get(f"{SUGGEST}?q=lamp&limit=11").status == 400
    assert guest.get(f"{SUGGEST}?q=l").body["queries"] == []


def test_synonyms_find_each_other(guest: Api) -> None:
    ProductFactory.create(name="Light laptop")
    assert names(guest, "q=portable computer") == []

    SynonymGroup.objects.create(words=["laptop", "portable computer"])
    cache.clear()

    assert names(guest, "q=portable computer") == ["Light laptop"]
