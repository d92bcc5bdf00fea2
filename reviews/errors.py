"""What can go wrong with reviews."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Forbidden, Invalid, NotFound


class ReviewNotFound(NotFound):
    """There is no such review, it is not published, or it is somebody else's."""

    code = "review_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such review."))


class NotABuyer(Forbidden):
    """Only who has had the product delivered can say how it is."""

    code = "not_a_buyer"

    def __init__(self) -> None:
        super().__init__(
            _("You can review this product once an order with it was delivered.")
        )


class AlreadyReviewed(Conflict):
    """One review per shopper and product: ``review_id`` is the one to edit."""

    code = "already_reviewed"

    def __init__(self, *, review_id: int) -> None:
        super().__init__(
            _("You have reviewed this product. You can edit your review."),
            review_id=review_id,
        )


class OwnReview(Conflict):
    """Nobody votes for their own review, or reports it."""

    code = "own_review"

    def __init__(self) -> None:
        super().__init__(_("This review is your own."))


class ReviewInvalid(Invalid):
    """The stars, the text or the reply are not what a review takes."""

    code = "review_invalid"

    def __init__(self, detail: str | Promise) -> None:
        super().__init__(detail)


class ReviewChanged(Conflict):
    """Its author has changed the review since it was read."""

    code = "review_changed"

    def __init__(self, *, version: int) -> None:
        super().__init__(
            _("The review was edited meanwhile. Please read it again."),
            version=version,
        )


class InvalidReviewStep(Conflict):
    """A review in this state cannot go there."""

    code = "invalid_review_step"

    def __init__(self, *, state: str, wanted: str) -> None:
        super().__init__(
            _("A review that is %(state)s cannot become %(wanted)s.")
            % {"state": state, "wanted": wanted},
            review_state=state,
            wanted=wanted,
        )


class TooManyPhotos(Conflict):
    """A review has room for ``limit`` photos."""

    code = "too_many_photos"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            _("A review has room for %(limit)s photos.") % {"limit": limit}, limit=limit
        )


class PhotoRefused(Invalid):
    """A file that cannot be a photo of a review."""

    code = "photo_refused"

    def __init__(self, detail: str | Promise, **extra: Any) -> None:
        super().__init__(detail, **extra)


class PhotoTooLarge(PhotoRefused):
    """The file has more bytes, or the picture more pixels, than is taken."""

    code = "photo_too_large"


class PhotoNotAPicture(PhotoRefused):
    """The content is not a JPEG, PNG or WebP picture, whatever its name says."""

    code = "photo_not_a_picture"
