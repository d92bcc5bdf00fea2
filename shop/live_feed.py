"""What of the outbox open pages are told at once."""

import logging
from collections.abc import Sequence

from common import live
from outbox.services import DELIVERED, Outcome, OutgoingEvent

logger = logging.getLogger(__name__)


def tell(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Have pages look at the stocks that moved: a subscriber.

    A hint that does not get through is not repeated: the pages look for themselves
    every second, only not at once.
    """
    product_ids = sorted({int(event.payload["product_id"]) for event in events})
    try:
        live.hint(product_ids=product_ids)
    except live.LiveAway as error:
        logger.info("no page was told of stocks: %s", error)
    return [DELIVERED] * len(events)
