"""What buyers say about products, and what others say about that."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Length, Now
from django.db.models.lookups import GreaterThanOrEqual
from django.utils.translation import gettext_lazy as _

LOWEST, HIGHEST = 1, 5
STARS = range(LOWEST, HIGHEST + 1)
# From so few stars on a review wants somebody's eyes soon.
POOR = 2
SHORTEST_TEXT, LONGEST_TEXT = 10, 2_000
LONGEST_ANSWER = 1_000
MAX_PHOTOS = 5


class ReviewState(models.TextChoices):
    """Who can see a review: everybody, or its author alone."""

    PENDING = "pending", _("Waiting for approval")
    PUBLISHED = "published", _("Published")
    REJECTED = "rejected", _("Not published")
    WITHDRAWN = "withdrawn", _("Taken back")


# The only ways a review may go. Whatever its author changes is looked at again, so
# nobody swaps an approved text for another; what was taken back can be written anew.
NEXT_STATES: dict[ReviewState, frozenset[ReviewState]] = {
    ReviewState.PENDING: frozenset(
        {ReviewState.PUBLISHED, ReviewState.REJECTED, ReviewState.WITHDRAWN}
    ),
    ReviewState.PUBLISHED: frozenset(
        {ReviewState.PENDING, ReviewState.REJECTED, ReviewState.WITHDRAWN}
    ),
    ReviewState.REJECTED: frozenset(
        {ReviewState.PENDING, ReviewState.PUBLISHED, ReviewState.WITHDRAWN}
    ),
    ReviewState.WITHDRAWN: frozenset({ReviewState.PENDING}),
}
PUBLISHED = Q(state=ReviewState.PUBLISHED)


class ReviewSort(models.TextChoices):
    """In which order a product's reviews are read."""

    NEWEST = "newest", _("Newest")
    HELPFUL = "helpful", _("Most helpful")
    HIGHEST = "highest", _("Highest rating")
    LOWEST = "lowest", _("Lowest rating")


# Each ends with the id, so that no two reviews share a place.
ORDERS: dict[ReviewSort, tuple[str, ...]] = {
    ReviewSort.NEWEST: ("-id",),
    ReviewSort.HELPFUL: ("-helpful_count", "-id"),
    ReviewSort.HIGHEST: ("-rating", "-id"),
    ReviewSort.LOWEST: ("rating", "-id"),
}


class ReviewQuerySet(models.QuerySet["Review"]):
    def published(self) -> "ReviewQuerySet":
        return self.filter(PUBLISHED)

    def of_user(self, user_id: int) -> "ReviewQuerySet":
        return self.filter(user_id=user_id)

    def kept(self) -> "ReviewQuerySet":
        """Leave out what its author took back."""
        return self.exclude(state=ReviewState.WITHDRAWN)

    def to_moderate(self) -> "ReviewQuerySet":
        """Keep what staff have to look at: new or edited ones, and reported ones."""
        return self.filter(
            Q(state=ReviewState.PENDING) | PUBLISHED & Q(open_reports__gt=0)
        )

    def with_photos(self) -> "ReviewQuerySet":
        """Keep those that show something."""
        return self.filter(Exists(ReviewPhoto.objects.filter(review=OuterRef("pk"))))

    def in_order(self, sort: ReviewSort) -> "ReviewQuerySet":
        return self.order_by(*ORDERS[sort])

    def after(self, sort: ReviewSort, position: list[int]) -> "ReviewQuerySet":
        """Keep what follows the review at ``position``; see ``position_of``."""
        if sort == ReviewSort.NEWEST:
            return self.filter(pk__lt=position[-1])
        name = ORDERS[sort][0]
        field, step = name.lstrip("-"), "lt" if name.startswith("-") else "gt"
        value, review_id = position
        return self.filter(
            Q(**{f"{field}__{step}": value}) | Q(**{field: value, "pk__lt": review_id})
        )


def position_of(review: "Review", sort: ReviewSort) -> list[int]:
    """Return a review's place in the list, as ``after`` takes it."""
    return [getattr(review, name.lstrip("-")) for name in ORDERS[sort]]


class Review(models.Model):
    """What one buyer thinks of one product; only a published one counts."""

    product = models.ForeignKey(
        "catalog.Product",
        on_delete=models.PROTECT,
        related_name="reviews",
        db_index=False,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="reviews",
        db_index=False,
    )
    # What proves that the author has it: delivered, and that is for ever.
    order = models.ForeignKey(
        "orders.Order", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    rating = models.PositiveSmallIntegerField(_("stars"))
    text = models.TextField(_("text"))
    state = models.CharField(
        _("state"), max_length=16, choices=ReviewState, default=ReviewState.PENDING
    )
    # Raised by each change of its author: staff approve what they have read.
    version = models.PositiveIntegerField(default=1, editable=False)
    # Why it is not published; its author is told.
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("decided by"),
        db_index=False,
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    answer = models.TextField(_("reply"), blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("replied by"),
        db_index=False,
    )
    answered_at = models.DateTimeField(_("replied"), null=True)
    # Counted from the rows under this row's lock, to sort and filter by.
    helpful_count = models.PositiveIntegerField(_("helpful"), default=0)
    open_reports = models.PositiveIntegerField(_("reports"), default=0)
    written_at = models.DateTimeField(_("written"), db_default=Now())
    edited_at = models.DateTimeField(_("edited"), null=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "product"], name="review_one_per_user_and_product"
            ),
            models.CheckConstraint(
                condition=Q(rating__gte=LOWEST, rating__lte=HIGHEST),
                name="review_rating_from_one_to_five",
            ),
            models.CheckConstraint(
                condition=Q(state__in=ReviewState.values), name="review_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=ReviewState.WITHDRAWN, text="")
                | (
                    ~Q(state=ReviewState.WITHDRAWN)
                    & Q(GreaterThanOrEqual(Length("text"), SHORTEST_TEXT))
                ),
                name="review_says_something_until_withdrawn",
            ),
            models.CheckConstraint(
                condition=~Q(state=ReviewState.REJECTED) | ~Q(reason=""),
                name="review_rejected_for_a_reason",
            ),
            models.CheckConstraint(
                condition=~PUBLISHED | Q(decided_at__isnull=False),
                name="review_published_by_a_decision",
            ),
            models.CheckConstraint(
                condition=Q(answer="", answered_at__isnull=True)
                | (~Q(answer="") & Q(answered_at__isnull=False)),
                name="review_answer_has_its_time",
            ),
        ]
        indexes = [
            # A product's page: by newest, by helpful, by stars; and the average.
            models.Index(
                fields=["product", "-id"], condition=PUBLISHED, name="review_newest"
            ),
            models.Index(
                fields=["product", "-helpful_count", "-id"],
                condition=PUBLISHED,
                name="review_most_helpful",
            ),
            models.Index(
                fields=["product", "rating", "-id"],
                condition=PUBLISHED,
                name="review_by_rating",
            ),
            # What staff have to look at, the oldest first.
            models.Index(
                fields=["id"],
                condition=Q(state=ReviewState.PENDING)
                | Q(state=ReviewState.PUBLISHED, open_reports__gt=0),
                name="review_to_moderate",
            ),
            # A shopper's own, newest first.
            models.Index(fields=["user", "-id"], name="review_of_user"),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(name="whose", fields=["product", "user"]),
            pgtrigger.FSM(
                name="state_transitions",
                field="state",
                transitions=[
                    (str(before), str(after))
                    for before, nexts in NEXT_STATES.items()
                    for after in sorted(nexts)
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rating}/{HIGHEST}, {self.get_state_display()}"

    def can_become(self, state: ReviewState) -> bool:
        return state in NEXT_STATES[ReviewState(self.state)]

    @property
    def is_published(self) -> bool:
        return self.state == ReviewState.PUBLISHED


class ReviewPhoto(models.Model):
    """A picture of the product as its buyer has it, made anew by us."""

    review = models.ForeignKey(
        Review, on_delete=models.CASCADE, related_name="photos", db_index=False
    )
    image = models.ImageField(
        upload_to="reviews/", width_field="width", height_field="height"
    )
    width = models.PositiveIntegerField(default=0, editable=False)
    height = models.PositiveIntegerField(default=0, editable=False)
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["review", "position"], name="review_photo_one_per_position"
            ),
            models.CheckConstraint(
                condition=Q(position__lt=MAX_PHOTOS), name="review_photo_at_most_five"
            ),
        ]

    def __str__(self) -> str:
        return str(self.image)


class HelpfulVote(models.Model):
    """Somebody found a review helpful."""

    review = models.ForeignKey(
        Review, on_delete=models.CASCADE, related_name="votes", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    voted_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["review", "user"], name="helpful_vote_once_per_user"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user_id} → {self.review_id}"


class ReportReason(models.TextChoices):
    """What may be wrong with a review."""

    OFFENSIVE = "offensive", _("It is offensive")
    SPAM = "spam", _("It is advertising")
    OFF_TOPIC = "off_topic", _("It is not about the product")
    PRIVATE = "private", _("It shows somebody's personal data")
    OTHER = "other", _("Something else")


class ReviewReport(models.Model):
    """Somebody thinks that a review should not be there."""

    review = models.ForeignKey(
        Review, on_delete=models.CASCADE, related_name="reports", db_index=False
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    reason = models.CharField(_("reason"), max_length=16, choices=ReportReason)
    reported_at = models.DateTimeField(_("reported"), db_default=Now())
    # When staff looked into it, whatever they decided.
    resolved_at = models.DateTimeField(_("looked into"), null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["review", "user"], name="review_report_once_per_user"
            ),
            models.CheckConstraint(
                condition=Q(reason__in=ReportReason.values),
                name="review_report_reason_known",
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_reason_display())
