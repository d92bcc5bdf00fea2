"""What buyers say about products: reading, writing, photos, votes, reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.permissions import SAFE_METHODS, AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CursorInvalid
from api.fields import Input, StrictInteger, StrictText, clean, clean_query
from api.idempotency import once, once_silently
from api.pagination import PageQuery, decode_cursor, encode_cursor, link_header, page
from api.schema import operation
from api.shapes import PageJson, TotalJson
from api.typing import AuthenticatedRequest
from api.views import PersonalView, cacheable
from catalog.errors import ProductNotFound
from catalog.models import Product
from reviews import pictures, selectors
from reviews import services as reviews
from reviews.errors import ReviewNotFound
from reviews.models import (
    HIGHEST,
    LONGEST_TEXT,
    LOWEST,
    ORDERS,
    SHORTEST_TEXT,
    HelpfulVote,
    ReportReason,
    Review,
    ReviewPhoto,
    ReviewQuerySet,
    ReviewSort,
    position_of,
)
from reviews.selectors import Wish


class ReviewPhotoJson(TypedDict):
    """A buyer's picture, large and small."""

    id: int
    url: str
    thumbnail: str
    width: int
    height: int


class ReplyJson(TypedDict):
    """What the shop says to it."""

    text: str
    replied_at: datetime


class ReviewJson(TypedDict):
    """A review; ``is_verified`` because only buyers write them."""

    id: int
    product_id: int
    author: str
    is_verified: bool
    rating: int
    text: str
    photos: list[ReviewPhotoJson]
    helpful: int
    reply: ReplyJson | None
    written_at: datetime
    edited_at: datetime | None


class OwnReviewJson(ReviewJson):
    """One's own review, with where it stands; ``reason`` says why it is not shown."""

    state: Literal["pending", "published", "rejected", "withdrawn"]
    reason: str


class ReviewsRatingJson(TypedDict):
    """All published reviews together; ``histogram`` counts them by stars."""

    average: float | None
    count: int
    histogram: dict[str, int]


class ReviewsJson(TotalJson):
    """A part of a product's reviews; ``next`` is the address of the following one."""

    items: list[ReviewJson]
    next: str | None
    previous: str | None
    rating: ReviewsRatingJson


class HelpfulJson(TypedDict):
    """How many found it helpful, and whether this shopper is one of them."""

    review_id: int
    helpful: int
    is_helpful: bool


class ReviewsQuery(PageQuery):
    stars = serializers.IntegerField(
        min_value=LOWEST, max_value=HIGHEST, required=False
    )
    photos = serializers.BooleanField(
        required=False, help_text="Only those with photos."
    )
    sort = serializers.ChoiceField(ReviewSort.values, default=ReviewSort.NEWEST.value)


class ReviewInput(Input):
    rating = StrictInteger(min_value=LOWEST, max_value=HIGHEST)
    text = StrictText(min_length=SHORTEST_TEXT, max_length=LONGEST_TEXT)


class ReviewChange(Input):
    rating = StrictInteger(min_value=LOWEST, max_value=HIGHEST, required=False)
    text = StrictText(min_length=SHORTEST_TEXT, max_length=LONGEST_TEXT, required=False)


class ReportInput(Input):
    reason = serializers.ChoiceField(ReportReason.values)


class PhotosInput(Input):
    photos = serializers.ListField(
        child=serializers.FileField(), help_text="JPEG, PNG or WebP, up to 5 MB each."
    )


REVIEWS_QUERY = ReviewsQuery()
PAGE_QUERY = PageQuery()
REVIEW_INPUT = ReviewInput()
REVIEW_CHANGE = ReviewChange()
REPORT_INPUT = ReportInput()
PHOTOS_INPUT = PhotosInput()
EXAMPLE = {"rating": 5, "text": "Arrived whole, and the glaze is even better."}


class _OpenToReaders(PersonalView):
    """Reading is the same for everybody, writing takes a shopper."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [] if self._is_reading() else super().get_authenticators()

    def get_permissions(self) -> Sequence[Any]:
        return [AllowAny()] if self._is_reading() else super().get_permissions()

    def _is_reading(self) -> bool:
        # Whoever draws the description of the API looks in without a request.
        return getattr(self.request, "method", "") in SAFE_METHODS


class ProductReviewsView(_OpenToReaders):
    """What buyers say about a product."""

    cache_control = "public, max-age=60"

    @operation(
        "reviews_list",
        "List a product's reviews",
        query=REVIEWS_QUERY,
        reply={200: ReviewsJson},
    )
    def get(self, request: Request, product_id: int) -> HttpResponse:
        """List published reviews, with the average and how often each rating occurs."""
        asked = clean_query(REVIEWS_QUERY, request)
        product = Product.objects.on_sale().filter(pk=product_id).first()
        if product is None:
            raise ProductNotFound
        limit, sort = asked["limit"], ReviewSort(asked["sort"])
        wish = Wish(
            sort=sort,
            stars=asked.get("stars"),
            only_photos=asked.get("photos") or False,
            after=_position(asked.get("cursor"), sort),
        )
        body = page(
            request,
            selectors.published(product_id, wish, limit=limit + 1),
            limit,
            cursor_of=lambda one: encode_cursor(sort.value, *position_of(one, sort)),
            render=review_json,
            all_rows=selectors.chosen(product_id, wish),
        )
        body["rating"] = _rating(product)
        return cacheable(request, body, link_header(body))

    @operation(
        "reviews_create",
        "Review a product",
        body=REVIEW_INPUT,
        reply={201: OwnReviewJson},
        example=EXAMPLE,
        keyed="yes",
        problems=(404,),
    )
    def post(self, request: AuthenticatedRequest, product_id: int) -> HttpResponse:
        """Write a review of a product that was delivered to you; staff read it first.

        `not_a_buyer`: no delivered order of yours has it. `already_reviewed`: change
        the review `review_id` instead.
        """
        given = clean(REVIEW_INPUT, request)
        return once(
            request,
            lambda: own_json(
                reviews.write(user_id=request.user.pk, product_id=product_id, **given)
            ),
            status=201,
            location="/api/v1/reviews/{id}",
        )


class OwnReviewsView(PersonalView):
    """What the shopper has written."""

    @operation(
        "reviews_mine",
        "List one's own reviews",
        query=PAGE_QUERY,
        reply={200: PageJson[OwnReviewJson]},
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List one's own reviews with their state, newest first."""
        asked = clean_query(PAGE_QUERY, request)
        limit, sort = asked["limit"], ReviewSort.NEWEST
        own = after = _own(request).kept().in_order(sort)
        if position := decode_cursor(asked.get("cursor"), int):
            after = own.after(sort, position)
        rows = after.select_related("user").prefetch_related("photos")[: limit + 1]
        body = page(
            request,
            list(rows),
            limit,
            cursor_of=lambda one: encode_cursor(one.pk),
            render=own_json,
            all_rows=own,
        )
        return Response(body, headers=link_header(body))


class ReviewView(PersonalView):
    """One of the shopper's own reviews."""

    @operation("reviews_retrieve", "Show one's own review", reply={200: OwnReviewJson})
    def get(self, request: AuthenticatedRequest, review_id: int) -> Response:
        """Show one's own review, whatever its state."""
        review = _own(request).kept().filter(pk=review_id).first()
        if review is None:
            raise ReviewNotFound
        return Response(own_json(review))

    @operation(
        "reviews_update",
        "Change one's review",
        body=REVIEW_CHANGE,
        reply={200: OwnReviewJson},
        example=EXAMPLE,
        keyed="yes",
    )
    def patch(self, request: AuthenticatedRequest, review_id: int) -> HttpResponse:
        """Change stars or text; the review is `pending` until staff have read it."""
        given = clean(REVIEW_CHANGE, request)
        return once(
            request,
            lambda: own_json(
                reviews.edit(user_id=request.user.pk, review_id=review_id, **given)
            ),
        )

    @operation(
        "reviews_delete", "Take one's review back", reply={204: None}, keyed="yes"
    )
    def delete(self, request: AuthenticatedRequest, review_id: int) -> HttpResponse:
        """Take a review back, with its photos; it counts no longer."""
        return once_silently(
            request,
            lambda: reviews.withdraw(user_id=request.user.pk, review_id=review_id),
        )


class ReviewPhotosView(PersonalView):
    """The pictures of one's review."""

    parser_classes = [MultiPartParser]

    @operation(
        "reviews_add-photos",
        "Add photos to one's review",
        upload=PHOTOS_INPUT,
        reply={201: OwnReviewJson},
        problems=(409,),
    )
    def post(self, request: AuthenticatedRequest, review_id: int) -> Response:
        """Add photos, up to five in all; the review is read again by staff.

        JPEG, PNG or WebP, told by the content. They are made anew: nothing else that
        is in the files, a place for instance, is kept. `photo_too_large`: more bytes
        or pixels than `max_bytes` or `max_pixels`.
        """
        if not _own(request).kept().filter(pk=review_id).exists():
            raise ReviewNotFound
        files = request.FILES.getlist("photos")
        if not files:
            message = serializers.Field.default_error_messages["required"]
            raise ValidationError({"photos": [message]}, code="required")
        review = reviews.edit(
            user_id=request.user.pk, review_id=review_id, photos=pictures.read(files)
        )
        return Response(own_json(review), status=201)


class ReviewPhotoView(PersonalView):
    """One picture of one's review."""

    @operation("reviews_delete-photo", "Remove a photo", reply={204: None})
    def delete(
        self, request: AuthenticatedRequest, review_id: int, photo_id: int
    ) -> Response:
        """Remove a photo; one that is not there any more is fine."""
        reviews.edit(
            user_id=request.user.pk, review_id=review_id, without_photos=[photo_id]
        )
        return Response(status=204)


class HelpfulView(PersonalView):
    """Whether a review helped the shopper."""

    @operation(
        "reviews_vote",
        "Call a review helpful",
        reply={200: HelpfulJson},
        keyed="yes",
        problems=(409,),
    )
    def post(self, request: AuthenticatedRequest, review_id: int) -> HttpResponse:
        """Call somebody else's review helpful; doing so twice counts once."""
        ids = {"user_id": request.user.pk, "review_id": review_id}
        return once(request, lambda: _helpful(request, reviews.vote(**ids)))

    @operation(
        "reviews_take-back-vote",
        "Call it helpful no longer",
        reply={200: HelpfulJson},
        keyed="yes",
        problems=(409,),
    )
    def delete(self, request: AuthenticatedRequest, review_id: int) -> HttpResponse:
        """Take a vote back; there being none is fine."""
        ids = {"user_id": request.user.pk, "review_id": review_id}
        return once(request, lambda: _helpful(request, reviews.take_back_vote(**ids)))


class ReportView(PersonalView):
    """Reviews that should not be there."""

    @operation(
        "reviews_report",
        "Report a review",
        body=REPORT_INPUT,
        reply={204: None},
        example={"reason": "spam"},
        keyed="yes",
        problems=(409,),
    )
    def post(self, request: AuthenticatedRequest, review_id: int) -> HttpResponse:
        """Ask staff to look at somebody else's review; once per shopper and review."""
        reason = ReportReason(clean(REPORT_INPUT, request)["reason"])
        return once_silently(
            request,
            lambda: reviews.report(
                user_id=request.user.pk, review_id=review_id, reason=reason
            ),
        )


def review_json(review: Review) -> ReviewJson:
    """Render what everybody may see."""
    return {
        "id": review.pk,
        "product_id": review.product_id,
        "author": selectors.shown_name(review.user),
        "is_verified": True,
        "rating": review.rating,
        "text": review.text,
        "photos": [_photo(photo) for photo in review.photos.all()],
        "helpful": review.helpful_count,
        "reply": _reply(review),
        "written_at": review.written_at,
        "edited_at": review.edited_at,
    }


def own_json(review: Review) -> dict[str, Any]:
    """Render what its author may see."""
    return {**review_json(review), "state": review.state, "reason": review.reason}


def _own(request: AuthenticatedRequest) -> ReviewQuerySet:
    return Review.objects.of_user(request.user.pk)


def _reply(review: Review) -> ReplyJson | None:
    if review.answered_at is None:
        return None
    return {"text": review.answer, "replied_at": review.answered_at}


def _photo(photo: ReviewPhoto) -> ReviewPhotoJson:
    name = str(photo.image)
    return {
        "id": photo.pk,
        "url": pictures.url(name),
        "thumbnail": pictures.url(pictures.small_name(name)),
        "width": photo.width,
        "height": photo.height,
    }


def _rating(product: Product) -> ReviewsRatingJson:
    average = product.rating_average
    counts = selectors.histogram(product.pk)
    return {
        "average": None if average is None else float(average),
        "count": product.rating_count,
        "histogram": {str(stars): count for stars, count in counts.items()},
    }


def _helpful(request: AuthenticatedRequest, review: Review) -> HelpfulJson:
    own = HelpfulVote.objects.filter(review=review, user=request.user.pk)
    return {
        "review_id": review.pk,
        "helpful": review.helpful_count,
        "is_helpful": own.exists(),
    }


def _position(cursor: str | None, sort: ReviewSort) -> list[int]:
    position = decode_cursor(cursor, str, *(int for _name in ORDERS[sort]))
    if not position:
        return []
    if position[0] != sort.value:
        raise CursorInvalid
    return position[1:]
