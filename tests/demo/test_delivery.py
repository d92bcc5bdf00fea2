"""A paid order reaches the platform, whatever happens to it on the way."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.models import User
from checkout import services as checkout
from checkout.services import Purchase
from demo.receiver import DataPlatform
from orders import events
from orders.drafts import Draft
from orders.models import Order
from outbox import services as outbox
from outbox.models import Dispatch
from tests.demo.wire import SECRET
from tests.factories import ProductFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _connected(platform: DataPlatform, settings: Settings) -> None:
    settings.DATA_PLATFORM_URL = platform.url
    settings.DATA_PLATFORM_SECRET = SECRET


@pytest.fixture
def shopper() -> User:
    return UserFactory.create(points=100_000)


def test_a_paid_order_is_told_in_full(platform: DataPlatform, shopper: User) -> None:
    draft = _buy(shopper)

    outbox.deliver_due()

    (event,) = platform.events()
    assert event["type"] == "shop.order.paid.v1"
    assert event["data"] == events.payload(Order.objects.get(pk=draft.id))


@pytest.mark.parametrize("fault", ["503", "reset", "drop"])
def test_a_failure_costs_time_and_no_event(
    platform: DataPlatform, shopper: User, fault: str
) -> None:
    _buy(shopper)
    platform.misbehave(fault)
    outbox.deliver_due()
    assert Dispatch.objects.waiting().count() == 1

    platform.misbehave("ok")
    # The pauses of the event and of the subscriber are not waited for.
    outbox.breaker.forget()
    Dispatch.objects.update(next_attempt_at=Now() - timedelta(minutes=1))
    outbox.deliver_due()

    assert not Dispatch.objects.waiting().exists()
    assert len(platform.events()) == 1


def test_orders_arrive_also_as_a_batch(
    platform: DataPlatform, shopper: User, settings: Settings
) -> None:
    settings.DATA_PLATFORM_BATCH = True
    numbers = {_buy(shopper).number for _ in range(3)}

    outbox.deliver_due()

    assert {event["data"]["number"] for event in platform.events()} == numbers
    assert platform.stats()["requests"] == 1


def _buy(shopper: User) -> Draft:
    product = ProductFactory.create()
    return checkout.place_and_pay(
        Purchase(user_id=shopper.pk, email=shopper.email, quantities={product.pk: 1})
    )
