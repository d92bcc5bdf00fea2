"""Everything people are told: from which event, under which words, by which ways.

The words are templates for the keys that ``notifications.facts`` takes from an event.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications.models import Channel, Group

EMAIL, SMS, BROWSER = Channel.EMAIL, Channel.SMS, Channel.BROWSER
ALL = frozenset({EMAIL, SMS, BROWSER})
QUIET = frozenset({EMAIL, BROWSER})
ONLY_EMAIL = frozenset({EMAIL})
# Bells, not letters: they leave somebody who sleeps alone.
NOT_AT_NIGHT = frozenset({SMS, BROWSER})
# What nobody can switch off: it is the record of a purchase.
FIXED = frozenset((group, EMAIL) for group in (Group.ORDERS, Group.PAYMENTS))
# What is on until a shopper says otherwise; offers need their consent instead.
ON_BY_DEFAULT: Mapping[Group, frozenset[Channel]] = {
    Group.ORDERS: QUIET,
    Group.PAYMENTS: QUIET,
    Group.RETURNS: QUIET,
    Group.REVIEWS: QUIET,
    Group.STOCK: QUIET,
    Group.REWARDS: frozenset({BROWSER}),
    Group.PROMOTIONS: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of news. ``title`` is also the subject of its letter."""

    name: str
    group: Group
    channels: frozenset[Channel]
    title: Promise
    body: Promise
    # What to say instead where the event lacks something that ``body`` speaks of.
    short_body: Promise | None = None
    # How long its messages wait, in case it is overtaken by what happens next.
    patience: timedelta = timedelta(0)
    # Whoever has the product on their wishlist and said yes to offers, nobody else.
    is_for_wishers: bool = False

    @property
    def is_marketing(self) -> bool:
        return self.group == Group.PROMOTIONS


_ALL_KINDS = (
    Kind(
        "order_placed",
        Group.ORDERS,
        ONLY_EMAIL,
        _("Order %(number)s is waiting for your payment"),
        _("Pay %(total)s and we will pack it. Until then the goods are held for you."),
        # Most shoppers pay on the next page.
        patience=timedelta(minutes=2),
    ),
    Kind(
        "order_paid",
        Group.ORDERS,
        QUIET,
        _("Order %(number)s is paid"),
        _("Thank you! We have received %(total)s and are getting your parcel ready."),
    ),
    Kind(
        "order_address_changed",
        Group.ORDERS,
        QUIET,
        _("Order %(number)s goes to another address"),
        _("If it was not you who changed that, please write to us."),
    ),
    Kind(
        "order_cancelled",
        Group.ORDERS,
        QUIET,
        _("Order %(number)s is cancelled"),
        _("Nothing will be sent. Anything you have paid goes back to you."),
    ),
    Kind(
        "order_expired",
        Group.ORDERS,
        QUIET,
        _("Order %(number)s has expired"),
        _("It was not paid in time, so we no longer hold the goods for you."),
    ),
    Kind(
        "order_shipped",
        Group.ORDERS,
        ALL,
        _("Your parcel from order %(number)s is on its way"),
        _("Carrier: %(carrier)s. Tracking number: %(tracking_number)s."),
        _("You can follow it on the page of your order."),
    ),
    Kind(
        "order_out_for_delivery",
        Group.ORDERS,
        ALL,
        _("Order %(number)s arrives today"),
        _("The courier is on the way to you with your parcel."),
    ),
    Kind(
        "order_delivered",
        Group.ORDERS,
        ALL,
        _("Order %(number)s has been delivered"),
        _("Enjoy it! If anything is wrong, start a return from the order’s page."),
    ),
    Kind(
        "order_refunded",
        Group.PAYMENTS,
        QUIET,
        _("Refund for order %(number)s"),
        _("%(refund_amount)s is on its way back to you."),
        _("Your money is on its way back to you."),
    ),
    Kind(
        "payment_failed",
        Group.PAYMENTS,
        ALL,
        _("The payment for order %(number)s did not go through"),
        _("Please try again, or choose another way to pay."),
    ),
    Kind(
        "payment_returned",
        Group.PAYMENTS,
        ALL,
        _("Your payment for order %(number)s came too late"),
        _("The order was closed by then, so we are sending %(refund_amount)s back."),
        _("The order was closed by then, so we are sending your money back."),
    ),
    Kind(
        "charge_failed",
        Group.PAYMENTS,
        QUIET,
        _("Your payment for points did not go through"),
        _("Please try again, or choose another way to pay."),
    ),
    Kind(
        "charge_returned",
        Group.PAYMENTS,
        QUIET,
        _("Your payment for points is being sent back"),
        _("%(refund_amount)s is on its way back to you."),
        _("Your money is on its way back to you."),
    ),
    Kind(
        "return_requested",
        Group.RETURNS,
        QUIET,
        _("We have your return request for order %(number)s"),
        _("We will look at it and get back to you."),
    ),
    Kind(
        "return_approved",
        Group.RETURNS,
        QUIET,
        _("Your return for order %(number)s is approved"),
        _("Please send the goods back. The order’s page says how."),
    ),
    Kind(
        "return_rejected",
        Group.RETURNS,
        QUIET,
        _("We cannot accept your return for order %(number)s"),
        _("Our reason: %(reason)s"),
        _("The order’s page says why."),
    ),
    Kind(
        "return_received",
        Group.RETURNS,
        QUIET,
        _("Your return for order %(number)s has arrived"),
        _("We are checking the goods. Your refund comes next."),
    ),
    Kind(
        "review_published",
        Group.REVIEWS,
        QUIET,
        _("Your review of %(product_name)s is published"),
        _("Thank you! Others can read it now."),
    ),
    Kind(
        "review_rejected",
        Group.REVIEWS,
        QUIET,
        _("Your review of %(product_name)s is not published"),
        _("Our reason: %(reason)s"),
    ),
    Kind(
        "stock_back",
        Group.STOCK,
        ALL,
        _("%(product_name)s is back in stock"),
        _("Held for you until %(held_until)s. Quantity: %(quantity)s."),
        _("It will not last long."),
    ),
    Kind(
        "coupon_issued",
        Group.REWARDS,
        QUIET,
        _("You have a new coupon: %(coupon_name)s"),
        _("It is in your wallet. Choose it in the cart to use it."),
    ),
    Kind(
        "points_charged",
        Group.REWARDS,
        QUIET,
        _("%(points)s added to your account"),
        _("Your balance is now %(balance)s."),
        _("You can pay with them at checkout."),
    ),
    Kind(
        "promotion_started",
        Group.PROMOTIONS,
        ALL,
        _("%(promotion_name)s"),
        _("%(promotion_text)s"),
        _("Have a look while it lasts."),
    ),
    Kind(
        "price_drop",
        Group.PROMOTIONS,
        QUIET,
        _("%(product_name)s costs less now"),
        _("It is on your wishlist: %(price)s instead of %(old_price)s."),
        is_for_wishers=True,
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL_KINDS}


def kind_of(topic: str, payload: Mapping[str, Any]) -> Kind | None:
    """Return what an event is to people, ``None`` if it is nothing to them."""
    name = _KIND_OF_TOPIC[topic](payload)
    return KINDS[name] if name else None


def offered(group: Group) -> list[Channel]:
    """Return the channels that news of a group can take."""
    used = {
        channel
        for kind in KINDS.values()
        if kind.group == group
        for channel in kind.channels
    }
    return [channel for channel in Channel if channel in used]


def _always(name: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda _payload: name


def _placed(payload: Mapping[str, Any]) -> str:
    # Whoever pays at once is told so, and that is enough.
    return "order_placed" if payload.get("status") == "pending" else ""


def _payment(of_order: str, *, of_points: str) -> Callable[[Mapping[str, Any]], str]:
    # Points are bought without an order.
    return lambda payload: of_order if payload.get("number") else of_points


def _price_change(payload: Mapping[str, Any]) -> str:
    # What costs more is no news that anybody waits for.
    is_lower = payload["price"] < payload["old_price"] and payload["is_on_sale"]
    return "price_drop" if is_lower else ""


_KIND_OF_TOPIC: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "order.placed": _placed,
    "order.paid": _always("order_paid"),
    "order.address_changed": _always("order_address_changed"),
    "order.cancelled": _always("order_cancelled"),
    "order.expired": _always("order_expired"),
    "order.shipped": _always("order_shipped"),
    "order.out_for_delivery": _always("order_out_for_delivery"),
    "order.delivered": _always("order_delivered"),
    "order.refunded": _always("order_refunded"),
    "payment.failed": _payment("payment_failed", of_points="charge_failed"),
    "payment.returned": _payment("payment_returned", of_points="charge_returned"),
    "return.requested": _always("return_requested"),
    "return.approved": _always("return_approved"),
    "return.rejected": _always("return_rejected"),
    "return.received": _always("return_received"),
    "review.published": _always("review_published"),
    "review.rejected": _always("review_rejected"),
    "stock.back": _always("stock_back"),
    "coupon.issued": _always("coupon_issued"),
    "points.charged": _always("points_charged"),
    "promotion.started": _always("promotion_started"),
    "product.price_changed": _price_change,
}
TOPICS = frozenset(_KIND_OF_TOPIC)
