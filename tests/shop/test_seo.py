"""What machines read: maps, feeds, structured data, and pages by language."""

import json
import re
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import Product, ProductPhoto, ProductText
from shop.seo import pages
from tests.factories import (
    CategoryFactory,
    DeliveryMethodFactory,
    ProductFactory,
)
from tests.reviewing import published

pytestmark = pytest.mark.django_db
GOOGLE = {"g": "http://base.google.com/ns/1.0"}
MAP = {
    "": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "xhtml": "http://www.w3.org/1999/xhtml",
}
SHOP = "http://127.0.0.1:8000"


def structured(client: Client, path: str) -> dict[str, Any]:
    """Return the structured data of a page by type."""
    markup = client.get(path).content.decode()
    found = re.findall(
        r'<script type="application/ld\+json">(.*?)</script>', markup, re.DOTALL
    )
    return {data["@type"]: data for data in map(json.loads, found)}


def path_of(product: Product) -> str:
    return f"/p/{product.slug}-{product.pk}/"


@pytest.fixture
def jar() -> Product:
    kitchen = CategoryFactory.create(name="Kitchen", slug="kitchen")
    jars = CategoryFactory.create(name="Jars", slug="jars", parent=kitchen)
    DeliveryMethodFactory.create()
    jar = ProductFactory.create(
        name="Moon <jar>",
        slug="moon-jar",
        sku="MJ-1",
        description="White porcelain.",
        price=18_500,
        compare_at_price=20_000,
        category=jars,
        options={"colour": "white"},
        rating_average="4.50",
        rating_count=2,
    )
    ProductPhoto.objects.create(
        product=jar, image="products/jar.webp", width=800, height=1000, alt="Jar"
    )
    ProductText.objects.create(product=jar, language="ko", name="달항아리")
    return jar


# --- Structured data


def test_product_page_describes_the_product_and_its_offer(
    client: Client, jar: Product
) -> None:
    product = structured(client, path_of(jar))["Product"]

    assert product["name"] == "Moon <jar>"
    assert product["sku"] == "MJ-1"
    assert product["color"] == "white"
    assert product["category"] == "Kitchen > Jars"
    assert product["brand"] == {"@type": "Brand", "name": "Dojang"}
    assert product["image"][0].startswith(f"{SHOP}/media/")
    assert product["aggregateRating"]["ratingValue"] == "4.50"
    assert product["aggregateRating"]["reviewCount"] == 2
    offer = product["offers"]
    assert (offer["price"], offer["priceCurrency"]) == ("18500", "KRW")
    assert offer["availability"] == "https://schema.org/InStock"
    assert offer["url"] == f"{SHOP}{path_of(jar)}"
    [way] = offer["shippingDetails"]
    assert way["shippingRate"] == {
        "@type": "MonetaryAmount",
        "value": "3000",
        "currency": "KRW",
    }
    assert way["shippingDestination"]["addressCountry"] == "KR"
    assert way["deliveryTime"]["transitTime"]["maxValue"] == 3
    policy = offer["hasMerchantReturnPolicy"]
    assert policy["merchantReturnDays"] == 14
    assert policy["returnPolicyCategory"].endswith("MerchantReturnFiniteReturnWindow")


def test_sold_out_product_says_so(client: Client, jar: Product) -> None:
    jar.stock.delete()

    offer = structured(client, path_of(jar))["Product"]["offers"]

    assert offer["availability"] == "https://schema.org/OutOfStock"


def test_product_without_reviews_claims_no_rating(client: Client, jar: Product) -> None:
    Product.objects.update(rating_average=None, rating_count=0)

    product = structured(client, path_of(jar))["Product"]

    assert "aggregateRating" not in product
    assert "review" not in product


def test_reviews_are_quoted(client: Client, jar: Product) -> None:
    review = published(jar, rating=5, text="It glows at night.")

    [quoted] = structured(client, path_of(jar))["Product"]["review"]

    assert quoted["reviewBody"] == "It glows at night."
    assert quoted["reviewRating"]["ratingValue"] == 5
    assert quoted["datePublished"] == f"{review.written_at:%Y-%m-%d}"


def test_product_page_says_where_it_stands(client: Client, jar: Product) -> None:
    crumbs = structured(client, path_of(jar))["BreadcrumbList"]["itemListElement"]

    assert [crumb["name"] for crumb in crumbs] == [
        "Dojang",
        "Kitchen",
        "Jars",
        "Moon <jar>",
    ]
    assert [crumb["position"] for crumb in crumbs] == [1, 2, 3, 4]
    assert crumbs[2]["item"] == f"{SHOP}/c/jars/"


@pytest.mark.parametrize("path", ["/products/", "/c/kitchen/", "/search/?q=moon"])
def test_lists_name_their_products(client: Client, jar: Product, path: str) -> None:
    items = structured(client, path)["ItemList"]["itemListElement"]

    assert items == [
        {"@type": "ListItem", "position": 1, "url": f"{SHOP}{path_of(jar)}"}
    ]


def test_front_page_describes_the_shop_and_its_search(client: Client) -> None:
    found = structured(client, "/")

    assert found["OnlineStore"]["name"] == "Dojang"
    target = found["WebSite"]["potentialAction"]["target"]["urlTemplate"]
    assert target == f"{SHOP}/search/?q={{search_term_string}}"


def test_no_text_ends_the_element_it_stands_in(client: Client, jar: Product) -> None:
    Product.objects.update(description="</script><script>alert(1)</script>")

    markup = client.get(path_of(jar)).content.decode()

    assert "<script>alert" not in markup
    product = structured(client, path_of(jar))["Product"]
    assert product["description"] == "</script><script>alert(1)</script>"


# --- Addresses and languages


def test_page_has_one_address_and_one_in_each_language(
    client: Client, jar: Product
) -> None:
    markup = client.get(f"{path_of(jar)}?utm_source=x").content.decode()

    url = f"{SHOP}{path_of(jar)}"
    assert f'<link rel="canonical" href="{url}">' in markup
    for language, address in {
        "en": url,
        "ko": f"{url}?lang=ko",
        "ru": f"{url}?lang=ru",
        "x-default": url,
    }.items():
        link = f'<link rel="alternate" hreflang="{language}" href="{address}">'
        assert link in markup


def test_address_in_a_language_is_read_in_it(client: Client, jar: Product) -> None:
    answer = client.get(f"{path_of(jar)}?lang=ko", headers={"accept-language": "ru"})

    markup = answer.content.decode()
    assert '<html lang="ko"' in markup
    assert "달항아리" in markup
    url = f"{SHOP}{path_of(jar)}?lang=ko"
    assert f'<link rel="canonical" href="{url}">' in markup
    # The next page is in that language, too.
    assert '<html lang="ko"' in client.get("/").content.decode()


def test_unknown_language_is_no_matter(client: Client) -> None:
    answer = client.get("/?lang=xx")

    assert answer.status_code == 200
    assert answer.headers["Content-Language"] == "en"
    assert "django_language" not in answer.cookies


def test_switching_the_language_leaves_the_address_s_own(client: Client) -> None:
    answer = client.post(
        "/language/",
        {"language": "ru"},
        headers={"referer": "http://testserver/products/?lang=ko&sort=price"},
    )

    assert answer.headers["Location"] == "http://testserver/products/?sort=price"


def test_second_page_of_a_list_is_a_page_of_its_own(client: Client) -> None:
    shelf = CategoryFactory.create(slug="shelf")
    ProductFactory.create_batch(25, category=shelf)

    markup = client.get("/c/shelf/?page=2&sort=price").content.decode()

    assert f'<link rel="canonical" href="{SHOP}/c/shelf/?page=2">' in markup


def test_filtered_lists_are_not_to_be_found(client: Client, jar: Product) -> None:
    markup = client.get("/c/jars/?on_sale=on").content.decode()

    assert '<meta name="robots" content="noindex">' in markup
    assert "canonical" not in markup


def test_pages_of_one_shopper_are_not_to_be_found(admin_client: Client) -> None:
    for path in ("/account/", "/orders/", "/points/"):
        markup = admin_client.get(path).content.decode()
        assert '<meta name="robots" content="noindex">' in markup
        assert "canonical" not in markup


def test_shared_product_shows_name_picture_and_text(
    client: Client, jar: Product
) -> None:
    markup = client.get(path_of(jar)).content.decode()

    assert '<meta property="og:type" content="product">' in markup
    assert '<meta property="og:title" content="Moon &lt;jar&gt;">' in markup
    assert '<meta property="og:description" content="White porcelain.">' in markup
    assert f'<meta property="og:image" content="{SHOP}/media/' in markup


def test_long_descriptions_end_with_a_word() -> None:
    text = pages.shortened("word " * 60)

    assert text.endswith("word…")
    assert len(text) <= 156


# --- Files that are looked for by name


def test_map_of_maps_counts_the_parts(client: Client, jar: Product) -> None:
    root = ET.fromstring(client.get("/sitemap.xml").content)  # noqa: S314 — our own

    parts = [loc.text for loc in root.findall("sitemap/loc", MAP)]
    assert parts[0] == f"{SHOP}/sitemaps/pages.xml"
    assert parts[-1] == f"{SHOP}/sitemaps/products-{(jar.pk - 1) // 5_000 + 1}.xml"


def test_map_of_products_has_each_in_every_language(
    client: Client, jar: Product
) -> None:
    ProductFactory.create(published_at=timezone.now() + timedelta(days=1))
    part = (jar.pk - 1) // 5_000 + 1
    answer = client.get(f"/sitemaps/products-{part}.xml")
    root = ET.fromstring(answer.content)  # noqa: S314 — our own

    url = f"{SHOP}{path_of(jar)}"
    found = [loc.text for loc in root.findall("url/loc", MAP)]
    assert found == [url, f"{url}?lang=ko", f"{url}?lang=ru"]
    links = root.findall("url", MAP)[1].findall("xhtml:link", MAP)
    assert {link.get("hreflang"): link.get("href") for link in links} == {
        "en": url,
        "ko": f"{url}?lang=ko",
        "ru": f"{url}?lang=ru",
        "x-default": url,
    }


def test_map_of_pages_leads_to_pages_that_are_there(
    client: Client, jar: Product
) -> None:
    root = ET.fromstring(client.get("/sitemaps/pages.xml").content)  # noqa: S314

    found = [str(loc.text).removeprefix(SHOP) for loc in root.findall("url/loc", MAP)]
    assert "/c/jars/" in found
    for path in found:
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("part", ["products-0", "products-x", "orders", "products"])
def test_unknown_part_of_the_map_is_not_found(client: Client, part: str) -> None:
    assert client.get(f"/sitemaps/{part}.xml").status_code == 404


def test_crawlers_are_told_what_is_not_theirs(client: Client) -> None:
    text = client.get("/robots.txt").content.decode()

    assert "Disallow: /account/" in text
    assert "Disallow: /checkout/" in text
    assert f"Sitemap: {SHOP}/sitemap.xml" in text
    assert "Disallow: /p/" not in text


def test_feed_lists_what_is_on_sale_as_it_is(client: Client, jar: Product) -> None:
    ProductFactory.create(published_at=None)
    answer = client.get("/feeds/google.xml")
    root = ET.fromstring(b"".join(answer))  # noqa: S314

    [item] = root.findall("channel/item")
    fact = {
        name: item.findtext(f"g:{name}", namespaces=GOOGLE)
        for name in (
            "id",
            "title",
            "link",
            "availability",
            "price",
            "sale_price",
            "color",
            "product_type",
        )
    }
    assert fact == {
        "id": "MJ-1",
        "title": "Moon <jar>",
        "link": f"{SHOP}{path_of(jar)}",
        "availability": "in_stock",
        "price": "20000 KRW",
        "sale_price": "18500 KRW",
        "color": "white",
        "product_type": "Kitchen > Jars",
    }
    assert item.findtext("g:shipping/g:price", namespaces=GOOGLE) == "3000 KRW"
    image = item.findtext("g:image_link", namespaces=GOOGLE)
    assert image is not None
    assert image.startswith(f"{SHOP}/media/")


def test_feed_speaks_the_language_it_is_asked_for(client: Client, jar: Product) -> None:
    answer = client.get("/feeds/google.xml?lang=ko")
    root = ET.fromstring(b"".join(answer))  # noqa: S314

    item = root.find("channel/item")
    assert item is not None
    assert item.findtext("g:title", namespaces=GOOGLE) == "달항아리"
    link = item.findtext("g:link", namespaces=GOOGLE)
    assert link == f"{SHOP}{path_of(jar)}?lang=ko"


def test_feed_asks_the_database_as_often_for_many(
    client: Client, jar: Product, django_assert_max_num_queries: Any
) -> None:
    ProductFactory.create_batch(5)

    with django_assert_max_num_queries(4):
        b"".join(client.get("/feeds/google.xml"))


def test_language_models_are_told_where_to_look(client: Client, jar: Product) -> None:
    answer = client.get("/llms.txt")

    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    text = answer.content.decode()
    assert text.startswith("# Dojang\n")
    for link in re.findall(rf"\({SHOP}([^)]+)\)", text):
        assert client.get(link, follow=True).status_code == 200


def test_finders_of_holes_know_whom_to_write_to(client: Client) -> None:
    text = client.get("/.well-known/security.txt").content.decode()

    assert "Contact: mailto:shop@localhost\n" in text
    expires = re.search(r"^Expires: (\S+)Z$", text, re.MULTILINE)
    assert expires is not None
    assert expires[1] > f"{timezone.now():%Y-%m-%dT%H:%M:%S}"


def test_password_managers_are_led_to_the_page(client: Client) -> None:
    answer = client.get("/.well-known/change-password")

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/accounts/password/change/"


def test_health_has_the_name_that_many_look_for(client: Client) -> None:
    assert client.get("/healthz").status_code == 200
