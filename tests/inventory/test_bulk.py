"""Many rows that move stock at once do what each would have done alone."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from catalog.models import Product
from inventory import services as inventory
from inventory import sources
from inventory.bulk import Step, adjust_many
from inventory.errors import AdjustmentInvalid, StockBelowReserved
from inventory.models import MovementKind, Stock, StockMovement
from outbox.models import Event
from tests.books import assert_books_balance
from tests.factories import ProductFactory, StaffFactory, UserFactory
from tests.races.stage import shoppers, unpaid_order

pytestmark = pytest.mark.django_db


def step(product: Product, number: int = 2, **said: Any) -> Step:
    usual = {"kind": MovementKind.RECEIVED, "delta": 0, "counted": None}
    rest = {"reference": "DN-1", "reason": "file 7"}
    return Step(number, product.pk, **{**usual, **rest, **said})


def sold_out(*, waiting: bool) -> Product:
    product = ProductFactory.create(stock_on_hand=0)
    if waiting:
        user = UserFactory.create()
        inventory.alert(product_id=product.pk, user_id=user.pk, email="", language="en")
    return product


def moves(after: int) -> list[tuple[Any, ...]]:
    """Return the newest movements, without the ids of things."""
    columns = "kind on_hand_delta on_hand_after reserved_after reason actor reference"
    rows = StockMovement.objects.filter(pk__gt=after).order_by("pk")
    return sorted(
        (*rest, reference.partition("/")[0])
        for *rest, reference in rows.values_list(*columns.split())
    )


def told(after: int) -> list[tuple[str, Any, Any]]:
    """Return what others were told of late, without the ids of things."""
    rows = Event.objects.filter(position__gt=after)
    return sorted(
        (topic, load.get("available", 0), load.get("quantity", 0))
        for topic, load in rows.values_list("topic", "payload")
    )


def one_by_one(products: Sequence[Product], actor_id: int) -> None:
    new, known, counted, right = products
    said: dict[str, Any] = {"reference": "DN-1", "reason": "file 7"}
    said["actor_id"] = actor_id
    for product, kind, delta in (
        (new, MovementKind.RECEIVED, 4),
        (known, MovementKind.LOST, -3),
    ):
        inventory.adjust(product_id=product.pk, kind=kind, delta=delta, **said)
    for product, on_hand in ((counted, 8), (right, 10)):
        sources.count_as_of(
            product_id=product.pk,
            on_hand=on_hand,
            counted_at=timezone.now(),
            **said,
        )


def together(products: Sequence[Product], actor_id: int) -> None:
    new, known, counted, right = products
    steps = [
        step(new, delta=4),
        step(known, kind=MovementKind.LOST, delta=-3),
        step(counted, kind=MovementKind.COUNTED, counted=8),
        step(right, kind=MovementKind.COUNTED, counted=10),
    ]
    assert not adjust_many(steps, counted_at=timezone.now(), actor_id=actor_id)


@pytest.mark.parametrize("waiting", [False, True])
def test_rows_do_what_services_do_one_by_one(waiting: bool) -> None:  # noqa: FBT001 — a parameter of the test
    boss = StaffFactory.create()
    found = []
    for way in (one_by_one, together):
        new = sold_out(waiting=waiting)
        known = ProductFactory.create_batch(3, stock_on_hand=10)
        movement = StockMovement.objects.latest("pk").pk
        event = Event.objects.order_by("position").last()
        way([new, *known], boss.pk)
        stocks = Stock.objects.filter(product__in=[new, *known]).order_by("pk")
        found.append(
            (
                moves(movement),
                told(event.position if event else 0),
                list(stocks.values_list("on_hand", "reserved", "version")),
            )
        )

    assert found[0] == found[1]
    kinds = [kind for kind, *_rest in found[0][0]]
    assert kinds == ["counted", *(["held"] * waiting), "lost", "received"]
    assert_books_balance()


def test_refused_row_moves_nothing_and_the_others_move() -> None:
    boss = StaffFactory.create()
    [user] = shoppers(1)
    promised, free, wrong = ProductFactory.create_batch(3, stock_on_hand=5)
    unpaid_order(user, promised)

    with transaction.atomic():
        refused = adjust_many(
            [
                step(promised, 2, kind=MovementKind.LOST, delta=-5),
                step(free, 3, kind=MovementKind.LOST, delta=-5),
                step(wrong, 4, kind=MovementKind.DAMAGED, delta=5),
            ],
            counted_at=timezone.now(),
            actor_id=boss.pk,
        )

    assert {number: type(error) for number, error in refused.items()} == {
        2: StockBelowReserved,
        4: AdjustmentInvalid,
    }
    left = dict(Stock.objects.values_list("product_id", "on_hand"))
    assert left == {promised.pk: 5, free.pk: 0, wrong.pk: 5}
    assert_books_balance()
