"""Orders: found by their owner, described to others, locked before a decision."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from checkout import services as checkout
from orders import events
from orders import services as orders
from orders.errors import OrderNotFound, OrderNotPayable
from orders.models import DEAD, SETTLED, Order, OrderStatus
from outbox.models import Event
from tests.factories import CouponFactory, ProductFactory
from tests.races.stage import overdue, purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db


def test_order_is_locked_for_its_owner_and_for_staff_only() -> None:
    owner, stranger = shoppers(2)
    order_id = unpaid_order(owner, ProductFactory.create())

    with transaction.atomic():
        for user_id in (owner.pk, None):
            order = orders.lock_for(
                OrderStatus.PAID, order_id=order_id, user_id=user_id
            )
            assert order.pk == order_id
        with pytest.raises(OrderNotFound):
            orders.lock_for(OrderStatus.PAID, order_id=order_id, user_id=stranger.pk)


def test_order_is_locked_only_for_what_may_follow() -> None:
    [owner] = shoppers(1)
    order_id = checkout.place_and_pay(purchase(owner, ProductFactory.create())).id

    with transaction.atomic(), pytest.raises(OrderNotPayable) as refusal:
        orders.lock_for(OrderStatus.PAID, order_id=order_id, user_id=owner.pk)

    assert refusal.value.extra == {"order_status": "paid", "wanted": "paid"}


def test_draft_and_order_are_described_alike() -> None:
    [owner] = shoppers(1)
    coupon = CouponFactory.create(user=owner)
    products = ProductFactory.create_batch(3, price=333)

    checkout.place_and_pay(purchase(owner, *products, coupon_id=coupon.pk))

    told = Event.objects.get(topic="order.paid").payload
    assert told == events.payload(Order.objects.get())
    assert told["currency"] == settings.SHOP_CURRENCY
    assert sum(line["discount_share"] for line in told["lines"]) == told["discount"]


def test_unpaid_order_has_the_shop_s_time_to_be_paid() -> None:
    [owner] = shoppers(1)
    order = Order.objects.get(pk=unpaid_order(owner, ProductFactory.create()))

    assert order.expires_at is not None
    window = timedelta(minutes=settings.PAYMENT_WINDOW_MINUTES)
    assert order.expires_at - order.placed_at == window
    assert not order.is_overdue(order.expires_at - timedelta(microseconds=1))
    assert order.is_overdue(order.expires_at)


def test_overdue_are_the_unpaid_whose_time_is_up() -> None:
    [owner], product = shoppers(1), ProductFactory.create()
    late, early, paid = (unpaid_order(owner, product) for _ in range(3))
    checkout.pay(user_id=owner.pk, order_id=paid)
    overdue(late)

    assert [order.pk for order in Order.objects.overdue()] == [late]
    assert [order.pk for order in Order.objects.newest_first()] == [paid, early, late]
    assert Order.objects.placed_by(owner.pk).count() == 3
    assert not Order.objects.placed_by(owner.pk + 1).exists()


def test_every_status_is_pending_or_settled_or_dead() -> None:
    assert {OrderStatus.PENDING, *SETTLED, *DEAD} == set(OrderStatus)
    assert 1 + len(SETTLED) + len(DEAD) == len(OrderStatus)


def test_database_itself_guards_orders() -> None:
    [owner] = shoppers(1)
    unpaid_order(owner, ProductFactory.create())

    for change in (
        {"status": "lost"},
        {"expires_at": None},
        {"paid_at": Now()},
        {"closed_at": Now()},
    ):
        with pytest.raises(Exception, match="order"), transaction.atomic():
            Order.objects.update(**change)
    order = Order.objects.get()
    order.pk = None
    with pytest.raises(IntegrityError, match="number"), transaction.atomic():
        order.save(force_insert=True)
