"""Pitfall 49: five hundred letters for one unit."""

from datetime import timedelta

import pytest
from django.utils import timezone

from catalog.models import Product
from inventory import services as inventory
from inventory.models import Hold, MovementKind, RestockAlert
from inventory.tasks import lapse_holds
from outbox.models import Event
from tests.factories import ProductFactory, receive

pytestmark = pytest.mark.django_db(transaction=True)


def _line(product: Product, length: int) -> None:
    for number in range(length):
        inventory.alert(
            product_id=product.pk,
            user_id=None,
            email=f"shopper{number}@example.com",
            language="en",
        )


def _written_to() -> list[str]:
    letters = Event.objects.filter(topic="stock.back").order_by("payload__alert_id")
    return [letter.payload["email"] for letter in letters]


def test_pitfall_49_one_unit_is_one_letter() -> None:
    product = ProductFactory.create(stock_on_hand=0)
    _line(product, 20)

    receive(product, 1)

    assert _written_to() == ["shopper0@example.com"]
    assert RestockAlert.objects.waiting().count() == 19


def test_pitfall_49_stock_that_comes_and_goes_writes_once() -> None:
    product = ProductFactory.create(stock_on_hand=0)
    _line(product, 2)
    receive(product, 1)

    for _ in range(5):
        receive(product, 3)
        inventory.adjust(
            product_id=product.pk,
            kind=MovementKind.DAMAGED,
            delta=-3 if Hold.objects.count() == 1 else -2,
            reason="counted wrong",
            actor_id=None,
        )

    assert _written_to() == ["shopper0@example.com", "shopper1@example.com"]


def test_pitfall_49_the_next_is_written_to_when_the_unit_is_free() -> None:
    product = ProductFactory.create(stock_on_hand=0)
    _line(product, 3)
    receive(product, 1)

    for _ in range(4):
        past = timezone.now() - timedelta(seconds=1)
        Hold.objects.active().update(expires_at=past)
        lapse_holds()

    assert _written_to() == [f"shopper{number}@example.com" for number in range(3)]
    assert inventory.lapse_due() == 0
