"""Parcels for which a carrier is asked for a label before they are shipped."""

import hashlib
import logging
from collections.abc import Mapping
from uuid import UUID

from catalog.models import Product
from checkout.errors import CarrierNotOffered, CarrierRefusal, CarrierUnavailable
from checkout.parcels import check_shippable, ship
from checkout.standing import standing_of
from delivery.carriers import carrier
from delivery.carriers.base import (
    Carrier,
    CarrierError,
    CarrierRefused,
    Parcel,
)
from delivery.models import DeliveryMethod
from orders import services as orders
from orders.errors import OrderNotFound
from orders.models import Fulfilment, Order, OrderStatus
from orders.parcels import Shipment

logger = logging.getLogger(__name__)


def ship_with(
    *,
    order_id: UUID,
    carrier_code: str,
    service: str = "",
    lines: Mapping[int, int] | None = None,
    actor_id: int | None,
    key: str = "",
) -> Order:
    """Order a label for units of a packed order, by line id, and ship them with it.

    ``service`` is the carrier's; empty is the one of the order's way of delivery, or
    else the cheapest. The label is ordered before anything is written, and once for
    the same parcel however often this is tried; the same ``key`` sends it once. Raises
    as ``checkout.ship``, ``CarrierNotOffered``, ``CarrierUnavailable`` or
    ``CarrierRefusal``.
    """
    adapter = carrier(carrier_code)
    if adapter is None:
        raise CarrierNotOffered
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound
    orders.check(order, OrderStatus.SHIPPED)
    wanted = check_shippable(standing_of(order.pk), lines)
    shipment = _label(adapter, order, wanted, service, _key(order, wanted, key))
    return ship(
        order_id=order_id,
        carrier=adapter.label,
        lines=wanted,
        shipment=shipment,
        actor_id=actor_id,
    )


def _label(
    adapter: Carrier, order: Order, wanted: dict[int, int], service: str, key: str
) -> Shipment:
    parcel = _parcel(order, wanted)
    try:
        label = adapter.label_for(
            parcel,
            service=service or _service(adapter, order, parcel),
            key=key,
        )
    except CarrierRefused as error:
        raise CarrierRefusal(str(error)) from None
    except CarrierError as error:
        logger.warning("%s is away: %s", adapter.code, error)
        raise CarrierUnavailable from None
    return Shipment(
        adapter.label,
        carrier_code=adapter.code,
        tracking_number=label.tracking_number,
        tracking_url=label.tracking_url,
        label_url=label.label_url,
    )


def _parcel(order: Order, wanted: dict[int, int]) -> Parcel:
    lines = order.lines.filter(pk__in=wanted).order_by("pk")
    weights = Product.objects.in_bulk([line.product_id for line in lines])
    return Parcel(
        weight=sum(
            wanted[line.pk] * weights[line.product_id].weight_grams for line in lines
        ),
        value=sum(wanted[line.pk] * line.unit_price for line in lines),
        address=order.address,
    )


def _service(adapter: Carrier, order: Order, parcel: Parcel) -> str:
    method = DeliveryMethod.objects.filter(
        code=order.delivery_method, carrier=adapter.code
    ).first()
    if method is not None and method.carrier_service:
        return method.carrier_service
    offers = adapter.rates(parcel)
    if not offers:
        raise CarrierRefused("no service takes this parcel")
    return min(offers, key=lambda offer: offer.cost).service


def _key(order: Order, wanted: dict[int, int], key: str) -> str:
    # The same parcel tried again finds its label; one with other goods is another.
    parcels = Fulfilment.objects.filter(order=order)
    place = _mark(key) if key else str(parcels.count() + 1)
    return f"{order.number}-{place}-{_mark(repr(sorted(wanted.items())))}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
