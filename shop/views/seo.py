"""What machines read of the shop: maps, rules and addresses they look for by name."""

from collections.abc import Iterator
from datetime import timedelta
from email.utils import parseaddr

from django.conf import settings
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from catalog.models import Category, Product
from shop.seo.addresses import absolute, alternates, in_language
from shop.seo.head import PRIVATE
from shop.seo.markup import Xml

# Products by their ids, so that a part is read without counting the others.
PER_MAP = 5_000
HOUR = 3600
XML = "application/xml; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
SITEMAP = {"xmlns": "http://www.sitemaps.org/schemas/sitemap/0.9"}
WITH_LANGUAGES = SITEMAP | {"xmlns:xhtml": "http://www.w3.org/1999/xhtml"}
SECURITY_LASTS = timedelta(days=180)

in_an_hour = cache_control(public=True, max_age=HOUR)


@in_an_hour
@require_safe
def sitemap_index(_request: HttpRequest) -> HttpResponse:
    """List the maps: one of pages and categories, and some of products."""
    newest = Product.objects.on_sale().aggregate(last=Max("pk"))["last"] or 0
    parts = ["pages", *(f"products-{n + 1}" for n in range(-(-newest // PER_MAP)))]
    response = HttpResponse(content_type=XML)
    xml = Xml(response)
    with xml.element("sitemapindex", SITEMAP):
        for part in parts:
            with xml.element("sitemap"):
                xml.fact("loc", absolute(reverse("shop:sitemap", args=[part])))
    return response


@in_an_hour
@require_safe
def sitemap(_request: HttpRequest, part: str) -> HttpResponse:
    """List the pages of one map, each with its address in every language."""
    name, _dash, number = part.partition("-")
    if part == "pages":
        paths = _pages()
    elif name == "products" and number.isdecimal() and 0 < int(number) < 10**6:
        paths = _products(int(number))
    else:
        raise Http404
    response = HttpResponse(content_type=XML)
    xml = Xml(response)
    with xml.element("urlset", WITH_LANGUAGES):
        for path in paths:
            for language, _name in settings.LANGUAGES:
                _write_page(xml, path, language)
    return response


@in_an_hour
@require_safe
def robots(_request: HttpRequest) -> HttpResponse:
    """Tell crawlers where they have no business, and where the map is."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE), ""]
    lines += [f"Sitemap: {absolute(reverse('shop:sitemap-index'))}", ""]
    return HttpResponse("\n".join(lines), content_type=PLAIN)


@in_an_hour
@require_safe
def llms(_request: HttpRequest) -> HttpResponse:
    """Tell language models in a few words what is where."""
    context = {
        "shop_name": settings.SHOP_NAME,
        "currency": settings.SHOP_CURRENCY,
        "languages": [name for _code, name in settings.LANGUAGES],
        "shelves": Category.objects.filter(parent=None).order_by("position", "id"),
        "url": settings.SHOP_BASE_URL.rstrip("/"),
    }
    text = get_template("shop/seo/llms.txt").render(context)
    return HttpResponse(text, content_type="text/markdown; charset=utf-8")


@in_an_hour
@require_safe
def security(_request: HttpRequest) -> HttpResponse:
    """Tell whom to write about a hole in the shop (RFC 9116)."""
    expires = (timezone.now() + SECURITY_LASTS).replace(microsecond=0)
    lines = [
        f"Contact: mailto:{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        f"Preferred-Languages: {', '.join(code for code, _ in settings.LANGUAGES)}",
        f"Canonical: {absolute(reverse('shop:security-contact'))}",
        "",
    ]
    return HttpResponse("\n".join(lines), content_type=PLAIN)


@require_safe
def change_password(_request: HttpRequest) -> HttpResponse:
    """Lead password managers to the page they look for (W3C, change-password URL)."""
    return HttpResponseRedirect(reverse("account_change_password"))


def _pages() -> Iterator[str]:
    for name in ("home", "products", "best", "coupons"):
        yield reverse(f"shop:{name}")
    for topic in ("delivery", "returns", "privacy"):
        yield reverse("shop:help", args=[topic])
    for slug in Category.objects.order_by("pk").values_list("slug", flat=True):
        yield reverse("shop:category", args=[slug])


def _products(number: int) -> Iterator[str]:
    first = (number - 1) * PER_MAP
    rows = (
        Product.objects.on_sale()
        .filter(pk__gt=first, pk__lte=first + PER_MAP)
        .order_by("pk")
        .values_list("slug", "pk")
    )
    for slug, pk in rows.iterator():
        yield reverse("shop:product", args=[slug, pk])


def _write_page(xml: Xml, path: str, language: str) -> None:
    with xml.element("url"):
        xml.fact("loc", in_language(path, language))
        for other, url in alternates(path):
            link = {"rel": "alternate", "hreflang": other, "href": url}
            with xml.element("xhtml:link", link):
                pass
