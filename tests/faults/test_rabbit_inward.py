"""What others tell us by RabbitMQ: late, doubled, poisoned, or with somebody dead."""

import re
import signal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError

from catalog.broker import DEAD, UPDATES
from catalog.models import PriceChange, Product
from inventory import sources
from inventory.models import (
    MovementKind,
    RefusedMessages,
    SourceVersion,
    Stock,
    StockMovement,
)
from outbox.models import Event
from tests.factories import ProductFactory
from tests.faults.listening import (
    consume,
    consuming,
    done,
    says,
    tell,
)
from tests.faults.listening import cup as cup
from tests.faults.listening import listener as listener
from tests.faults.listening import shop_has_a_rabbit as shop_has_a_rabbit
from tests.rabbit import Rabbit
from tests.rabbit import _rabbit as _rabbit
from tests.rabbit import rabbit as rabbit
from tests.running import Running, wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("shop_has_a_rabbit"),
]


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


POISON: dict[str, dict[str, Any] | bytes] = {
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
    # Nobody knows whether the broker still heard that the first was taken.
    assert re.search(r"messages so far: .*taken [12]\n", consumer.said())
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
