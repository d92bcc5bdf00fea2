"""What we tell others by RabbitMQ, with the broker down, silent or emptied."""

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from catalog import broker
from catalog import services as catalog
from catalog.models import Product
from checkout import services as checkout
from demo.receiver import DataPlatform
from inventory import services as inventory
from inventory.models import (
    MovementKind,
    Stock,
)
from orders.models import Order
from outbox import services as outbox
from outbox.models import Dispatch, DispatchQuerySet, Event
from tests.factories import ProductFactory
from tests.faults.listening import (
    QUEUE,
    Listener,
    relay,
)
from tests.faults.listening import cup as cup
from tests.faults.listening import listener as listener
from tests.faults.listening import shop_has_a_rabbit as shop_has_a_rabbit
from tests.rabbit import Rabbit, open_channel
from tests.rabbit import _rabbit as _rabbit
from tests.rabbit import rabbit as rabbit
from tests.races.stage import purchase, shoppers
from tests.running import Running, wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("shop_has_a_rabbit"),
]

SUBSCRIBER = "inventory.messages.announce"


def waiting() -> int:
    return unsent().count()


def unsent() -> DispatchQuerySet:
    return Dispatch.objects.waiting().filter(subscriber=SUBSCRIBER)


def try_again() -> None:
    """Let what failed be due, and the absence be over."""
    outbox.replay(dispatch_ids=list(unsent().values_list("pk", flat=True)))
    outbox.breaker.forget()
    relay()


# --- What we tell --------------------------------------------------------------------


def test_price_name_and_publication_are_told_with_their_versions(
    cup: Product, listener: Listener
) -> None:
    before = Product.objects.get().version

    catalog.change_price(product_id=cup.pk, price=9_000, cause="sale", actor_id=None)
    catalog.rename(product_id=cup.pk, name="Tea cup")
    catalog.unpublish(product_id=cup.pk)
    catalog.publish(product_id=cup.pk)
    relay()

    heard = listener.heard()
    assert [
        (item.body["price"], item.body["name"], item.body["is_on_sale"])
        for item in heard
    ] == [
        (9_000, "Cup", True),
        (9_000, "Tea cup", True),
        (9_000, "Tea cup", False),
        (9_000, "Tea cup", True),
    ]
    assert [item.body["version"] for item in heard] == [before + n for n in range(1, 5)]
    assert {(item.key, item.is_persistent) for item in heard} == {
        ("product.changed.CUP-1", True)
    }
    events = Event.objects.filter(topic="product.changed").order_by("sequence")
    assert [UUID(item.message_id) for item in heard] == [event.pk for event in events]
    assert heard[0].body == {
        "type": "product.changed",
        "product_id": cup.pk,
        "sku": "CUP-1",
        "name": "Cup",
        "price": 9_000,
        "currency": "KRW",
        "is_on_sale": True,
        "version": before + 1,
    }


def test_whatever_moves_a_stock_is_told(cup: Product, listener: Listener) -> None:
    [user] = shoppers(1)
    left = []

    def told() -> int:
        relay()
        [heard] = listener.heard()
        stock = Stock.objects.get()
        assert (heard.key, heard.body) == (
            "stock.changed.CUP-1",
            {
                "type": "stock.changed",
                "product_id": cup.pk,
                "sku": "CUP-1",
                "on_hand": stock.on_hand,
                "reserved": stock.reserved,
                "available": stock.available,
                "version": stock.version,
            },
        )
        return stock.available

    paid = checkout.place_and_pay(purchase(user, cup)).id
    left.append(told())
    unpaid = checkout.place_order(purchase(user, cup)).id
    left.append(told())
    for order_id in (unpaid, paid):
        checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")
        left.append(told())
    inventory.adjust(
        product_id=cup.pk,
        kind=MovementKind.DAMAGED,
        delta=-3,
        reason="broken",
        actor_id=None,
    )
    left.append(told())

    assert left == [9, 8, 9, 10, 7]


def test_many_sales_at_once_are_told_once(cup: Product, listener: Listener) -> None:
    for user in shoppers(4):
        checkout.place_and_pay(purchase(user, cup))

    relay()

    assert [item.body["available"] for item in listener.heard()] == [6]
    assert waiting() == 0


def test_shop_without_rabbitmq_waits_for_nobody(
    cup: Product, settings: Settings, listener: Listener
) -> None:
    settings.RABBITMQ_URL = ""

    catalog.change_price(product_id=cup.pk, price=9_000, cause="sale", actor_id=None)
    relay()

    assert waiting() == 0
    assert listener.heard() == []


def test_broker_that_is_down_holds_nobody_up_and_misses_nothing(
    cup: Product, rabbit: Rabbit, listener: Listener
) -> None:
    [user] = shoppers(1)
    catalog.change_price(product_id=cup.pk, price=9_000, cause="a", actor_id=None)
    relay()
    rabbit.stop()

    for price in (8_000, 7_000):
        catalog.change_price(product_id=cup.pk, price=price, cause="b", actor_id=None)
    order_id = checkout.place_and_pay(purchase(user, Product.objects.get())).id
    relay()

    assert Order.objects.get(pk=order_id).subtotal == 7_000
    assert waiting() == 3
    dispatch = unsent().order_by("pk")[0]
    assert (dispatch.attempts, dispatch.dead_at) == (1, None)
    rabbit.start()
    try_again()
    assert waiting() == 0
    # The first lay in the queue while the broker was restarted.
    heard = listener.heard()
    products = [item for item in heard if item.key.startswith("product.")]
    assert [item.body["price"] for item in products] == [9_000, 8_000, 7_000]
    assert [item.body["available"] for item in heard if "available" in item.body] == [9]


def test_message_whose_confirmation_is_lost_is_sent_again_under_its_id(
    cup: Product,
    rabbit: Rabbit,
    listener: Listener,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    catalog.change_price(product_id=cup.pk, price=9_000, cause="a", actor_id=None)
    relay()
    assert len(listener.heard()) == 1
    monkeypatch.setattr(broker, "CONFIRM_SECONDS", 0.3)
    monkeypatch.setattr(broker, "CONNECT_SECONDS", 0.3)
    catalog.change_price(product_id=cup.pk, price=8_000, cause="b", actor_id=None)

    rabbit.pause()
    relay()
    assert waiting() == 1
    rabbit.resume()
    monkeypatch.undo()
    try_again()

    event = Event.objects.filter(topic="product.changed").latest("sequence")
    heard = listener.heard()
    # What was written into the silence arrives, too.
    assert len(heard) in {1, 2}
    assert {item.message_id for item in heard} == {str(event.pk)}
    assert waiting() == 0


def test_listener_that_lost_its_queue_is_told_everything_again(
    cup: Product, rabbit: Rabbit, listener: Listener
) -> None:
    catalog.change_price(product_id=cup.pk, price=9_000, cause="a", actor_id=None)
    relay()
    assert rabbit.purge(QUEUE) == 1

    call_command("announce_products", stdout=StringIO())

    product, stock = listener.heard()
    assert product.body["price"] == 9_000
    assert product.body["version"] == Product.objects.get().version
    assert (stock.body["available"], stock.body["version"]) == (
        10,
        Stock.objects.get().version,
    )


def test_announcement_that_nobody_takes_fails(cup: Product, rabbit: Rabbit) -> None:
    with pytest.raises(CommandError, match="Not all"):
        call_command("announce_products", "NO-SUCH", stdout=StringIO())


# --- RabbitMQ as the broker of the workers -------------------------------------------


def test_worker_on_rabbitmq_delivers_a_purchase_before_and_after_a_restart(
    rabbit: Rabbit, running: Running, platform: DataPlatform
) -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=5)
    on_rabbit = {"CELERY_BROKER_URL": rabbit.url, "RABBITMQ_URL": ""}
    worker = running.worker(concurrency=1, **on_rabbit)
    running.beat(**on_rabbit)

    first = checkout.place_and_pay(purchase(user, product)).id
    wait_for(lambda: str(first) in told_of(platform), "the first is delivered", 60)
    rabbit.restart()
    second = checkout.place_and_pay(purchase(user, product)).id
    wait_for(lambda: str(second) in told_of(platform), "the second is delivered", 120)

    assert worker.popen.poll() is None
    assert_is_quorum(rabbit, "celery")


def assert_is_quorum(rabbit: Rabbit, name: str) -> None:
    """Declare a queue once more, which fails unless it is of this kind."""
    arguments = {"x-queue-type": "quorum"}
    with rabbit.connect() as link, open_channel(link) as channel:
        channel.queue_declare(
            name, durable=True, auto_delete=False, arguments=arguments
        )
    rabbit.delete(name)


def told_of(platform: DataPlatform) -> set[str]:
    """Return the orders that the platform has heard of."""
    return {event["data"]["order_id"] for event in platform.events()}
