"""Who hears of what: topic → subscribers, each a function that takes events.

A subscriber gets a list of events and returns, for each, whether it went well
(see ``outbox.services``). It is called by a worker, at least once per event.
"""

SUBSCRIPTIONS: dict[str, tuple[str, ...]] = {
    "order.placed": (),
    "order.paid": ("analytics.data_platform.push",),
    "order.cancelled": (),
    "order.expired": (),
    "order.shipped": (),
    "order.delivered": (),
    "order.refunded": (),
    "return.requested": (),
    "return.approved": (),
    "return.rejected": (),
    "return.received": (),
    "payment.failed": (),
    "payment.returned": (),
    "payment.capture_requested": ("checkout.providers.send_captures",),
    "payment.void_requested": ("checkout.providers.send_voids",),
    "refund.requested": ("checkout.providers.send_refunds",),
    "points.charged": (),
    "product.changed": (),
    "stock.changed": (),
    "stock.back": (),
    "coupon.issued": (),
}
