"""What a product page says of its reviews, and what it was asked to show of them."""

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict
from django.urls import reverse

from catalog.models import Product
from common.memo import Memo
from reviews import selectors
from reviews.models import ORDERS, STARS, Review, ReviewSort, position_of
from reviews.selectors import USUAL_SORT, Wish
from shop.typing import user_id_of

PER_PAGE = 8
PLACE = "reviews"

_histograms: Memo[tuple[int, int], dict[int, int]] = Memo(seconds=15, size=500)


@dataclass(frozen=True, slots=True)
class Bar:
    """How many reviews give so many stars, and where to read only those."""

    stars: int
    count: int
    is_chosen: bool
    query: str


def asked_of(query: QueryDict) -> Wish:
    """Read which reviews are wanted; what makes no sense is left out."""
    stars = query.get("stars", "")
    sort = query.get("sort", "")
    order = ReviewSort(sort) if sort in ReviewSort.values else USUAL_SORT
    return Wish(
        sort=order,
        stars=int(stars) if stars in {str(number) for number in STARS} else None,
        only_photos=query.get("photos") == "1",
        after=_place_of(query.get("after", ""), order),
    )


def reviews_context(request: HttpRequest, product: Product) -> dict[str, Any]:
    """Return the reviews of a product as asked for, its ratings, and one's own part.

    A product that nobody has reviewed costs a guest no statement.
    """
    reader_id, wish = user_id_of(request), asked_of(request.GET)
    context: dict[str, Any] = {
        "standing": selectors.standing(reader_id, product.pk),
        "reviews_wish": wish,
        "reviews_here": reverse("shop:product-reviews", args=[product.pk]),
    }
    if not product.rating_count:
        return context
    # A review that counts gives the product a new version.
    key = (product.pk, product.version)
    counts = _histograms.get_or_make(key, lambda: selectors.histogram(product.pk))
    shown = selectors.published(
        product.pk, wish, limit=PER_PAGE + 1, reader_id=reader_id
    )
    following = ""
    if len(shown) > PER_PAGE:
        place = position_of(shown[PER_PAGE - 1], wish.sort)
        following = _query(replace(wish, after=place))
    return context | {
        "reviews": shown[:PER_PAGE],
        "reviews_next": following,
        "reviews_first": _query(replace(wish, after=())) if wish.after else "",
        "reviews_all": _query(Wish(sort=wish.sort)),
        "reviews_photos": _query(
            replace(wish, only_photos=not wish.only_photos, after=())
        ),
        "reviews_bars": [_bar(stars, count, wish) for stars, count in counts.items()],
        "reviews_sorts": ReviewSort.choices,
    }


def reviews_url(product: Product) -> str:
    """Return where a product's reviews stand."""
    page = reverse("shop:product", args=[product.slug, product.pk])
    return f"{page}#{PLACE}"


def author_of(review: Review) -> str:
    """Return what the page calls a review's author."""
    return selectors.shown_name(review.user)


def _bar(stars: int, count: int, wish: Wish) -> Bar:
    is_chosen = wish.stars == stars
    chosen = replace(wish, stars=None if is_chosen else stars, after=())
    return Bar(stars, count, is_chosen, _query(chosen))


def _query(wish: Wish) -> str:
    parts: dict[str, Any] = {}
    if wish.sort != USUAL_SORT:
        parts["sort"] = wish.sort.value
    if wish.stars is not None:
        parts["stars"] = wish.stars
    if wish.only_photos:
        parts["photos"] = 1
    if wish.after:
        parts["after"] = "-".join(map(str, wish.after))
    return f"?{urlencode(parts)}"


def _place_of(text: str, sort: ReviewSort) -> tuple[int, ...]:
    parts = text.split("-")
    if len(parts) != len(ORDERS[sort]):
        return ()
    if not all(part.isascii() and part.isdigit() and len(part) < 19 for part in parts):  # noqa: PLR2004 — bigint
        return ()
    return tuple(map(int, parts))
