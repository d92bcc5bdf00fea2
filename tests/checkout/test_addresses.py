"""Sending a placed order elsewhere."""

import pytest

from checkout import services as checkout
from checkout.errors import DeliveryCostsMore, DeliveryMethodUnavailable
from checkout.services import Purchase
from orders.errors import AddressNotChangeable, OrderNotFound
from orders.models import AddressChange, Order
from outbox.models import Event
from tests.factories import (
    DeliveryMethodFactory,
    PickupPointFactory,
    ProductFactory,
    PromotionFactory,
    RateFactory,
    UserFactory,
    ZoneFactory,
)

pytestmark = pytest.mark.django_db

SEOUL = {"recipient": "Lee Ji-won", "postal_code": "04524", "country": "KR"}
BUSAN = SEOUL | {"postal_code": "48058"}
JEJU = SEOUL | {"postal_code": "63000"}
ABROAD = SEOUL | {"postal_code": "10115", "country": "DE"}


def placed(method: str = "standard", *, address: dict[str, str] = SEOUL) -> Order:
    user = UserFactory.create()
    product = ProductFactory.create(price=10_000)
    draft = checkout.place_order(
        Purchase(
            user_id=user.pk,
            email=user.email,
            quantities={product.pk: 1},
            address=address,
            delivery_method=method,
        )
    )
    return Order.objects.get(pk=draft.id)


def rated_shop() -> None:
    """Let the usual way cost ₩3,000 at home, ₩6,000 on Jeju, and end at the border."""
    method = DeliveryMethodFactory.create(free_from=None)
    home = ZoneFactory.create(countries=["KR"])
    island = ZoneFactory.create(countries=["KR"], postal_prefixes=["63"])
    RateFactory.create(method=method, zone=home, cost=3_000)
    RateFactory.create(method=method, zone=island, cost=6_000)


def move(order: Order, address: dict[str, str]) -> None:
    checkout.change_address(order_id=order.pk, user_id=order.user_id, address=address)


def test_order_goes_elsewhere_and_what_was_before_is_kept() -> None:
    rated_shop()
    order = placed()

    move(order, BUSAN)

    order.refresh_from_db()
    change = AddressChange.objects.get()
    assert (order.address, change.before) == (BUSAN, SEOUL)
    assert (change.order_id, change.actor_id) == (order.pk, order.user_id)
    assert Event.objects.filter(topic="order.address_changed").count() == 1


def test_same_address_again_changes_nothing() -> None:
    rated_shop()
    order = placed()

    move(order, SEOUL)

    assert not AddressChange.objects.exists()
    assert not Event.objects.filter(topic="order.address_changed").exists()


def test_order_does_not_go_where_delivery_costs_more() -> None:
    rated_shop()
    order = placed()

    with pytest.raises(DeliveryCostsMore) as refusal:
        move(order, JEJU)

    assert refusal.value.extra == {"paid": 3_000, "cost": 6_000}
    order.refresh_from_db()
    assert order.address == SEOUL
    assert not AddressChange.objects.exists()


def test_order_goes_where_delivery_costs_less_at_the_price_it_had() -> None:
    rated_shop()
    order = placed(address=JEJU)

    move(order, SEOUL)

    order.refresh_from_db()
    assert (order.address, order.delivery_cost) == (SEOUL, 6_000)


def test_free_delivery_holds_for_a_place_that_costs_the_same() -> None:
    rated_shop()
    PromotionFactory.create(kind="free_delivery", value=0)
    order = placed()
    assert order.total == 10_000

    move(order, BUSAN)

    order.refresh_from_db()
    assert order.address == BUSAN
    with pytest.raises(DeliveryCostsMore):
        move(order, JEJU)


def test_order_does_not_go_where_its_way_of_delivery_does_not_lead() -> None:
    rated_shop()
    order = placed()

    with pytest.raises(DeliveryMethodUnavailable):
        move(order, ABROAD)

    order.refresh_from_db()
    assert order.address == SEOUL


def test_order_that_waits_at_a_pickup_point_stays_there() -> None:
    PickupPointFactory.create()
    order = placed("pickup")

    with pytest.raises(AddressNotChangeable) as refusal:
        move(order, BUSAN)

    assert refusal.value.code == "address_not_changeable"
    assert not AddressChange.objects.exists()


def test_guest_sends_an_order_elsewhere_until_it_is_claimed() -> None:
    rated_shop()
    product = ProductFactory.create()
    draft = checkout.place_order(
        Purchase(
            user_id=None,
            email="guest@example.com",
            quantities={product.pk: 1},
            address=SEOUL,
            delivery_method="standard",
        )
    )
    order = Order.objects.get(pk=draft.id)

    move(order, BUSAN)
    Order.objects.update(user=UserFactory.create())
    with pytest.raises(OrderNotFound):
        move(order, SEOUL)

    order.refresh_from_db()
    assert order.address == BUSAN
    assert AddressChange.objects.get().actor_id is None
