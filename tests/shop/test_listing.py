"""What a list can be narrowed and ordered by, and what it says when little is left."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from catalog.models import Category, Product, ProductPhoto
from shop.cards import FIRST_ROW
from shop.listing import PER_PAGE
from tests.factories import CategoryFactory, ProductFactory
from tests.shop.pages import HTMX, body_of, names_in_order, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]

PART = HTMX | {"HX-Target": "listing"}
MORE = HTMX | {"HX-Target": "products"}


def rated(name: str, average: str | None, **more: object) -> Product:
    count = 12 if average else 0
    return ProductFactory.create(
        name=name, rating_average=average, rating_count=count, **more
    )


@pytest.fixture
def cups(db: None) -> Category:
    """Return a shelf with a red and a blue cup, a jar on sale, and one sold out."""
    shelf = CategoryFactory.create(name="Cups", slug="cups")
    jars = CategoryFactory.create(name="Jars", slug="jars", parent=shelf)
    rated("Red cup", "4.60", price=9_000, options={"colour": "red"}, category=shelf)
    rated("Blue cup", "3.20", price=15_000, options={"colour": "blue"}, category=shelf)
    rated("Moon jar", None, price=30_000, compare_at_price=40_000, category=jars)
    rated("Tea bowl", None, price=50_000, stock_on_hand=0, category=shelf)
    return shelf


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("rating=4", ["Red cup"]),
        ("rating=3", ["Red cup", "Blue cup"]),
        ("in_stock=on", ["Red cup", "Blue cup", "Moon jar"]),
        ("on_sale=on", ["Moon jar"]),
        ("o.colour=red", ["Red cup"]),
        ("o.colour=red&o.colour=blue", ["Red cup", "Blue cup"]),
        ("o.colour=red&rating=4&max_price=9000", ["Red cup"]),
        ("min_price=15000&max_price=30000", ["Blue cup", "Moon jar"]),
        ("in_stock=off", ["Red cup", "Blue cup", "Moon jar", "Tea bowl"]),
        ("rating=5", ["Red cup", "Blue cup", "Moon jar"]),
        ("category=jars", ["Red cup", "Blue cup", "Moon jar"]),
    ],
)
def test_filter_keeps_what_it_says(
    client: Client, cups: Category, query: str, names: list[str]
) -> None:
    page = client.get(f"/c/cups/?sort=price&{query}")

    known = ["Red cup", "Blue cup", "Moon jar", "Tea bowl"]
    assert names_in_order(page, known) == names


def test_each_filter_says_how_many_products_it_would_leave(
    client: Client, cups: Category
) -> None:
    page = text_of(client.get("/c/cups/"))

    for line in (
        "Category Jars 1",
        "In stock only 3",
        "Reduced 1",
        "4 stars and up 1",
        "3 stars and up 2",
        "Colour blue 1 red 1",
        "Show 3 products",
    ):
        assert line in page, line


def test_count_of_a_facet_leaves_its_own_filter_out(
    client: Client, cups: Category
) -> None:
    page = client.get("/c/cups/?o.colour=red")

    assert "Colour blue 1 red 1" in text_of(page)
    assert "Show 1 product" in text_of(page)
    assert 'value="red" checked' in body_of(page)
    assert 'value="blue" checked' not in body_of(page)


def test_ranges_of_prices_are_links_with_their_counts(
    client: Client, cups: Category
) -> None:
    page = client.get("/c/cups/?sort=price")

    body = body_of(page)
    links = body[body.index('id="max_price"') : body.index('id="filter-in_stock"')]
    assert links.count("<a href=") >= 2
    first = links.split('href="')[1].split('"')[0].replace("&amp;", "&")
    narrowed = client.get(f"/c/cups/{first}")
    count = int(links.split('facet-count">')[1].split("<")[0])
    assert f"{count} product" in text_of(narrowed)


def test_active_filters_are_chips_that_take_them_away(
    client: Client, cups: Category
) -> None:
    body = body_of(
        client.get("/c/cups/?rating=4&in_stock=off&max_price=9000&o.colour=red")
    )

    chips = body[body.index('class="chips"') : body.index('class="listing-body')]
    assert chips.count('class="chip"') == 3
    for href in (
        'href="?rating=4&amp;in_stock=off&amp;o.colour=red"',
        'href="?max_price=9000&amp;in_stock=off&amp;o.colour=red"',
        'href="?max_price=9000&amp;rating=4&amp;in_stock=off"',
        'href="./"',
    ):
        assert href in chips, href
    assert '<span aria-hidden="true"> · 3</span>' in body


def test_filters_work_as_a_plain_form(client: Client, cups: Category) -> None:
    page = client.get(
        "/c/cups/?min_price=&max_price=&in_stock=on&rating=&o.colour=red&sort=price"
    )

    body = body_of(page)
    form = body[body.index('<form id="filters"') : body.index("</form>", 9_000)]
    assert 'method="get"' in form
    assert "<button" in form
    assert names_in_order(page, ["Red cup", "Blue cup"]) == ["Red cup"]
    assert '<option value="price" selected>' in body


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("rating", ["Plain jar", "Good jar", "Cheap jar"]),
        ("discount", ["Cheap jar", "Good jar", "Plain jar"]),
        ("newest", ["Good jar", "Cheap jar", "Plain jar"]),
        ("price", ["Cheap jar", "Good jar", "Plain jar"]),
    ],
)
def test_list_has_the_order_that_is_asked_for(
    client: Client, sort: str, names: list[str]
) -> None:
    now = timezone.now()
    rated("Plain jar", "4.90", price=30_000, created_at=now - timedelta(days=3))
    rated("Good jar", "4.10", price=20_000, compare_at_price=22_000, created_at=now)
    rated(
        "Cheap jar",
        None,
        price=10_000,
        compare_at_price=20_000,
        created_at=now - timedelta(days=1),
    )

    page = client.get(f"/products/?sort={sort}")

    assert names_in_order(page, names) == names


@pytest.mark.parametrize("sort", ["newest", "price", "-price", "rating", "best"])
def test_sold_out_products_come_last_and_are_greyed(client: Client, sort: str) -> None:
    old = timezone.now() - timedelta(days=9)
    rated("Gone", "5.00", price=20_000, stock_on_hand=0)
    rated("Here", "3.00", price=20_000, created_at=old)

    page = client.get(f"/products/?in_stock=off&sort={sort}")

    assert names_in_order(page, ["Gone", "Here"]) == ["Here", "Gone"]
    assert body_of(page).count("card-sold-out") == 1


def test_sold_out_products_follow_over_the_pages_without_a_gap(client: Client) -> None:
    ProductFactory.create_batch(PER_PAGE - 1)
    ProductFactory.create_batch(3, stock_on_hand=0)

    first = client.get("/products/?in_stock=off")
    second = client.get("/products/?in_stock=off&page=2")

    assert body_of(first).count("card-sold-out") == 1
    assert body_of(second).count('<article class="card card-sold-out"') == 2
    assert body_of(second).count("<article") == 2


def test_list_without_a_product_says_which_filter_to_drop(
    client: Client, cups: Category
) -> None:
    page = client.get("/c/cups/?rating=4&max_price=8000")

    text = text_of(page)
    assert "Nothing matches these filters." in text
    assert "Without “Up to ₩8,000” 1" in text
    assert "Without “4 stars and up”" not in text
    assert 'href="?rating=4"' in body_of(page)


def test_filters_that_only_fail_together_can_be_cleared_together(
    client: Client, cups: Category
) -> None:
    page = client.get("/c/cups/?o.colour=green&rating=4&on_sale=on")

    assert "Without" not in text_of(page)
    assert "Clear all filters 3" in text_of(page)


def test_empty_shelf_offers_no_filters(client: Client, cups: Category) -> None:
    CategoryFactory.create(name="Vases", slug="vases")

    page = client.get("/c/vases/")

    assert "This shelf is empty for now." in text_of(page)
    assert 'id="filters"' not in body_of(page)
    assert "Look around Cups Vases" in text_of(page)


def test_search_without_a_product_offers_categories_and_best_sellers(
    client: Client, cups: Category
) -> None:
    text = text_of(client.get("/search/?q=qqqqqqqq"))

    assert "We found nothing for “qqqqqqqq”." in text
    assert "Look around Cups" in text


def test_next_page_is_put_below_the_first_one(client: Client) -> None:
    ProductFactory.create_batch(PER_PAGE + 2)

    page, more = client.get("/products/"), client.get("/products/?page=2", headers=MORE)

    assert 'id="show-more"' in body_of(page)
    body = body_of(more)
    assert body.count("<li><article") == 2
    assert "<html" not in body
    assert '<div id="more" data-hx-swap-oob="true">' in body
    assert "Page 2 of 2" in text_of(more)
    assert 'id="show-more"' not in body
    assert more["HX-Push-Url"] == "/products/?page=2"


def test_changed_filter_brings_the_list_alone_and_a_short_address(
    client: Client, cups: Category
) -> None:
    path = "/c/cups/?min_price=&max_price=&in_stock=off&in_stock=on&sort=newest"

    part = client.get(path, headers=PART | {"HX-Trigger": "filters"})
    by_sort = client.get(path, headers=PART | {"HX-Trigger": "sort"})

    body = body_of(part)
    assert "<html" not in body
    assert body.lstrip().startswith('<div id="listing">')
    assert '<details class="filters" open>' in body
    assert '<details class="filters" open>' not in body_of(by_sort)
    assert "Show 3 products" in body
    assert part["HX-Push-Url"] == "/c/cups/"
    assert "HX-Request" in part["Vary"]


def test_kept_list_shows_what_changes_at_once(client: Client) -> None:
    cup = ProductFactory.create(name="Moon jar", stock_on_hand=9)
    assert "Only" not in text_of(client.get("/products/"))

    cup.stock.on_hand = 2
    cup.stock.save(update_fields=["on_hand"])
    assert "Only 2 left" in text_of(client.get("/products/"))
    cup.published_at = None
    cup.save(update_fields=["published_at"])
    assert "Moon jar" not in text_of(client.get("/products/"))


def test_filtered_list_needs_few_statements(
    client: Client, cups: Category, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    path = "/c/cups/?rating=3&o.colour=red&sort=price"
    client.get(path)

    # Only what the cards say: its order and its counts may be some seconds old.
    with django_assert_num_queries(1):
        client.get(path)
    # Another page of it: order and cards; the facets are known.
    with django_assert_num_queries(2):
        client.get("/c/cups/?rating=3&o.colour=red&sort=-price")


@pytest.mark.parametrize(
    "query",
    [
        "rating=x&rating=99&o.=red&o.colour=",
        "o.colour=%00&category=%00",
        "&".join(f"o.name{n}=value" for n in range(200)),
        "o.colour=" + "r" * 5_000,
        "q=cup&category=nowhere",
        "sort=match&exact=on",
    ],
)
def test_strange_filters_do_no_harm(client: Client, cups: Category, query: str) -> None:
    assert client.get(f"/c/cups/?{query}").status_code == 200
    assert client.get(f"/search/?{query}").status_code == 200


def test_first_picture_goes_before_all_and_those_out_of_sight_wait(
    client: Client,
) -> None:
    for product in ProductFactory.create_batch(FIRST_ROW + 3):
        ProductPhoto.objects.create(
            product=product, image="cup.webp", width=400, height=500
        )

    pictures = re.findall(
        r"<img[^>]+cup\.webp[^>]*>", body_of(client.get("/products/"))
    )

    assert ['fetchpriority="high"' in tag for tag in pictures] == [True] + [False] * 7
    assert ['loading="lazy"' in tag for tag in pictures] == [False] * 5 + [True] * 3
