"""Lists of products: a category, the whole shop, and what somebody searches for."""

from dataclasses import replace

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from analytics.models import Behaviour
from shop.asked import Asked
from shop.listing import find
from shop.observing import observe
from shop.seo.pages import list_facts
from shop.shelves import Shelf, find_shelf
from shop.storefront import storefront_of
from shop.suggesting import SHORTEST, suggest
from shop.typing import is_fragment
from shop.views.list_page import LISTING, ListPage, elsewhere, kept_markup
from shop.views.products import place_of

# Suggestions are the same for everybody who reads the same language.
SUGGESTION_SECONDS = 60
GRID, FORM = "products", "filters"


@require_safe
def product_list(request: HttpRequest) -> HttpResponse:
    """Show all products; words to look for have a page of their own."""
    asked = Asked.from_query(request.GET)
    if asked.text:
        return HttpResponseRedirect(f"{reverse('shop:search')}?{asked.query()}")
    return _list_page(request, asked, nav="all")


@require_safe
def category_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the products of a category and of all below it."""
    shelf = find_shelf(slug)
    if shelf is None:
        raise Http404
    asked = replace(Asked.from_query(request.GET), category="")
    return _list_page(request, asked, shelf=shelf)


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    """Show what matches the words; without any, where else to begin."""
    asked = Asked.from_query(request.GET)
    if asked.text:
        return _list_page(request, asked)
    context = {"asked": asked, **elsewhere(storefront_of(request).wished)}
    return render(request, "shop/search/start.html", context)


@require_safe
def suggestions(request: HttpRequest) -> HttpResponse:
    """Return the options below the search field; nothing for a single letter."""
    text = request.GET.get("q", "").replace("\x00", "").strip()
    if len(text) < SHORTEST:
        response = HttpResponse()
    else:
        response = render(request, "shop/search/suggest.html", suggest(text))
    response["Cache-Control"] = f"private, max-age={SUGGESTION_SECONDS}"
    return response


def _list_page(
    request: HttpRequest, asked: Asked, *, shelf: Shelf | None = None, nav: str = ""
) -> HttpResponse:
    found = find(asked, shelf)
    on_page = {row.id for row in found.rows}
    wished = storefront_of(request).wished & on_page
    page = ListPage(request.path, asked, shelf, found, wished)
    if is_fragment(request):
        response = _part(request, page)
    else:
        context = {
            "asked": asked,
            "title": page.title,
            "facts": list_facts(page.title, found.count, shelf),
            "listing_markup": kept_markup(page),
            "search_text": asked.text,
            "nav": nav,
            **page.links,
            **place_of(shelf),
        }
        response = render(request, "shop/products/list.html", context)
        if asked.text and page.listing.page == 1:
            observe(request, Behaviour.SEARCH, query=asked.text)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def _part(request: HttpRequest, page: ListPage) -> HttpResponse:
    """Return what htmx is to put into the page, and the address that it then has."""
    if request.headers.get("HX-Target") == GRID:
        response = HttpResponse(page.markup("shop/products/more.html"))
    else:
        is_open = request.headers.get("HX-Trigger") == FORM
        response = HttpResponse(page.markup(LISTING, is_open=is_open))
    query = page.asked.query()
    response["HX-Push-Url"] = f"{page.path}?{query}" if query else page.path
    return response
