"""The shelves through the API."""

import pytest

from catalog.models import Category, Phrase
from tests.api.client import Api
from tests.factories import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db
CATEGORIES = "/api/v1/categories"


@pytest.fixture
def cups() -> Category:
    """Kitchen > Tea > Cups, with one product in the kitchen and two among the cups."""
    kitchen = CategoryFactory.create(name="Kitchen", slug="kitchen")
    tea = CategoryFactory.create(name="Tea", slug="tea", parent=kitchen)
    cups: Category = CategoryFactory.create(name="Cups", slug="cups", parent=tea)
    ProductFactory.create(category=kitchen)
    ProductFactory.create_batch(2, category=cups)
    ProductFactory.create(category=cups, published_at=None)
    return cups


def test_tree_counts_what_is_on_sale_there_and_below(
    guest: Api, cups: Category
) -> None:
    CategoryFactory.create(name="Garden", slug="garden")

    items = guest.get(CATEGORIES).body["items"]

    assert [(one["name"], one["products"]) for one in items] == [
        ("Kitchen", 3),
        ("Garden", 0),
    ]
    [tea] = items[0]["children"]
    assert (tea["products"], tea["children"][0]["products"]) == (2, 2)


def test_category_has_the_way_to_it(guest: Api, cups: Category) -> None:
    answer = guest.get(f"{CATEGORIES}/tea")

    assert answer.header("Cache-Control") == "public, max-age=300"
    body = answer.body
    assert (body["name"], body["products"]) == ("Tea", 2)
    assert [one["slug"] for one in body["breadcrumbs"]] == ["kitchen", "tea"]
    assert [one["id"] for one in body["children"]] == [cups.pk]


def test_unknown_category_is_not_found(guest: Api, cups: Category) -> None:
    for slug in ("none", "%20", "x" * 300):
        answer = guest.get(f"{CATEGORIES}/{slug}")
        assert (answer.status, answer.code) == (404, "category_not_found")


def test_categories_are_named_in_the_readers_language(
    guest: Api, cups: Category
) -> None:
    Phrase.objects.create(source="Cups", language="ko", text="잔")

    ours = guest.get(f"{CATEGORIES}/cups")
    theirs = guest.get(f"{CATEGORIES}/cups", Accept_Language="ko")

    assert (ours.body["name"], theirs.body["name"]) == ("Cups", "잔")
    assert theirs.body["breadcrumbs"][-1]["name"] == "잔"
    assert ours.header("ETag") != theirs.header("ETag")
    assert "Accept-Language" in theirs.header("Vary")
