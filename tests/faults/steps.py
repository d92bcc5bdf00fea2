"""What fault tests do again and again: sell, relay, and look at what arrived."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from catalog.models import Product
from checkout import services as checkout
from checkout.services import Purchase
from demo.receiver import DataPlatform
from outbox import services as outbox
from outbox.models import Event
from tests.factories import ProductFactory, UserFactory


@dataclass(frozen=True)
class Seller:
    """Sells one product, again and again, to one shopper with points enough."""

    shopper: User
    product: Product

    def sell(self) -> UUID:
        """Sell one piece; return the order's id."""
        purchase = Purchase(
            user_id=self.shopper.pk,
            email=self.shopper.email,
            quantities={self.product.pk: 1},
        )
        return checkout.place_and_pay(purchase).id

    def sell_many(self, number: int) -> list[UUID]:
        return [self.sell() for _ in range(number)]


def seller(*, stock: int = 1000) -> Seller:
    """Return a shopper with points for all there is of a product."""
    product = ProductFactory.create(price=100, stock_on_hand=stock)
    return Seller(UserFactory.create(points=100 * stock), product)


def arrived(platform: DataPlatform) -> list[str]:
    """Return the orders the platform heard of, in the order of arrival."""
    return [event["subject"].removeprefix("order/") for event in platform.events()]


def assert_all_arrived(platform: DataPlatform, orders: list[UUID]) -> None:
    """Fail unless each order arrived once, under its event's id, none missing."""
    assert sorted(arrived(platform)) == sorted(map(str, orders))
    events = Event.objects.filter(topic="order.paid")
    assert {event["id"] for event in platform.events()} == {
        str(event.pk) for event in events
    }
    sequences = sorted(int(event["sequence"]) for event in platform.events())
    assert sequences == list(range(1, len(orders) + 1))


def nothing_waits() -> bool:
    """Say whether every event has reached its subscribers or is given up."""
    return outbox.is_drained()


def relay_until(condition: Callable[[], object], seconds: float = 30) -> float:
    """Play the relay until a condition holds; return how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, f"not within {seconds} s"
        if not outbox.deliver_due():
            time.sleep(0.02)
    return time.monotonic() - started
