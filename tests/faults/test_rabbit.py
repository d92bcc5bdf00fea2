"""RabbitMQ in both directions, and what happens when it or somebody else dies."""

import signal
from collections.abc import Iterator
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from pytest_django import Settings

from catalog import broker
from catalog import services as catalog
from catalog.broker import DEAD, UPDATES
from catalog.models import PriceChange, Product
from checkout import services as checkout
from demo.receiver import DataPlatform
from inventory import services as inventory
from inventory import sources
from inventory.models import (
    MovementKind,
    RefusedMessages,
    SourceVersion,
    Stock,
    StockMovement,
)
from orders.models import Order
from outbox import services as outbox
from outbox.models import Dispatch, DispatchQuerySet, Event
from tests.factories import ProductFactory
from tests.faults.listening import QUEUE, Listener, consume, consuming, done, says, tell
from tests.rabbit import Rabbit, open_channel
from tests.rabbit import _rabbit as _rabbit
from tests.rabbit import rabbit as rabbit
from tests.races.stage import purchase, shoppers
from tests.running import Running, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

SUBSCRIBER = "inventory.messages.announce"


@pytest.fixture(autouse=True)
def _shop_has_a_rabbit(rabbit: Rabbit, settings: Settings) -> Iterator[None]:
    settings.RABBITMQ_URL = rabbit.url
    yield
    broker.hang_up()
    rabbit.resume()
    if not rabbit.is_running:
        rabbit.start()
    rabbit.delete(UPDATES, DEAD, QUEUE)


@pytest.fixture
def listener(rabbit: Rabbit) -> Listener:
    listener = Listener(rabbit)
    listener.begin()
    return listener


@pytest.fixture
def cup() -> Product:
    cup: Product = ProductFactory.create(
        sku="CUP-1", name="Cup", price=10_000, stock_on_hand=10
    )
    # Filling the shop is not what the tests are about.
    relay()
    return cup


def relay() -> None:
    """Deliver what is due, as a worker does."""
    while outbox.deliver_due():
        pass


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


# --- What we are told ----------------------------------------------------------------


def test_source_changes_price_name_and_stock_as_staff_would(
    cup: Product, rabbit: Rabbit
) -> None:
    tell(rabbit, says("CUP-1", 7, price=12_000, name="Tea cup", stock=25))

    assert consume(1) == {"taken": 1}

    product = Product.objects.get()
    assert (product.price, product.name) == (12_000, "Tea cup")
    change = PriceChange.objects.get()
    assert (change.old_price, change.new_price, change.cause, change.actor) == (
        10_000,
        12_000,
        "erp, version 7",
        None,
    )
    movement = StockMovement.objects.latest("pk")
    assert (movement.kind, movement.on_hand_delta, movement.reason) == (
        MovementKind.COUNTED,
        15,
        "erp, version 7",
    )
    assert Stock.objects.get().available == 25
    events = Event.objects.filter(topic="product.changed").order_by("position")
    told = [(event.payload["price"], event.payload["name"]) for event in events]
    assert told == [(12_000, "Cup"), (12_000, "Tea cup")]


def test_late_and_doubled_messages_are_acknowledged_and_counted(
    cup: Product, rabbit: Rabbit
) -> None:
    newest = says("CUP-1", 3, price=13_000)
    tell(rabbit, newest, newest, says("CUP-1", 2, price=12_000), newest)

    assert consume(4) == {"taken": 1, "repeated": 3}

    assert Product.objects.get().price == 13_000
    version = SourceVersion.objects.get()
    assert (version.version, version.taken, version.repeated) == (3, 1, 3)
    assert PriceChange.objects.count() == 1
    assert rabbit.count(UPDATES) == 0
    assert rabbit.count(DEAD) == 0


POISON = {
    "not_json": b"\xff\xfe{",
    "bad_price": says("CUP-1", 1, price=True),
    "bad_stock": says("CUP-1", 2, stock=-1),
    "unknown_sku": says("NO-SUCH", 3, price=1),
    "bad_source_version": {"sku": "CUP-1", "source": "erp", "price": 1},
}


def test_poison_lies_with_the_dead_and_stops_nobody(
    cup: Product, rabbit: Rabbit
) -> None:
    tell(rabbit, *POISON.values(), says("CUP-1", 9, price=11_000))

    assert consume(6) == {"refused": 5, "taken": 1}

    assert Product.objects.get().price == 11_000
    assert (rabbit.count(UPDATES), rabbit.count(DEAD)) == (0, 5)
    counted = RefusedMessages.objects.values_list("code", "count")
    assert dict(counted) == dict.fromkeys(POISON, 1)
    out = StringIO()
    call_command("dead_products", stdout=out)
    said = out.getvalue()
    assert "unknown_sku: there is no product NO-SUCH" in said
    assert "bad_price: price is no whole number" in said
    assert "5 messages shown" in said
    assert rabbit.count(DEAD) == 5


def test_dead_letter_can_be_sent_again_once_its_reason_is_gone(
    cup: Product, rabbit: Rabbit
) -> None:
    tell(rabbit, says("JUG-1", 1, price=500, stock=3))
    consume(1)
    ProductFactory.create(sku="JUG-1", price=400, stock_on_hand=0)

    call_command("dead_products", "--replay", stdout=StringIO())

    assert rabbit.count(DEAD) == 0
    assert consume(1) == {"taken": 1}
    assert Product.objects.get(sku="JUG-1").price == 500
    assert Stock.objects.get(product__sku="JUG-1").on_hand == 3


def test_dead_letters_can_be_thrown_away(cup: Product, rabbit: Rabbit) -> None:
    tell(rabbit, b"[]", b"[]")
    consume(2)

    call_command("dead_products", "--discard", "--limit=1", stdout=StringIO())

    assert rabbit.count(DEAD) == 1


def test_message_waits_for_a_database_that_is_away(
    cup: Product, rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, failures = sources.take, iter([OperationalError("gone")] * 2)

    def take_later(update: object) -> object:
        if (error := next(failures, None)) is not None:
            raise error
        return take(update)  # type: ignore[arg-type]

    monkeypatch.setattr(sources, "take", take_later)
    monkeypatch.setattr("inventory.consumer.FIRST_PAUSE", 0.05)
    tell(rabbit, says("CUP-1", 1, price=11_000))

    assert consume(1) == {"taken": 1, "tried again": 2}

    assert Product.objects.get().price == 11_000
    assert rabbit.count(DEAD) == 0


def test_what_is_in_hand_goes_back_when_the_consumer_is_stopped(
    cup: Product, rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_update: object) -> object:
        raise OperationalError("gone")

    monkeypatch.setattr(sources, "take", fail)
    tell(rabbit, says("CUP-1", 1, price=11_000), says("CUP-1", 2, price=12_000))
    with consuming() as consumer:
        wait_for(lambda: consumer.tally["tried again"], "it has one in hand")
    monkeypatch.undo()

    assert done(consumer) == 0
    assert consume(2) == {"taken": 2}
    assert Product.objects.get().price == 12_000


KILLED_BEFORE_THE_ACK = """
import os, signal
from inventory import sources
from inventory.consumer import ProductConsumer
take = sources.take
def take_and_die(update):
    take(update)
    os.kill(os.getpid(), signal.SIGKILL)
sources.take = take_and_die
ProductConsumer(say=print).run()
"""


def test_consumer_killed_between_commit_and_acknowledgement_takes_it_once(
    cup: Product, rabbit: Rabbit, running: Running
) -> None:
    tell(rabbit, says("CUP-1", 1, price=11_000, stock=20))
    victim = running.python(KILLED_BEFORE_THE_ACK, RABBITMQ_URL=rabbit.url)
    wait_for(lambda: victim.popen.poll() is not None, "the consumer is dead", 60)
    assert victim.popen.returncode == -signal.SIGKILL
    assert Product.objects.get().price == 11_000

    assert consume(1) == {"repeated": 1}

    assert PriceChange.objects.count() == 1
    counted = StockMovement.objects.filter(kind=MovementKind.COUNTED)
    assert counted.count() == 1
    assert rabbit.count(UPDATES) == 0


def test_command_outlives_the_broker_and_ends_cleanly(
    cup: Product, rabbit: Rabbit, running: Running
) -> None:
    consumer = running.manage("consume_products", RABBITMQ_URL=rabbit.url)
    consumer.wait_until_it_says("listening at")
    tell(rabbit, says("CUP-1", 1, price=11_000))
    wait_for(lambda: Product.objects.get().price == 11_000, "the first is taken")

    rabbit.restart()
    tell(rabbit, says("CUP-1", 2, price=12_000))
    wait_for(lambda: Product.objects.get().price == 12_000, "the second is taken", 60)
    consumer.popen.send_signal(signal.SIGTERM)

    assert consumer.popen.wait(20) == 0
    assert "RabbitMQ is away" in consumer.said()
    assert "messages so far: taken 2" in consumer.said()
    assert consumer.said().endswith("stopped\n")


def test_queue_that_was_emptied_is_healed_by_the_next_version(
    cup: Product, rabbit: Rabbit
) -> None:
    tell(rabbit, says("CUP-1", 1, price=11_000), says("CUP-1", 2, stock=3))
    assert rabbit.purge(UPDATES) == 2

    tell(rabbit, says("CUP-1", 3, price=12_000, stock=4))

    assert consume(1) == {"taken": 1}
    assert Product.objects.get().price == 12_000
    assert Stock.objects.get().on_hand == 4


# --- RabbitMQ as the broker of the workers -------------------------------------------


def test_worker_on_rabbitmq_delivers_a_purchase_before_and_after_a_restart(
    rabbit: Rabbit, running: Running, platform: DataPlatform
) -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=5)
    on_rabbit = {"CELERY_BROKER_URL": rabbit.url, "RABBITMQ_URL": ""}
    worker = running.worker(concurrency=1, **on_rabbit)
    running.beat(**on_rabbit)

    first = checkout.place_and_pay(purchase(user, product)).id
    wait_for(lambda: str(first) in told_of(platform), "the first is delivered", 40)
    rabbit.restart()
    second = checkout.place_and_pay(purchase(user, product)).id
    wait_for(lambda: str(second) in told_of(platform), "the second is delivered", 60)

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
