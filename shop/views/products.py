"""Pages that show products."""

from typing import Any

from django.db.models import F
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponsePermanentRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from catalog.models import Product
from shop.cards import (
    card_rows,
    first_photo,
    photo_url,
    render_cards,
    stock_note,
)
from shop.observing import observe_product
from shop.price_history import price_facts
from shop.recommendations import beside_product
from shop.restock import restock_context
from shop.reviews import reviews_context
from shop.shelves import Shelf, find_shelf_by_id

RELATED = 5
# More of one product than this is a matter for the sales team.
MAX_IN_FORM = 99


def product_page(request: HttpRequest, slug: str, product_id: int) -> HttpResponse:
    """Show a product with its exact stock; 410 once it is no longer sold."""
    products = Product.objects.with_available().annotate(
        photo=first_photo(), reserved=F("stock__reserved")
    )
    product = products.filter(pk=product_id).first()
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
    shelf = find_shelf_by_id(product.category_id)
    stock = stock_note(getattr(product, "available", None))
    restock = restock_context(request, product)
    left = stock["left"] or (restock["hold"].quantity if restock["hold"] else 0)
    rows = beside_product(request, product.pk)
    context = {
        "product": product,
        "photos": list(product.photos.all()),
        "siblings": _siblings(product),
        "prices": price_facts(product, shelves=_shelves_above(shelf)),
        "rows": rows,
        "max_quantity": min(MAX_IN_FORM, left),
        "is_buyable": left > 0,
        **stock,
        **restock,
        **reviews_context(request, product),
        **place_of(shelf),
    }
    observe_product(request, product.pk, [row.source for row in rows])
    return render(request, "shop/products/detail.html", context)


def gone_page(request: HttpRequest, product: Product) -> HttpResponse:
    """Say that a product is no longer sold, and show what else there is."""
    shelf = find_shelf_by_id(product.category_id)
    context = {"name": product.name, "cards": render_cards(_related(product))}
    return render(request, "410.html", context | place_of(shelf), status=410)


def product_url(product: Product) -> str:
    """Return the one address of a product's page."""
    return reverse("shop:product", args=[product.slug, product.pk])


def place_of(shelf: Shelf | None) -> dict[str, Any]:
    """Return where a page stands among the categories, for its breadcrumbs."""
    path = (*shelf.path, shelf) if shelf else ()
    return {"current_shelf": shelf, "crumbs": path, "current_ids": [s.id for s in path]}


def _shelves_above(shelf: Shelf | None) -> list[int]:
    return [one.id for one in (*shelf.path, shelf)] if shelf else []


def _siblings(product: Product) -> list[dict[str, Any]]:
    if product.group_id is None:
        return []
    siblings = (
        Product.objects.on_sale()
        .filter(group=product.group_id)
        .order_by("id")
        .values("id", "slug", "name", "options", photo=first_photo())
    )
    return [
        sibling | {"photo_url": photo_url(sibling["photo"])} for sibling in siblings
    ]


def _related(product: Product) -> list[Any]:
    others = (
        Product.objects.on_sale()
        .with_available()
        .filter(category=product.category_id)
        .exclude(pk=product.pk)
        .order_by("-created_at", "-id")
    )
    return card_rows(others[:RELATED])
