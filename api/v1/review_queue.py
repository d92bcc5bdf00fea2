"""Reviews as staff see them: read, let through or not, answered."""

from datetime import datetime

from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.response import Response

from api.fields import Id, Input, StrictText, clean, clean_query
from api.idempotency import once
from api.pagination import PageQuery, newest_first
from api.schema import operation
from api.shapes import PageJson
from api.staff import demand, note
from api.typing import AuthenticatedRequest
from api.v1.reviews import OwnReviewJson, own_json
from api.views import PersonalView
from reviews import services as reviews
from reviews.models import LONGEST_ANSWER, Review, ReviewState

MAY_VIEW = "reviews.view_review"
MAY_DECIDE = "reviews.change_review"


class QueuedReviewJson(OwnReviewJson):
    """A review with all that staff decide by; ``version`` says which text was read."""

    user_id: int
    version: int
    open_reports: int
    decided_at: datetime | None


class QueueQuery(PageQuery):
    state = serializers.ChoiceField(
        [*ReviewState.values, "open"],
        default="open",
        help_text="`open`: new, edited or reported, so somebody has to look.",
    )


class PublishInput(Input):
    version = Id(
        required=False, help_text="That was read; refused if it was edited since."
    )


class RejectInput(PublishInput):
    reason = StrictText(max_length=200, help_text="Its author reads it.")


class ReplyInput(Input):
    text = StrictText(
        max_length=LONGEST_ANSWER, allow_blank=True, help_text="Empty takes it away."
    )


QUEUE_QUERY = QueueQuery()
PUBLISH = PublishInput()
REJECT = RejectInput()
REPLY = ReplyInput()


class ReviewQueueView(PersonalView):
    """What waits for staff."""

    @operation(
        "review-queue_list",
        "List reviews for staff",
        query=QUEUE_QUERY,
        reply={200: PageJson[QueuedReviewJson]},
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """List reviews that are new, edited or reported, or in one state."""
        demand(request, MAY_VIEW)
        asked = clean_query(QUEUE_QUERY, request)
        if asked["state"] == "open":
            found = Review.objects.to_moderate()
        else:
            found = Review.objects.filter(state=asked["state"])
        rows = found.select_related("user").prefetch_related("photos")
        return newest_first(request, rows, asked, render=queued_json)


class ReviewPublishView(PersonalView):
    """Letting everybody read it."""

    @operation(
        "reviews_publish",
        "Publish a review",
        body=PUBLISH,
        example={"version": 1},
        reply={200: QueuedReviewJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, review_id: int) -> HttpResponse:
        """Let a review through, or keep a reported one, as staff; it counts then."""
        demand(request, MAY_DECIDE)
        version = clean(PUBLISH, request).get("version")

        def publish() -> QueuedReviewJson:
            review = reviews.publish(
                review_id=review_id, actor_id=request.user.pk, version=version
            )
            note(request, review, "published")
            return queued_json(review)

        return once(request, publish)


class ReviewRejectView(PersonalView):
    """Keeping it from the page."""

    @operation(
        "reviews_reject",
        "Reject a review",
        body=REJECT,
        example={"reason": "It is about another product.", "version": 1},
        reply={200: QueuedReviewJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, review_id: int) -> HttpResponse:
        """Hide a review, as staff, for a reason that its author reads."""
        demand(request, MAY_DECIDE)
        asked = clean(REJECT, request)

        def reject() -> QueuedReviewJson:
            review = reviews.reject(
                review_id=review_id,
                reason=asked["reason"],
                actor_id=request.user.pk,
                version=asked.get("version"),
            )
            note(request, review, f"rejected: {asked['reason']}")
            return queued_json(review)

        return once(request, reject)


class ReviewReplyView(PersonalView):
    """The shop's answer."""

    @operation(
        "reviews_reply",
        "Reply to a review",
        body=REPLY,
        example={"text": "Thank you! The new glaze is more even."},
        reply={200: QueuedReviewJson},
        keyed="yes",
    )
    def put(self, request: AuthenticatedRequest, review_id: int) -> HttpResponse:
        """Write the shop's reply to a published review, as staff, or take it away."""
        demand(request, MAY_DECIDE)
        text = clean(REPLY, request)["text"]

        def reply() -> QueuedReviewJson:
            review = reviews.answer(
                review_id=review_id, text=text, actor_id=request.user.pk
            )
            note(request, review, "replied")
            return queued_json(review)

        return once(request, reply)


def queued_json(review: Review) -> QueuedReviewJson:
    own: OwnReviewJson = own_json(review)  # type: ignore[assignment]  # all of its fields
    return {
        **own,
        "user_id": review.user_id,
        "version": review.version,
        "open_reports": review.open_reports,
        "decided_at": review.decided_at,
    }
