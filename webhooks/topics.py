"""What other systems can be told of, and how they choose."""

from collections.abc import Iterable

TOPICS = (
    "order.placed",
    "order.paid",
    "order.address_changed",
    "order.cancelled",
    "order.expired",
    "order.shipped",
    "order.out_for_delivery",
    "order.delivered",
    "order.refunded",
    "return.requested",
    "return.approved",
    "return.rejected",
    "return.received",
    "product.changed",
    "product.price_changed",
    "stock.changed",
    "review.published",
    "review.rejected",
    "customer.erased",
)
# "order.*" is whatever begins with "order.", also what is added later.
GROUPS = tuple(dict.fromkeys(f"{topic.partition('.')[0]}.*" for topic in TOPICS))
CHOICES = (*GROUPS, *TOPICS)


def chosen(wanted: Iterable[str]) -> list[str]:
    """Return the topics that a choice stands for, in their order."""
    names = set(wanted)
    return [
        topic
        for topic in TOPICS
        if topic in names or f"{topic.partition('.')[0]}.*" in names
    ]
