"""What readers and authors see of reviews."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from accounts.models import User
from catalog.texts import local_name
from orders.models import Order, OrderLine, OrderStatus
from reviews.models import (
    STARS,
    HelpfulVote,
    Review,
    ReviewQuerySet,
    ReviewSort,
    ReviewState,
)

USUAL_SORT = ReviewSort.HELPFUL


@dataclass(frozen=True, slots=True)
class Wish:
    """Which of a product's reviews are wanted; ``after`` is a ``position_of``."""

    sort: ReviewSort = USUAL_SORT
    stars: int | None = None
    only_photos: bool = False
    after: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What a shopper is to a product: author of a review, or somebody who may be."""

    own: Review | None = None
    may_write: bool = False


def published(
    product_id: int, wish: Wish, *, limit: int, reader_id: int | None = None
) -> list[Review]:
    """Return published reviews with authors and photos, in two statements.

    ``is_voted`` says of each whether the reader called it helpful.
    """
    reviews = chosen(product_id, wish)
    if wish.after:
        reviews = reviews.after(wish.sort, list(wish.after))
    votes = HelpfulVote.objects.filter(review=OuterRef("pk"), user=reader_id)
    reviews = reviews.annotate(is_voted=Exists(votes)).select_related("user")
    found = reviews.prefetch_related("photos").in_order(wish.sort)
    return list(found[:limit])


def chosen(product_id: int, wish: Wish) -> ReviewQuerySet:
    """Return the published reviews that are wanted, on whatever page."""
    reviews = Review.objects.published().filter(product=product_id)
    if wish.stars is not None:
        reviews = reviews.filter(rating=wish.stars)
    return reviews.with_photos() if wish.only_photos else reviews


def histogram(product_id: int) -> dict[int, int]:
    """Return how many published reviews give each number of stars, the most first."""
    counted = Review.objects.published().filter(product=product_id)
    rows = counted.values_list("rating").annotate(count=Count("pk")).order_by()
    found: Mapping[int, int] = dict(rows)
    return {stars: found.get(stars, 0) for stars in reversed(STARS)}


def standing(user_id: int | None, product_id: int) -> Standing:
    """Return what a shopper may do about a product; nothing for a guest.

    One statement, a second one for who has written something.
    """
    if user_id is None:
        return Standing()
    own = Review.objects.of_user(user_id).filter(product=product_id)
    kept = own.exclude(state=ReviewState.WITHDRAWN)
    [(own_id, may_write)] = User.objects.filter(pk=user_id).values_list(
        Subquery(kept.values("pk")[:1]), Exists(_deliveries(user_id, product_id))
    )
    if own_id is not None:
        return Standing(own=own.get(pk=own_id))
    return Standing(may_write=may_write)


def _deliveries(user_id: int, product_id: int) -> QuerySet[Order]:
    delivered = Order.objects.placed_by(user_id).filter(status=OrderStatus.DELIVERED)
    return delivered.filter(lines__product=product_id)


def to_review(user_id: int, *, limit: int) -> list[OrderLine]:
    """Return a line of each delivered product that waits for a review, newest first."""
    own = Review.objects.of_user(user_id).kept().filter(product=OuterRef("product"))
    lines: Iterable[OrderLine] = (
        OrderLine.objects.filter(
            order__user=user_id,
            order__status=OrderStatus.DELIVERED,
            product__published_at__isnull=False,
        )
        .exclude(Exists(own))
        .select_related("product")
        .annotate(shown_name=local_name("product"))
        .order_by("product", "-order")
        .distinct("product")
    )
    return sorted(lines, key=lambda line: line.order_id, reverse=True)[:limit]


def shown_name(author: User) -> str:
    """Return what the page calls an author: first word and an initial, never more.

    Who has left the shop, or was blocked, is nobody in particular.
    """
    words = author.name.split() if author.is_active else []
    if not words:
        return _("A buyer")
    first, *others = words
    return f"{first} {others[-1][0]}." if others else first
