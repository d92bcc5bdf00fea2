"""The only code that writes reviews, and the ratings that products have from them.

Whatever may change a rating locks the product first and then the review. The average
is always worked out anew from the published rows under that lock, never added to: so
it cannot drift, whoever publishes, edits and takes back at the same moment.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from catalog import services as catalog
from catalog.errors import ProductNotFound
from catalog.models import Product
from common.db import requires_transaction, use_case
from orders.models import Order, OrderStatus
from outbox import services as outbox
from reviews import pictures
from reviews.errors import (
    AlreadyReviewed,
    InvalidReviewStep,
    NotABuyer,
    OwnReview,
    ReviewChanged,
    ReviewInvalid,
    ReviewNotFound,
    TooManyPhotos,
)
from reviews.models import (
    LONGEST_ANSWER,
    LONGEST_TEXT,
    MAX_PHOTOS,
    SHORTEST_TEXT,
    STARS,
    HelpfulVote,
    ReportReason,
    Review,
    ReviewPhoto,
    ReviewReport,
    ReviewState,
)
from reviews.pictures import Picture, Stored

HUNDREDTH = Decimal("0.01")


# --- What authors do -----------------------------------------------------------------


def write(
    *,
    user_id: int,
    product_id: int,
    rating: int,
    text: str,
    photos: Sequence[Picture] = (),
) -> Review:
    """Write a review of a product that was delivered to its author; staff see it first.

    What was taken back can be written anew. Raises ``ProductNotFound``, ``NotABuyer``,
    ``AlreadyReviewed`` or ``ReviewInvalid``.
    """
    words = _checked(text)
    _check_stars(rating)
    with pictures.stored(photos) as kept:
        return _write(user_id, product_id, rating, words, kept)


def edit(
    *,
    user_id: int,
    review_id: int,
    rating: int | None = None,
    text: str | None = None,
    photos: Sequence[Picture] = (),
    without_photos: Sequence[int] = (),
) -> Review:
    """Change what is given of one's review: stars, text, photos more, photos fewer.

    ``without_photos`` are ids. Any change takes it off the page until staff have read
    it; without one it stays as it is. Raises ``ReviewNotFound``, ``ReviewInvalid`` or
    ``TooManyPhotos``.
    """
    words = None if text is None else _checked(text)
    if rating is not None:
        _check_stars(rating)
    with pictures.stored(photos) as kept:
        return _edit(user_id, review_id, (rating, words), kept, without_photos)


@use_case
def withdraw(*, user_id: int, review_id: int) -> None:
    """Take one's review back: its text, photos, votes and reply are gone.

    Doing so twice is fine. Raises ``ReviewNotFound``.
    """
    product, review = _lock(review_id, user_id=user_id)
    if review.state == ReviewState.WITHDRAWN:
        return
    _drop_photos(review, [photo.pk for photo in review.photos.all()])
    review.votes.all().delete()
    review.reports.all().delete()
    _become(
        review,
        ReviewState.WITHDRAWN,
        text="",
        reason="",
        answer="",
        answered_at=None,
        answered_by_id=None,
        helpful_count=0,
        open_reports=0,
    )
    _rate(product)


# --- What readers do -----------------------------------------------------------------


@use_case
def vote(*, user_id: int, review_id: int) -> Review:
    """Call somebody else's review helpful; doing so twice counts once.

    Raises ``ReviewNotFound`` or ``OwnReview``.
    """
    review = _lock_for_reader(review_id, user_id)
    HelpfulVote.objects.get_or_create(review=review, user_id=user_id)
    return _count_votes(review)


@use_case
def take_back_vote(*, user_id: int, review_id: int) -> Review:
    """Call it helpful no longer; raise ``ReviewNotFound`` or ``OwnReview``."""
    review = _lock_for_reader(review_id, user_id)
    HelpfulVote.objects.filter(review=review, user_id=user_id).delete()
    return _count_votes(review)


@use_case
def report(*, user_id: int, review_id: int, reason: ReportReason) -> Review:
    """Tell staff that a review should not be there; each shopper once per review.

    It stays where it is until they have looked: reports alone take nothing down.
    Raises ``ReviewNotFound`` or ``OwnReview``.
    """
    review = _lock_for_reader(review_id, user_id)
    ReviewReport.objects.get_or_create(
        review=review, user_id=user_id, defaults={"reason": reason}
    )
    return _count_reports(review)


# --- What staff do -------------------------------------------------------------------


@use_case
def publish(
    *, review_id: int, actor_id: int | None, version: int | None = None
) -> Review:
    """Let everybody read a review, and count it; open reports are settled by that.

    ``version`` is the one that was read. Raises ``ReviewNotFound``,
    ``InvalidReviewStep`` or ``ReviewChanged``.
    """
    product, review = _lock(review_id, version=version)
    before = review.state
    _decide(review, ReviewState.PUBLISHED, actor_id, reason="")
    _rate(product)
    if before != ReviewState.PUBLISHED:
        _tell("review.published", review, product)
    return review


@use_case
def reject(
    *, review_id: int, reason: str, actor_id: int | None, version: int | None = None
) -> Review:
    """Keep a review from the page, or take it down, for a reason its author reads.

    Raises ``ReviewNotFound``, ``InvalidReviewStep``, ``ReviewChanged`` or
    ``ReviewInvalid``.
    """
    if not reason.strip():
        raise ReviewInvalid(_("Please give a reason."))
    product, review = _lock(review_id, version=version)
    _decide(review, ReviewState.REJECTED, actor_id, reason=reason.strip())
    _rate(product)
    _tell("review.rejected", review, product)
    return review


@use_case
def answer(*, review_id: int, text: str, actor_id: int | None) -> Review:
    """Reply to a published review in the shop's name; an empty text takes it away.

    Raises ``ReviewNotFound`` or ``ReviewInvalid``.
    """
    words = text.strip()
    if len(words) > LONGEST_ANSWER:
        raise ReviewInvalid(_("The reply is too long."))
    review = _lock_row(review_id)
    if not review.is_published:
        raise ReviewNotFound
    review.answer = words
    review.answered_by_id = actor_id if words else None
    review.answered_at = Now() if words else None
    review.save(update_fields=["answer", "answered_by", "answered_at"])
    return _fresh(review)


# --- Steps of them -------------------------------------------------------------------


def _check_stars(rating: int) -> None:
    if rating not in STARS:
        raise ReviewInvalid(_("Give one to five stars."))


def _checked(text: str) -> str:
    words = text.strip()
    if not SHORTEST_TEXT <= len(words) <= LONGEST_TEXT or "\0" in words:
        raise ReviewInvalid(
            _("Please write %(least)s to %(most)s characters.")
            % {"least": SHORTEST_TEXT, "most": LONGEST_TEXT}
        )
    return words


@use_case
def _write(
    user_id: int, product_id: int, rating: int, text: str, photos: list[Stored]
) -> Review:
    _lock_product_on_sale(product_id)
    order = _proof(user_id, product_id)
    own = Review.objects.select_for_update(no_key=True).filter(product=product_id)
    review = own.filter(user_id=user_id).first()
    if review is None:
        review = Review.objects.create(
            user_id=user_id,
            product_id=product_id,
            order=order,
            rating=rating,
            text=text,
        )
    elif review.state != ReviewState.WITHDRAWN:
        raise AlreadyReviewed(review_id=review.pk)
    else:
        review.version += 1
        _become(
            review,
            ReviewState.PENDING,
            rating=rating,
            text=text,
            order_id=order.pk,
            version=review.version,
            written_at=Now(),
            edited_at=None,
        )
    _add_photos(review, photos)
    return _fresh(review)


@use_case
def _edit(
    user_id: int,
    review_id: int,
    wanted: tuple[int | None, str | None],
    photos: list[Stored],
    without_photos: Sequence[int],
) -> Review:
    product, review = _lock(review_id, user_id=user_id)
    if review.state == ReviewState.WITHDRAWN:
        raise ReviewNotFound
    rating, text = wanted[0] or review.rating, wanted[1] or review.text
    gone = _drop_photos(review, without_photos)
    if not (gone or photos) and (rating, text) == (review.rating, review.text):
        return review
    _add_photos(review, photos)
    review.version += 1
    _become(
        review,
        ReviewState.PENDING,
        rating=rating,
        text=text,
        reason="",
        version=review.version,
        edited_at=Now(),
    )
    _rate(product)
    return _fresh(review)


def _lock_product_on_sale(product_id: int) -> Product:
    # Under this lock two tabs write one after the other, and one finds the other's.
    product = catalog.lock(product_id)
    if not Product.objects.on_sale().filter(pk=product.pk).exists():
        raise ProductNotFound
    return product


def _proof(user_id: int, product_id: int) -> Order:
    """Return a delivered order of the shopper's, for this product; it stays that."""
    bought = Order.objects.placed_by(user_id).filter(
        status=OrderStatus.DELIVERED,
        lines__product=product_id,
        # Read here and not from the session: somebody may just have been blocked.
        user__is_active=True,
    )
    order = bought.order_by("-pk").first()
    if order is None:
        raise NotABuyer
    return order


@requires_transaction
def _lock(
    review_id: int, *, user_id: int | None = None, version: int | None = None
) -> tuple[Product, Review]:
    """Lock the product of a review and then the review."""
    reviews = Review.objects.filter(pk=review_id)
    if user_id is not None:
        reviews = reviews.of_user(user_id)
    product_id = reviews.values_list("product_id", flat=True).first()
    if product_id is None:
        raise ReviewNotFound
    product = catalog.lock(product_id)
    review = _lock_row(review_id)
    if version is not None and review.version != version:
        raise ReviewChanged(version=review.version)
    return product, review


def _lock_row(review_id: int) -> Review:
    reviews = Review.objects.select_for_update(no_key=True).filter(pk=review_id)
    review = reviews.first()
    if review is None:
        raise ReviewNotFound
    return review


def _lock_for_reader(review_id: int, user_id: int) -> Review:
    review = _lock_row(review_id)
    if review.user_id == user_id:
        raise OwnReview
    if not review.is_published:
        raise ReviewNotFound
    return review


def _decide(
    review: Review, state: ReviewState, actor_id: int | None, *, reason: str
) -> None:
    review.reports.filter(resolved_at=None).update(resolved_at=Now())
    _become(
        review,
        state,
        reason=reason,
        decided_by_id=actor_id,
        decided_at=Now(),
        open_reports=0,
    )
    _fresh(review)


def _tell(topic: str, review: Review, product: Product) -> None:
    """Let its author know what was decided."""
    outbox.publish(
        topic=topic,
        aggregate=f"review/{review.pk}",
        payload={
            "review_id": review.pk,
            "user_id": review.user_id,
            "product_id": product.pk,
            "product_name": product.name,
            "product_slug": product.slug,
            "rating": review.rating,
            "reason": review.reason,
        },
    )


def _become(review: Review, state: ReviewState, **changes: Any) -> None:
    if state != review.state and not review.can_become(state):
        raise InvalidReviewStep(state=review.state, wanted=state.value)
    for name, value in {"state": state, **changes}.items():
        setattr(review, name, value)
    review.save(update_fields=["state", *changes])


def _add_photos(review: Review, photos: list[Stored]) -> None:
    taken = set(review.photos.values_list("position", flat=True))
    free = [place for place in range(MAX_PHOTOS) if place not in taken]
    if len(photos) > len(free):
        raise TooManyPhotos(limit=MAX_PHOTOS)
    ReviewPhoto.objects.bulk_create(
        ReviewPhoto(
            review=review,
            image=photo.name,
            width=photo.width,
            height=photo.height,
            position=place,
        )
        for place, photo in zip(free, photos, strict=False)
    )


def _drop_photos(review: Review, photo_ids: Sequence[int]) -> bool:
    dropped = list(review.photos.filter(pk__in=photo_ids)) if photo_ids else []
    names = [str(photo.image) for photo in dropped]
    review.photos.filter(pk__in=[photo.pk for photo in dropped]).delete()
    if names:
        transaction.on_commit(partial(pictures.remove, names))
    return bool(names)


def _count_votes(review: Review) -> Review:
    review.helpful_count = review.votes.count()
    review.save(update_fields=["helpful_count"])
    return review


def _count_reports(review: Review) -> Review:
    review.open_reports = review.reports.filter(resolved_at=None).count()
    review.save(update_fields=["open_reports"])
    return review


def _rate(product: Product) -> None:
    """Work a locked product's rating out anew, from what is published now."""
    counted = Review.objects.published().filter(product=product)
    found = counted.aggregate(total=Sum("rating"), count=Count("pk"))
    count: int = found["count"]
    average = None
    if count:
        exact = Decimal(found["total"]) / count
        average = exact.quantize(HUNDREDTH, ROUND_HALF_UP)
    catalog.set_rating(product, average=average, count=count)


def _fresh(review: Review) -> Review:
    review.refresh_from_db()
    return review
