"""The reviews of somebody who wants to be forgotten."""

from common.db import requires_transaction
from reviews import services as reviews
from reviews.models import Review, ReviewState


@requires_transaction
def forget(*, user_id: int) -> list[int]:
    """Take all reviews of a person down, with text, pictures and replies.

    Returns their ids. The pictures' files go once this is committed.
    """
    own = Review.objects.filter(user=user_id)
    ids = list(own.order_by("product", "pk").values_list("pk", flat=True))
    gone = set(own.filter(state=ReviewState.WITHDRAWN).values_list("pk", flat=True))
    for review_id in ids:
        if review_id not in gone:
            reviews.withdraw(user_id=user_id, review_id=review_id)
    return ids
