"""Who hears of what: topic → subscribers, each a function that takes events.

A subscriber gets a list of events and returns, for each, whether it went well
(see ``outbox.services``). It is called by a worker, at least once per event.
"""

SUBSCRIPTIONS: dict[str, tuple[str, ...]] = {
    "order.placed": ("inventory.messages.announce", "notifications.tasks.tell"),
    "order.paid": (
        "analytics.data_platform.push",
        "orders.invoicing.issue",
        "analytics.behaviour.note_purchases",
        "inventory.messages.announce",
        "notifications.tasks.tell",
    ),
    "order.address_changed": ("notifications.tasks.tell",),
    "order.cancelled": ("notifications.tasks.tell",),
    "order.expired": ("notifications.tasks.tell",),
    "order.shipped": ("notifications.tasks.tell",),
    "order.out_for_delivery": ("notifications.tasks.tell",),
    "order.delivered": ("notifications.tasks.tell",),
    "order.refunded": (
        "analytics.refunds.note",
        "notifications.tasks.tell",
    ),
    "return.requested": ("notifications.tasks.tell",),
    "return.approved": ("notifications.tasks.tell",),
    "return.rejected": ("notifications.tasks.tell",),
    "return.received": ("notifications.tasks.tell",),
    "payment.failed": ("notifications.tasks.tell",),
    "payment.returned": ("notifications.tasks.tell",),
    "payment.capture_requested": ("checkout.providers.send_captures",),
    "payment.void_requested": ("checkout.providers.send_voids",),
    "refund.requested": ("checkout.providers.send_refunds",),
    "points.charged": ("notifications.tasks.tell",),
    "review.published": ("notifications.tasks.tell",),
    "review.rejected": ("notifications.tasks.tell",),
    "promotion.started": ("notifications.tasks.tell",),
    "product.changed": ("shop.card_feed.refresh", "inventory.messages.announce"),
    "product.price_changed": ("notifications.tasks.tell",),
    "stock.changed": ("shop.live_feed.tell", "inventory.messages.announce"),
    "stock.back": ("notifications.tasks.tell",),
    "coupon.issued": ("notifications.tasks.tell",),
    "customer.erased": ("notifications.erasing.forget", "analytics.erasing.forget"),
}
# Those who come and go: functions that return pairs of topic and subscriber. They are
# asked for each batch of fresh events.
MORE_SUBSCRIPTIONS = ("webhooks.selectors.subscriptions",)
