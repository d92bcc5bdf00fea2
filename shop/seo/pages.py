"""The facts of each page that is to be found."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.models import Product
from shop.reviews import author_of
from shop.seo import structured
from shop.seo.head import Facts
from shop.seo.structured import Described
from shop.shelves import Shelf, trail
from shop.storefront import HomeDelivery

# As much as search engines show of a description.
DESCRIPTION = 155
# Enough for whoever looks for opinions; the page has all.
REVIEWS = 3
# The first link of a card leads to its product.
_PRODUCT_LINK = re.compile(r'href="(/p/[^"]+)"')


def home_facts(image: str = "") -> Facts:
    """Return the facts of the front page."""
    return Facts(
        title=settings.SHOP_NAME,
        description=_(
            "Everyday things, exact stock, and prices that explain themselves."
        ),
        image=image,
        structured=(structured.organization(), structured.website()),
    )


def list_facts(title: str, count: int, shelf: Shelf | None) -> Facts:
    """Return the facts of a list of ``count`` products, in a category or not."""
    text = ngettext("%(count)s product", "%(count)s products", count)
    told = f"{title}: {text % {'count': number_format(count, force_grouping=True)}}"
    path = trail(shelf)
    return Facts(
        title=title,
        description=told,
        structured=(structured.breadcrumbs(path),) if path else (),
    )


def described(
    product: Product, shown: Mapping[str, Any], ways: Sequence[HomeDelivery]
) -> Described:
    """Gather what a product's page shows, whose context ``shown`` is."""
    path = reverse("shop:product", args=[product.slug, product.pk])
    return Described(
        path=path,
        name=shown["name"],
        description=shown["description"],
        sku=product.sku,
        images=[photo["url"] for photo in shown["photos"]],
        price=product.price,
        available=shown["left"],
        ways=ways,
        options=product.options,
        rating_average=product.rating_average,
        rating_count=product.rating_count,
        reviews=[
            structured.review(
                author=author_of(review),
                stars=review.rating,
                text=review.text,
                day=f"{review.written_at:%Y-%m-%d}",
            )
            for review in shown.get("reviews", ())[:REVIEWS]
        ],
    )


def product_facts(product: Described, shelf: Shelf | None) -> Facts:
    """Return the facts of a product's page."""
    shelves = trail(shelf)
    return Facts(
        title=product.name,
        description=shortened(product.description),
        image=product.images[0] if product.images else "",
        kind="product",
        path=product.path,
        structured=(
            structured.product(product, category_path(shelf)),
            structured.breadcrumbs(shelves, product.name),
        ),
    )


def category_path(shelf: Shelf | None) -> str:
    """Return the names of the categories a product stands in, as machines want them."""
    return " > ".join(one.name for one in trail(shelf))


def products_of(cards: Iterable[str]) -> list[str]:
    """Return the paths of the products that finished cards lead to."""
    found = (_PRODUCT_LINK.search(card) for card in cards)
    return [link[1] for link in found if link]


def shortened(text: str) -> str:
    """Return the beginning of a text, up to the end of a word, on one line."""
    text = " ".join(text.split())
    if len(text) <= DESCRIPTION:
        return text
    return text[: text.rfind(" ", 0, DESCRIPTION) + 1].rstrip(" ,;:–-") + "…"
