"""Searching, and what is suggested while somebody types."""

from urllib.parse import quote

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from catalog.models import Product, ProductPhoto
from shop.suggesting import PRODUCTS, QUERIES
from tests.factories import CategoryFactory, ProductFactory
from tests.shop.pages import body_of, names_in_order, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]


@pytest.fixture
def keyboard(db: None) -> Product:
    shelf = CategoryFactory.create(name="Keyboards", slug="keyboards")
    ProductFactory.create(name="Linen apron")
    return ProductFactory.create(name="Walnut keyboard", price=89_000, category=shelf)


def test_search_has_filters_and_orders_of_its_own(
    client: Client, keyboard: Product
) -> None:
    ProductFactory.create(name="Keyboard cover", price=9_000)

    page = client.get("/search/?q=keyboard&max_price=10000")

    assert names_in_order(page, ["Keyboard cover", "Walnut keyboard"]) == [
        "Keyboard cover"
    ]
    assert "Results for “keyboard”" in text_of(page)
    assert '<option value="match" selected>' in body_of(page)
    assert 'name="q" value="keyboard"' in body_of(page)
    assert '<meta name="robots" content="noindex">' in body_of(page)


def test_search_can_be_narrowed_to_a_category(
    client: Client, keyboard: Product
) -> None:
    ProductFactory.create(name="Keyboard cover")

    page = client.get("/search/?q=keyboard")
    assert 'href="?q=keyboard&amp;category=keyboards"' in body_of(page)
    narrowed = client.get("/search/?q=keyboard&category=keyboards")

    names = ["Walnut keyboard", "Keyboard cover"]
    assert names_in_order(narrowed, names) == ["Walnut keyboard"]
    assert "Remove Keyboards" in text_of(narrowed)
    assert 'type="hidden" name="category" value="keyboards"' in body_of(narrowed)


def test_list_of_all_products_leads_to_the_search(client: Client) -> None:
    answer = client.get("/products/?q=moon jar&in_stock=on&page=3")

    assert answer.status_code == 302
    assert answer["Location"] == "/search/?q=moon+jar&in_stock=on&page=3"


def test_slip_of_the_fingers_is_corrected_and_said(
    client: Client, keyboard: Product
) -> None:
    page = client.get("/search/?q=keybaord")

    text = text_of(page)
    assert "Results for “keyboard”" in text
    assert "Showing results for “keyboard” instead of “keybaord”." in text
    assert "Walnut keyboard" in text
    assert 'href="?q=keybaord&amp;exact=on"' in body_of(page)


def test_exact_search_finds_nothing_and_asks_what_was_meant(
    client: Client, keyboard: Product
) -> None:
    page = client.get("/search/?q=keybaord&exact=on")

    text = text_of(page)
    assert "We found nothing for “keybaord”." in text
    assert "Did you mean keyboard ?" in text
    assert 'href="?q=keyboard"' in body_of(page)
    assert "Look around Keyboards" in text


def test_search_without_words_says_where_to_begin(
    client: Client, keyboard: Product
) -> None:
    for path in ("/search/", "/search/?q=", "/search/?q=%20%00"):
        page = client.get(path)

        assert page.status_code == 200
        assert "What are you looking for?" in text_of(page)
        assert "Look around Keyboards" in text_of(page)


@pytest.mark.parametrize(
    "words",
    [
        "x" * 5_000,
        "'; DROP TABLE x; --",
        "a & b | !c:*",
        "<b>\\",
        "((",
        "%_",
        "🎹 키보드",
    ],
)
def test_any_words_may_be_searched_for(
    client: Client, keyboard: Product, words: str
) -> None:
    for path in ("/search/", "/search/suggest/"):
        page = client.get(f"{path}?q={quote(words)}")

        assert page.status_code == 200
        assert "<b>\\" not in body_of(page).replace("<b></b>", "")


def test_suggestions_are_texts_categories_and_products(
    client: Client, keyboard: Product
) -> None:
    ProductPhoto.objects.create(
        product=keyboard, image="products/k.webp", width=8, height=10, alt="Keys"
    )

    page = client.get("/search/suggest/?q=keyb")

    body, text = body_of(page), text_of(page)
    assert 'data-query="keyboard' in body
    assert 'href="/c/keyboards/"' in body
    assert f'href="/p/{keyboard.slug}-{keyboard.pk}/"' in body
    assert "products/k.webp" in body
    assert "Walnut keyboard ₩89,000" in text
    # What was typed stands as it is, what is predicted is strong.
    assert "keyb<b>oard" in body
    assert "<html" not in body


def test_suggestions_are_few(client: Client) -> None:
    for number in range(12):
        ProductFactory.create(name=f"Camel coat {chr(97 + number) * 3}")

    body = body_of(client.get("/search/suggest/?q=cam"))

    assert 1 <= body.count("data-query=") <= QUERIES
    assert body.count('href="/p/') == PRODUCTS


@pytest.mark.parametrize("typed", ["", "k", "%20k%20", "%00k"])
def test_less_than_two_letters_suggest_nothing(
    client: Client,
    keyboard: Product,
    typed: str,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(0):
        page = client.get(f"/search/suggest/?q={typed}")

    assert page.status_code == 200
    assert body_of(page) == ""


def test_suggestions_ask_nothing_about_who_types(
    signed_in: Client,
    keyboard: Product,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    signed_in.get("/search/suggest/?q=keyb")

    # The pictures and prices of the products.
    with django_assert_num_queries(1):
        page = signed_in.get("/search/suggest/?q=keyb")

    assert page["Cache-Control"] == "private, max-age=60"


def test_field_of_every_page_searches_without_scripts(client: Client) -> None:
    body = body_of(client.get("/help/privacy/"))

    form = body[body.index('<form class="search"') :]
    form = form[: form.index("</form>")]
    assert 'action="/search/"' in form
    assert 'data-suggest="/search/suggest/"' in form
    assert 'name="q"' in form
    # The script adds what is true only while it runs.
    assert "combobox" not in form
