"""Stock: received, counted, reserved, sold and given back, all in the journal."""

from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from checkout import services as checkout
from inventory import services as inventory
from inventory.errors import AdjustmentInvalid, StockBelowReserved, StockChanged
from inventory.models import MovementKind, Stock, StockMovement
from inventory.services import Wanted
from outbox.models import Event
from tests.factories import ProductFactory, StaffFactory
from tests.races.stage import purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db


def _books(order_id: UUID | None = None) -> list[tuple[str, int, int, int, int]]:
    movements = StockMovement.objects.order_by("pk")
    if order_id is not None:
        movements = movements.filter(order_id=order_id)
    return [
        (
            movement.kind,
            movement.on_hand_delta,
            movement.reserved_delta,
            movement.on_hand_after,
            movement.reserved_after,
        )
        for movement in movements
    ]


def _adjust(kind: MovementKind, delta: int, **rest: Any) -> StockMovement:
    return inventory.adjust(
        product_id=Stock.objects.get().pk,
        kind=kind,
        delta=delta,
        reason="a reason",
        actor_id=None,
        **rest,
    )


def test_first_delivery_makes_the_stock() -> None:
    product, staff = ProductFactory.create(stock_on_hand=0), StaffFactory.create()
    assert not Stock.objects.exists()

    movement = inventory.adjust(
        product_id=product.pk,
        kind=MovementKind.RECEIVED,
        delta=7,
        reason="pallet 12",
        actor_id=staff.pk,
    )

    assert (movement.reason, movement.actor) == ("pallet 12", staff)
    assert _books() == [("received", 7, 0, 7, 0)]
    assert Stock.objects.get().available == 7


def test_way_of_an_order_that_waits_for_its_payment() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=10)
    order_id = unpaid_order(user, product, quantities={product.pk: 3})
    checkout.pay(user_id=user.pk, order_id=order_id)
    checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")

    assert _books(order_id) == [
        ("reserved", 0, 3, 10, 3),
        ("committed", -3, -3, 7, 0),
        ("returned", 3, 0, 10, 0),
    ]


def test_way_of_an_order_that_is_paid_at_once() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=10)

    order_id = checkout.place_and_pay(purchase(user, product)).id

    assert _books(order_id) == [("sold", -1, 0, 9, 0)]


def test_way_of_an_order_that_is_given_up() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=10)
    order_id = unpaid_order(user, product)

    checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")

    assert _books(order_id) == [
        ("reserved", 0, 1, 10, 1),
        ("released", 0, -1, 10, 0),
    ]


@pytest.mark.parametrize(
    ("kind", "delta"),
    [
        (MovementKind.RECEIVED, 0),
        (MovementKind.RECEIVED, -1),
        (MovementKind.DAMAGED, 1),
        (MovementKind.COUNTED, 0),
        (MovementKind.SOLD, -1),
        (MovementKind.RESERVED, 1),
    ],
)
def test_adjustment_of_the_wrong_kind_or_sign_is_refused(
    kind: MovementKind, delta: int
) -> None:
    ProductFactory.create(stock_on_hand=5)

    with pytest.raises(AdjustmentInvalid):
        _adjust(kind, delta)

    assert Stock.objects.get().on_hand == 5


def test_adjustment_needs_a_reason() -> None:
    product = ProductFactory.create(stock_on_hand=5)

    with pytest.raises(AdjustmentInvalid):
        inventory.adjust(
            product_id=product.pk,
            kind=MovementKind.DAMAGED,
            delta=-1,
            reason="  ",
            actor_id=None,
        )

    assert Stock.objects.get().on_hand == 5


def test_what_is_promised_cannot_be_taken_away() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=5)
    unpaid_order(user, product, quantities={product.pk: 3})

    with pytest.raises(StockBelowReserved) as refusal:
        _adjust(MovementKind.DAMAGED, -3)

    assert refusal.value.extra == {"reserved": 3}
    _adjust(MovementKind.DAMAGED, -2)
    assert Stock.objects.get().available == 0


def test_import_of_an_outdated_number_is_refused() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=5)
    seen = Stock.objects.get().version
    checkout.place_and_pay(purchase(user, product))

    with pytest.raises(StockChanged) as refusal:
        _adjust(MovementKind.RECEIVED, 10, expected_version=seen)

    assert refusal.value.extra == {"on_hand": 4, "reserved": 0, "version": seen + 1}
    assert Stock.objects.get().on_hand == 4


def test_count_sets_what_is_on_the_shelf() -> None:
    product = ProductFactory.create(stock_on_hand=5)
    version = Stock.objects.get().version

    def count(on_hand: int, version: int) -> StockMovement | None:
        return inventory.count(
            product_id=product.pk,
            on_hand=on_hand,
            expected_version=version,
            reason="year's end",
            actor_id=None,
        )

    assert count(5, version) is None
    movement = count(3, version)

    assert movement is not None
    assert (movement.kind, movement.on_hand_delta) == (MovementKind.COUNTED, -2)
    with pytest.raises(StockChanged):
        count(9, version)
    assert Stock.objects.get().on_hand == 3


def test_journal_cannot_be_changed_and_says_nothing_impossible() -> None:
    product = ProductFactory.create(stock_on_hand=5)

    for change in (
        lambda: StockMovement.objects.update(on_hand_delta=6),
        lambda: StockMovement.objects.all().delete(),
        lambda: StockMovement.objects.create(
            product=product,
            kind=MovementKind.SOLD,
            on_hand_delta=1,
            on_hand_after=6,
            reserved_after=0,
        ),
    ):
        with pytest.raises(Exception, match=r"append_only|signs_match_kind"):
            _in_savepoint(change)

    assert _books() == [("received", 5, 0, 5, 0)]


def _in_savepoint(change: object) -> None:
    assert callable(change)
    with transaction.atomic():
        change()


def test_order_takes_each_product_once() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=5)
    order_id = checkout.place_and_pay(purchase(user, product)).id
    movement = StockMovement.objects.get(order_id=order_id)

    movement.pk = None
    with pytest.raises(IntegrityError, match="once_per_order_and_kind"):
        _in_savepoint(movement.save)


def test_others_hear_whenever_more_or_less_is_left() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=1)
    order_id = unpaid_order(user, product)
    checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")
    _adjust(MovementKind.RECEIVED, 5)

    heard = Event.objects.filter(topic="stock.changed").order_by("position")

    assert [event.payload["available"] for event in heard] == [1, 1, 6]


def test_shortage_names_what_is_left() -> None:
    scarce, plenty = (ProductFactory.create(stock_on_hand=n) for n in (1, 9))
    wanted = [Wanted(scarce.pk, 2, 100), Wanted(plenty.pk, 2, 100)]

    short = inventory.shortage(wanted)

    assert short is not None
    assert short.extra == {"available": [{"product_id": scarce.pk, "available": 1}]}
    assert inventory.shortage(wanted[1:]) is None
    unknown = inventory.shortage([Wanted(plenty.pk + 1, 1, 100)])
    assert unknown is not None
