"""Pages that show products."""

from typing import Any

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
)
from django.shortcuts import render
from django.template.loader import get_template
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from analytics.trial import LISTS
from catalog.models import Product
from common.languages import reader_language
from common.memo import Memo
from shop.cards import card_rows, render_cards, stock_note
from shop.guards import from_our_pages, say_no
from shop.observing import is_ahead, note_look, observe_product
from shop.places import clean, place_of_request, remember, ways_to
from shop.price_history import price_facts
from shop.product_facts import pictures, siblings, specifications, with_facts
from shop.recommendations import beside_product
from shop.restock import restock_context
from shop.reviews import reviews_context
from shop.seo.pages import described, product_facts
from shop.shelves import Shelf, find_shelf_by_id, trail
from shop.storefront import storefront_of
from shop.typing import user_id_of
from shop.unit_price import unit_price
from shop.views.preferences import safe_next

RELATED = 5
# More of one product than this is a matter for the sales team.
MAX_IN_FORM = 99

# A review that counts gives its product a new version; a vote shows a little later.
_reviews: Memo[tuple[int, int, str], dict[str, Any]] = Memo(seconds=15, size=500)


def product_page(request: HttpRequest, slug: str, product_id: int) -> HttpResponse:
    """Show a product with its exact stock; 410 once it is no longer sold."""
    product = with_facts(user_id_of(request)).filter(pk=product_id).first()
    if product is None:
        raise Http404
    is_known = product.slug == slug
    if not product.is_on_sale(timezone.now()):
        # Who counts numbers up must not read the names of what is yet to come.
        if not is_known:
            raise Http404
        return gone_page(request, product)
    if not is_known:
        return HttpResponsePermanentRedirect(product_url(product))
    rows = beside_product(request, product.pk)
    context = {
        "product": product,
        "name": getattr(product, "shown_name", ""),
        "description": getattr(product, "shown_description", ""),
        "photos": pictures(product),
        "siblings": siblings(product),
        "specifications": specifications(product),
        "is_wished": product.pk in storefront_of(request).wished,
        "rows": rows,
        **_price_of(request, product),
        **_stock_of(request, product),
        **_delivery_of(request, product),
        **_reviews_of(request, product),
        **place_of(find_shelf_by_id(product.category_id)),
    }
    context["facts"] = product_facts(
        described(product, context, storefront_of(request).delivery_methods),
        context["current_shelf"],
    )
    shown = [row.source for row in rows]
    observe_product(request, product.pk, shown)
    if is_ahead(request):
        context["look_query"] = urlencode(
            {"via": request.GET.get("via", ""), "shown": shown}, doseq=True
        )
    return render(request, "shop/products/detail.html", context)


@from_our_pages
@require_POST
def looked(request: HttpRequest, product_id: int) -> HttpResponse:
    """Note a look at a page that was fetched before anybody wanted to see it."""
    shown = [name for name in request.GET.getlist("shown") if name in LISTS]
    note_look(request, product_id, shown)
    return HttpResponse(status=204)


@from_our_pages
@require_POST
def choose_place(request: HttpRequest) -> HttpResponse:
    """Remember where parcels go, to say what that costs and how long it takes."""
    typed = request.POST.get("postal_code", "")
    code = clean(typed)
    response = HttpResponse(status=303)
    response["Location"] = f"{safe_next(request)}#delivery"
    if typed.strip() and not code:
        say_no(request, _("This is no postal code."))
    else:
        remember(response, code)
    return response


def gone_page(request: HttpRequest, product: Product) -> HttpResponse:
    """Say that a product is no longer sold, and show what else there is."""
    shelf = find_shelf_by_id(product.category_id)
    wished = storefront_of(request).wished
    context = {
        "name": getattr(product, "shown_name", product.name),
        "cards": render_cards(_related(product), wished=wished),
    }
    return render(request, "410.html", context | place_of(shelf), status=410)


def product_url(product: Product) -> str:
    """Return the one address of a product's page."""
    return reverse("shop:product", args=[product.slug, product.pk])


def place_of(shelf: Shelf | None) -> dict[str, Any]:
    """Return where a page stands among the categories, for its breadcrumbs."""
    path = trail(shelf)
    return {"current_shelf": shelf, "crumbs": path, "current_ids": [s.id for s in path]}


def _shelves_above(shelf: Shelf | None) -> list[int]:
    return [one.id for one in trail(shelf)]


def _reviews_of(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return the reviews; guests who ask for nothing special see them as kept."""
    if request.GET or user_id_of(request) is not None:
        return reviews_context(request, product)
    key = (product.pk, product.version, reader_language())
    return _reviews.get_or_make(key, lambda: _rendered_reviews(request, product))


def _rendered_reviews(request: HttpRequest, product: Product) -> dict[str, Any]:
    context = reviews_context(request, product)
    shown = context | {"product": product, "product_page": product_url(product)}
    template = get_template("shop/parts/_reviews.html")
    return context | {"reviews_markup": template.render(shown, request)}


def _price_of(request: HttpRequest, product: Product) -> dict[str, Any]:
    shelf = find_shelf_by_id(product.category_id)
    return {
        "prices": price_facts(product, shelves=_shelves_above(shelf)),
        "unit": unit_price(request, product),
    }


def _stock_of(request: HttpRequest, product: Product) -> dict[str, Any]:
    stock = stock_note(getattr(product, "available", None))
    restock = restock_context(request, product)
    kept = restock["hold"].quantity if restock["hold"] else 0
    # Who asks for more than there is gets what there is, and is told so by the cart.
    most = MAX_IN_FORM if stock["left"] else kept
    return stock | restock | {"max_quantity": most, "is_buyable": most > 0}


def _delivery_of(request: HttpRequest, product: Product) -> dict[str, Any]:
    place = place_of_request(request, getattr(product, "address", ()))
    ways = ways_to(
        place, weight=product.weight_grams, value=product.price, now=timezone.now()
    )
    return {"place": place, "ways": ways}


def _related(product: Product) -> list[Any]:
    others = (
        Product.objects.on_sale()
        .with_available()
        .filter(category=product.category_id)
        .exclude(pk=product.pk)
        .order_by("-created_at", "-id")
    )
    return card_rows(others[:RELATED])
