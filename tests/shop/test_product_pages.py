"""Lists of products, and the page of one."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from catalog import services as catalog
from catalog.models import Product, ProductGroup, ProductPhoto, ProductText
from common.memo import Memo
from shop.listing import PER_PAGE
from tests.factories import CategoryFactory, ProductFactory, receive
from tests.shop.pages import body_of, names_in_order, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]


def test_list_shows_products_on_sale_newest_first(client: Client) -> None:
    now = timezone.now()
    ProductFactory.create(name="Old cup", created_at=now - timedelta(days=2))
    ProductFactory.create(name="New cup", created_at=now)
    ProductFactory.create(name="Hidden cup", published_at=None)

    page = client.get("/products/")

    assert names_in_order(page, ["Old cup", "New cup", "Hidden cup"]) == [
        "New cup",
        "Old cup",
    ]
    assert "2 products" in text_of(page)


@pytest.mark.parametrize(
    ("sort", "names"),
    [("price", ["Cheap", "Middle", "Dear"]), ("-price", ["Dear", "Middle", "Cheap"])],
)
def test_list_can_be_sorted_by_price(
    client: Client, sort: str, names: list[str]
) -> None:
    for name, price in (("Middle", 2_000), ("Dear", 3_000), ("Cheap", 1_000)):
        ProductFactory.create(name=name, price=price)

    page = client.get("/products/", {"sort": sort})

    assert names_in_order(page, names) == names


def test_category_shows_its_own_and_the_products_below_it(client: Client) -> None:
    table = CategoryFactory.create(name="Table", slug="table")
    cups = CategoryFactory.create(name="Cups", slug="cups", parent=table)
    ProductFactory.create(name="Linen cloth", category=table)
    ProductFactory.create(name="Moon jar", category=cups)
    ProductFactory.create(name="Broom")

    of_table, of_cups = client.get("/c/table/"), client.get("/c/cups/")

    names = ["Linen cloth", "Moon jar", "Broom"]
    assert set(names_in_order(of_table, names)) == {"Linen cloth", "Moon jar"}
    assert names_in_order(of_cups, names) == ["Moon jar"]
    assert "Home Table Cups" in text_of(of_cups).replace(" / ", " ")


def test_unknown_category_is_404(client: Client) -> None:
    assert client.get("/c/nowhere/").status_code == 404


def test_price_bounds_that_come_the_wrong_way_round_are_swapped(client: Client) -> None:
    ProductFactory.create(name="Cheap", price=1_000)
    ProductFactory.create(name="Middle", price=2_000)

    page = client.get("/products/", {"min_price": "2500", "max_price": "1500"})

    assert names_in_order(page, ["Cheap", "Middle"]) == ["Middle"]
    assert "we swapped them" in text_of(page)


def test_what_is_sold_out_is_left_out_unless_asked_for(client: Client) -> None:
    ProductFactory.create(name="Here", stock_on_hand=1)
    ProductFactory.create(name="Gone", stock_on_hand=0)

    for query in ("", "?in_stock=on", "?in_stock=off&in_stock=on"):
        page = client.get(f"/products/{query}")
        assert names_in_order(page, ["Here", "Gone"]) == ["Here"]
    everything = client.get("/products/?in_stock=off")
    assert names_in_order(everything, ["Here", "Gone"]) == ["Here", "Gone"]


def test_search_finds_words_and_shows_what_was_typed_as_text(client: Client) -> None:
    ProductFactory.create(name="Onggi mug")
    ProductFactory.create(name="Linen apron")

    found = client.get("/search/", {"q": "mug"})
    none = client.get("/search/", {"q": "<script>alert(1)</script>"})

    assert names_in_order(found, ["Onggi mug", "Linen apron"]) == ["Onggi mug"]
    assert "We found nothing for “<script>alert(1)</script>”." in text_of(none)
    assert "<script>alert" not in body_of(none)


def test_prices_are_typed_with_the_decimals_of_the_currency(
    client: Client, settings: Settings
) -> None:
    settings.SHOP_CURRENCY = "USD"
    ProductFactory.create(name="Cheap cup", price=1_999)
    ProductFactory.create(name="Dear cup", price=2_050)

    page = client.get("/products/", {"min_price": "20", "max_price": "20.5"})

    assert "Dear cup" in text_of(page)
    assert "Cheap cup" not in text_of(page)
    for attribute in ('value="20.00"', 'value="20.50"', 'step="0.01"'):
        assert attribute in page.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "min_price=x&page=zzz&sort=no",
        "min_price=NaN&max_price=Infinity",
        "min_price=1E-99999999&max_price=1E99999999",
        "page=0",
        "q=%00",
    ],
)
def test_nonsense_in_the_address_is_ignored(client: Client, query: str) -> None:
    ProductFactory.create(name="Onggi mug")

    page = client.get(f"/products/?{query}")

    assert page.status_code == 200
    assert names_in_order(page, ["Onggi mug"]) == ["Onggi mug"]


def test_filters_without_a_result_offer_to_drop_them(client: Client) -> None:
    ProductFactory.create(stock_on_hand=0)

    page = client.get("/products/?max_price=20000")

    assert "Nothing matches these filters." in text_of(page)
    assert 'href="?max_price=20000&amp;in_stock=off"' in body_of(page)


def test_pages_are_linked_and_a_page_beyond_the_end_is_the_last(client: Client) -> None:
    ProductFactory.create_batch(PER_PAGE + 1, price=5_000)

    first = client.get("/products/?max_price=9000")
    beyond = client.get("/products/?max_price=9000&page=40")

    assert 'rel="next" href="?max_price=9000&amp;page=2"' in body_of(first)
    assert body_of(first).count('class="card"') == PER_PAGE
    assert body_of(beyond).count('class="card"') == 1
    assert 'rel="prev" href="?max_price=9000"' in body_of(beyond)
    assert 'rel="next"' not in body_of(beyond)


def test_list_needs_one_statement_for_a_guest_and_four_for_a_shopper(
    client: Client, signed_in: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    guest = Client()
    ProductFactory.create_batch(PER_PAGE)
    for browser in (guest, signed_in):
        browser.get("/products/")

    with django_assert_num_queries(1):
        guest.get("/products/")
    # Session, user, the header's numbers, products.
    with django_assert_num_queries(4):
        signed_in.get("/products/")


def test_first_list_after_a_start_needs_six_statements(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ProductFactory.create_batch(PER_PAGE)
    Memo.clear_all()

    # Order, facets, stock, the missing cards, categories, delivery methods.
    with django_assert_num_queries(6):
        client.get("/products/")


def test_looking_around_sets_no_cookie(client: Client) -> None:
    ProductFactory.create()

    for path in ("/", "/products/", "/best/", "/coupons/", "/cart/", "/help/privacy/"):
        assert client.get(path).cookies == {}, path


def test_card_tells_todays_price_and_stock(client: Client) -> None:
    cup = ProductFactory.create(name="Moon jar", price=18_500, stock_on_hand=6)
    assert "₩18,500" in text_of(client.get("/products/"))
    assert "Only" not in text_of(client.get("/products/"))

    catalog.change_price(product_id=cup.pk, price=17_000, cause="sale", actor_id=None)
    cup.stock.on_hand = 3
    cup.stock.save(update_fields=["on_hand"])

    page = text_of(client.get("/products/"))
    assert "₩17,000" in page
    assert "₩18,500" not in page
    assert "Only 3 left" in page


def test_price_off_is_shown_with_the_price_before(client: Client) -> None:
    ProductFactory.create(price=14_800, compare_at_price=18_500)

    assert "20% off, ₩14,800 was ₩18,500" in text_of(client.get("/products/"))


def test_product_page_shows_the_exact_stock_of_this_moment(client: Client) -> None:
    cup = ProductFactory.create(name="Moon jar", stock_on_hand=37)
    assert "In stock · 37 left" in text_of(client.get(url_of(cup)))

    receive(cup, 1_000)

    assert "In stock · 1,037 left" in text_of(client.get(url_of(cup)))


def test_product_page_says_when_few_are_left(client: Client) -> None:
    cup = ProductFactory.create(stock_on_hand=3)

    page = client.get(url_of(cup))

    assert "Only 3 left" in text_of(page)


def test_sold_out_product_cannot_be_put_into_the_cart(client: Client) -> None:
    cup = ProductFactory.create(stock_on_hand=0)

    page = client.get(url_of(cup))

    assert page.status_code == 200
    assert "Sold out" in text_of(page)
    assert "Add to cart" not in text_of(page)


def test_wrong_slug_leads_to_the_right_address(client: Client) -> None:
    cup = ProductFactory.create(slug="moon-jar")

    answer = client.get(f"/p/something-else-{cup.pk}/")

    assert answer.status_code == 301
    assert answer["Location"] == f"/p/moon-jar-{cup.pk}/"


def test_product_that_is_no_longer_sold_is_gone_and_alternatives_are_shown(
    client: Client,
) -> None:
    cup = ProductFactory.create(name="Moon jar", published_at=None)
    ProductFactory.create(name="Tea bowl", category=cup.category)

    answer = client.get(url_of(cup))

    assert answer.status_code == 410
    assert "“Moon jar” is no longer sold." in text_of(answer)
    assert "Tea bowl" in text_of(answer)


def test_name_of_an_unpublished_product_cannot_be_found_by_its_number(
    client: Client,
) -> None:
    secret = ProductFactory.create(name="Moon jar 2", published_at=None)

    answer = client.get(f"/p/anything-{secret.pk}/")

    assert answer.status_code == 404
    assert "Moon jar 2" not in text_of(answer)


def test_product_that_never_was_is_404(client: Client) -> None:
    assert client.get("/p/moon-jar-987654321/").status_code == 404


def test_product_page_needs_few_statements(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    cup = ProductFactory.create()
    ProductFactory.create_batch(5, category=cup.category)

    # Product with all its own facts, related, promotions, an offer of one; and once:
    # cards, categories, delivery methods of the header and of the page.
    with django_assert_max_num_queries(9):
        client.get(url_of(cup))
    # The product, and what is related.
    with django_assert_max_num_queries(2):
        client.get(url_of(cup))


def url_of(product: Product) -> str:
    return f"/p/{product.slug}-{product.pk}/"


def test_variants_are_told_apart_by_what_differs(client: Client) -> None:
    group = ProductGroup.objects.create(name="Cap")
    for colour in ("Pool", "Brick"):
        options = {"colour": colour, "material": "Cotton"}
        product = ProductFactory.create(group=group, options=options)

    page = client.get(url_of(product)).content.decode()

    variants = page.split('<nav class="variants"')[1].split("</nav>")[0]
    assert "Pool" in variants
    assert "Brick" in variants
    assert "Cotton" not in variants


def test_picture_is_told_by_the_name_in_the_reader_s_language(client: Client) -> None:
    product = ProductFactory.create(name="Teapot")
    photo = {"image": "a.webp", "alt": "A round teapot", "width": 4, "height": 5}
    ProductPhoto.objects.create(product=product, **photo)
    ProductText.objects.create(product=product, language="ko", name="찻주전자")

    own = client.get(url_of(product)).content.decode()
    korean = client.get(url_of(product), headers={"accept-language": "ko"})

    assert 'alt="A round teapot"' in own
    assert 'alt="찻주전자"' in korean.content.decode()
