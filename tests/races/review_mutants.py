"""Reviews with one guard taken out, to see that a race notices; as in ``mutants``."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Barrier
from unittest.mock import patch

from catalog import services as catalog
from catalog.models import Product
from reviews import services as reviews
from reviews.errors import ReviewNotFound
from reviews.models import Review, ReviewQuerySet
from tests.concurrency import STUCK_AFTER
from tests.races.mutants import without_constraints


def _read(product_id: int) -> Product:
    return Product.objects.get(pk=product_id)


@contextmanager
def rating_without_the_lock(together: int) -> Iterator[None]:
    """Work the average out without the product's lock, all at the same moment."""
    barrier = Barrier(together, timeout=STUCK_AFTER)
    rate = reviews._rate

    def rate_together(product: Product) -> None:
        # Everybody has changed a review by now, and nobody sees another's.
        barrier.wait()
        rate(product)

    with (
        patch.object(catalog, "lock", _read),
        patch.object(reviews, "_rate", rate_together),
    ):
        yield


@contextmanager
def writing_again_and_again(together: int) -> Iterator[None]:
    """Look for an earlier review without a lock, where no constraint minds."""
    barrier = Barrier(together, timeout=STUCK_AFTER)
    first = ReviewQuerySet.first

    def first_of_all(self: ReviewQuerySet) -> Review | None:
        found = first(self)
        barrier.wait()
        return found

    with (
        patch.object(catalog, "lock", _read),
        patch.object(ReviewQuerySet, "first", first_of_all),
        without_constraints("review_one_per_user_and_product"),
    ):
        yield


@contextmanager
def voting_without_the_lock(together: int) -> Iterator[None]:
    """Count votes without the review's lock, all at the same moment."""
    barrier = Barrier(together, timeout=STUCK_AFTER)
    count = reviews._count_votes

    def read(review_id: int) -> Review:
        review = Review.objects.filter(pk=review_id).first()
        if review is None:
            raise ReviewNotFound
        return review

    def count_together(review: Review) -> Review:
        # Everybody has voted by now, and nobody sees another's vote.
        barrier.wait()
        return count(review)

    with (
        patch.object(reviews, "_lock_row", read),
        patch.object(reviews, "_count_votes", count_together),
    ):
        yield
