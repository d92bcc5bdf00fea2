"""Orders on their way: paid ones, packed ones, and what their carriers say."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from checkout import providers
from checkout import services as checkout
from checkout.services import Purchase
from delivery.carriers.base import ParcelState, Scan, Tracking
from orders.models import Fulfilment, Order, OrderLine, OrderStatus
from orders.parcels import Shipment
from outbox.models import Event
from payments.gateways.sandbox import Script
from tests.factories import CouponFactory, ProductFactory, UserFactory
from tests.paying import decide, deliver, set_out


def paid_order(
    *units: int,
    price: int = 10_000,
    user: User | None = None,
    coupon_percent: int = 0,
    points_part: int | None = None,
) -> Order:
    """Return a paid order with so many units of each of some products.

    ``points_part`` is for one that somebody else took the rest of the money of.
    """
    user = user or UserFactory.create(points=1_000_000)
    products = [
        ProductFactory.create(price=price + 1_111 * place, stock_on_hand=20)
        for place in range(len(units))
    ]
    wish = Purchase(
        user_id=user.pk,
        email=user.email,
        quantities=dict(zip([product.pk for product in products], units, strict=True)),
        coupon_id=CouponFactory.create(user=user, batch__value=coupon_percent).pk
        if coupon_percent
        else None,
    )
    if points_part is None:
        return Order.objects.get(pk=checkout.place_and_pay(wish).id)
    order_id = checkout.place_order(wish).id
    payment = set_out(user, order_id, points_part=points_part)
    deliver(decide(payment, Script.SUCCESS))
    providers.capture(payment.pk)
    return Order.objects.get(pk=order_id)


def packed_order(*units: int, **choices: object) -> Order:
    """Return a paid order that is being packed."""
    order = paid_order(*units, **choices)  # type: ignore[arg-type]
    checkout.pack(order_id=order.pk, actor_id=None)
    order.refresh_from_db()
    return order


def lines_of(order: Order) -> list[OrderLine]:
    return list(order.lines.order_by("pk"))


def send(
    order: Order,
    lines: Mapping[int, int] | None = None,
    *,
    number: str = "",
    code: str = "",
) -> Fulfilment:
    """Ship units of an order, all that is left by default; return the parcel."""
    checkout.ship(
        order_id=order.pk,
        carrier="Post",
        lines=lines,
        shipment=Shipment("Post", carrier_code=code, tracking_number=number),
        actor_id=None,
    )
    return Fulfilment.objects.filter(order=order).latest("pk")


def delivered_order(*units: int, **choices: object) -> Order:
    order = packed_order(*units, **choices)
    send(order)
    checkout.deliver(order_id=order.pk, actor_id=None)
    order.refresh_from_db()
    return order


def status_of(order: Order) -> OrderStatus:
    return OrderStatus(Order.objects.values_list("status", flat=True).get(pk=order.pk))


def told_of(order: Order) -> list[str]:
    """Return the topics of an order's events, in their order."""
    events = Event.objects.filter(aggregate=f"order/{order.pk}").order_by("pk")
    return list(events.values_list("topic", flat=True))


def payload_of(order: Order, topic: str) -> dict[str, object]:
    """Return what the last event of that topic says."""
    events = Event.objects.filter(aggregate=f"order/{order.pk}", topic=topic)
    found: dict[str, object] = events.latest("pk").payload
    return found


def stock_of(product: Product | int) -> int:
    key = product if isinstance(product, int) else product.pk
    on_hand: int = Product.objects.values_list("stock__on_hand", flat=True).get(pk=key)
    return on_hand


def tracking(number: str, *states: str, start: datetime | None = None) -> Tracking:
    """Return a carrier's word on a parcel: a scan for each state, a minute apart."""
    begin = start or timezone.now() - timedelta(minutes=len(states))
    return Tracking(
        number,
        [
            Scan(
                f"{number}/{state}",
                ParcelState(state),
                f"text of {state}",
                "Seoul",
                begin + timedelta(minutes=place),
            )
            for place, state in enumerate(states)
        ],
    )


def age_parcels(order_id: UUID, *, days: int) -> None:
    """Let the parcels of an order have arrived so many days ago."""
    Fulfilment.objects.filter(order_id=order_id).update(
        delivered_at=Now() - timedelta(days=days)
    )
