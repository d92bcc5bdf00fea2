"""What can go wrong between a list of products and a paid order."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid, Mismatch, NotFound, Unavailable
from orders.errors import InvalidTransition


class ProductUnavailable(Conflict):
    """Some products are not on sale; ``products`` names them."""

    code = "product_unavailable"

    def __init__(self, product_ids: Sequence[int]) -> None:
        super().__init__(
            _("Some products are not on sale any more."), products=sorted(product_ids)
        )


class PriceChanged(Conflict):
    """The purchase costs something else than the shopper agreed to."""

    code = "price_changed"

    def __init__(self, *, total: int, lines: Sequence[dict[str, Any]]) -> None:
        super().__init__(
            _("A price has changed. Please check the new total."),
            total=total,
            lines=list(lines),
        )


class QuoteInvalid(Invalid):
    """This is no quote of ours."""

    code = "quote_invalid"

    def __init__(self) -> None:
        super().__init__(_("This quote is not one of ours. Please look at the cart."))


class QuoteOutdated(Conflict):
    """The purchase is dearer than its quote, or for other goods.

    ``total``, ``delivery_cost`` and ``discount`` say what they were and are, ``lines``
    those that differ, in minor units. Who agrees orders again with the new
    ``quote_id``.
    """

    code = "quote_outdated"

    def __init__(
        self,
        *,
        quote_id: str,
        total: dict[str, int],
        delivery_cost: dict[str, int],
        discount: dict[str, int],
        lines: Sequence[dict[str, Any]],
    ) -> None:
        super().__init__(
            _("The price has changed. Please check the new total."),
            quote_id=quote_id,
            total=total,
            delivery_cost=delivery_cost,
            discount=discount,
            lines=list(lines),
        )


class DeliveryMethodUnavailable(Invalid):
    """There is no such way of delivery."""

    code = "delivery_method_unavailable"

    def __init__(self) -> None:
        super().__init__(_("This way of delivery is not offered."))


class DeliveryCostsMore(Conflict):
    """An order that is placed cannot go where its delivery would cost more."""

    code = "delivery_costs_more"

    def __init__(self, *, paid: int, cost: int) -> None:
        super().__init__(
            _("Delivery to this address costs more than was ordered."),
            paid=paid,
            cost=cost,
        )


class DeliveryTooLate(Conflict):
    """An order that is placed keeps its promise: this way would be later."""

    code = "delivery_too_late"

    def __init__(self, *, promised: str, latest: str) -> None:
        super().__init__(
            _("This way of delivery would be later than promised."),
            promised=promised,
            latest=latest,
        )


class NothingToOrder(Invalid):
    """An order needs at least one line and at most a hundred."""

    code = "nothing_to_order"

    def __init__(self) -> None:
        super().__init__(_("An order needs between 1 and 100 products."))


class PartInvalid(Invalid):
    """Points can pay a part of the total, and the other method has to pay the rest."""

    code = "points_part_invalid"

    def __init__(self, *, total: int) -> None:
        super().__init__(
            _("Points can pay from 0 to less than the whole total."), total=total
        )


class OrderNotRefundable(InvalidTransition):
    """Only what is paid for can be refunded."""

    code = "order_not_refundable"


class DeliveryKept(Invalid):
    """An order that is given back whole before it is sent costs no delivery."""

    code = "delivery_kept"

    def __init__(self) -> None:
        super().__init__(
            _("Nothing of this order is sent: its delivery cost goes back as well.")
        )


class RefundKeyReused(Mismatch):
    """This key was used for another refund."""

    code = "refund_key_reused"

    def __init__(self) -> None:
        super().__init__(_("This key was sent with another refund."))


class CarrierUnavailable(Unavailable):
    """The carrier does not answer right now; nothing was sent."""

    code = "carrier_unavailable"

    def __init__(self) -> None:
        super().__init__(_("The carrier does not answer. Nothing was shipped."))


class CarrierRefusal(Conflict):
    """The carrier will not take this parcel; nothing was sent."""

    code = "carrier_refused"

    def __init__(self, words: str) -> None:
        super().__init__(
            _("The carrier does not take this parcel: %(words)s") % {"words": words}
        )


class CarrierNotOffered(NotFound):
    """The shop works with no such carrier."""

    code = "carrier_not_found"

    def __init__(self) -> None:
        super().__init__(_("The shop works with no such carrier."))


class NothingToReturn(Invalid):
    """A return names at least one product."""

    code = "nothing_to_return"

    def __init__(self) -> None:
        super().__init__(_("Please choose what to send back."))


class AccountStillNeeded(Conflict):
    """An order of the account is not over, or it is a member of staff's."""

    code = "account_still_needed"

    def __init__(self, *, orders: list[str]) -> None:
        super().__init__(
            _("This account cannot be deleted yet: something is not over."),
            orders=orders,
        )


class PointsLeft(Conflict):
    """There are points left, and nobody said that they may go."""

    code = "points_left"

    def __init__(self, *, balance: int) -> None:
        super().__init__(
            _("There are points left. They are lost with the account."),
            balance=balance,
        )


class ManifestInvalid(Invalid):
    """What staff brought is no list of parcels."""


class NotToldYet(Conflict):
    """What was never sent cannot be sent again."""

    def __init__(self) -> None:
        super().__init__(_("Nothing of this order was sent there yet."))
