"""What a product's answer has besides, for who asks with ``expand``."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from analytics import picks
from analytics.picks import Audience
from api.v1.reviews import review_json
from reviews import selectors as reviews
from reviews.selectors import Wish

EXPANSIONS = ("related", "reviews")
MOST = 10


def expanded(
    product_id: int,
    names: Collection[str],
    cards_of: Callable[[Sequence[int]], Mapping[int, Any]],
) -> dict[str, Any]:
    """Return a product's most helpful reviews and the cards of what goes with it."""
    more: dict[str, Any] = {}
    if "reviews" in names:
        shown = reviews.published(product_id, Wish(), limit=MOST)
        more["reviews"] = [review_json(one) for one in shown]
    if "related" in names:
        found = picks.varied(picks.related([product_id], Audience()), MOST)
        cards = cards_of([pick.id for pick in found])
        more["related"] = [cards[pick.id] for pick in found if pick.id in cards]
    return more
