"""Stock of an order moves in sets: sold, released, returned in parts, taken again."""

from uuid import UUID

import pytest
from django.db import IntegrityError, transaction

from catalog.models import Product
from checkout import services as checkout
from inventory import services as inventory
from inventory.errors import InsufficientStock, ReturnExceedsSale
from inventory.models import MovementKind, Stock, StockMovement
from inventory.services import Moved
from orders.models import Order
from tests.factories import ProductFactory
from tests.pitfalls.sql import captured_sql
from tests.races.stage import overdue, purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db


def books(*products: Product) -> list[tuple[int, int]]:
    stocks = Stock.objects.in_bulk([product.pk for product in products])
    return [
        (stocks[product.pk].on_hand, stocks[product.pk].reserved)
        for product in products
    ]


def paid(product: Product, quantity: int) -> UUID:
    [user] = shoppers(1)
    wish = purchase(user, product, quantities={product.pk: quantity})
    return checkout.place_and_pay(wish).id


def expired(*products: Product) -> UUID:
    [user] = shoppers(1)
    order_id = overdue(checkout.place_order(purchase(user, *products)).id)
    assert checkout.expire(order_id)
    return order_id


def test_settling_takes_as_many_statements_for_many_products() -> None:
    [user] = shoppers(1)
    products = ProductFactory.create_batch(5, stock_on_hand=4)
    order_id = checkout.place_order(purchase(user, *products)).id
    quantities = {product.pk: 1 for product in products}

    with captured_sql() as statements:
        moved = inventory.commit(order_id=order_id, quantities=quantities)

    assert len(statements) == 1
    assert moved == tuple(
        Moved(product.pk, quantity=1, on_hand=3, reserved=0) for product in products
    )


def test_release_looks_for_the_waiting_once() -> None:
    [user] = shoppers(1)
    products = ProductFactory.create_batch(3, stock_on_hand=4)
    order_id = checkout.place_order(purchase(user, *products)).id

    with captured_sql() as statements:
        moved = inventory.release(
            order_id=order_id, quantities={product.pk: 1 for product in products}
        )

    # Others are told of all products by one more.
    assert ["outbox_event" in sql for sql in statements] == [False, False, True]
    assert [item.available for item in moved] == [4, 4, 4]


def test_reservation_is_settled_once() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=4)
    order_id = unpaid_order(user, product)
    unpaid_order(user, product)
    inventory.commit(order_id=order_id, quantities={product.pk: 1})

    with pytest.raises(IntegrityError, match="settled_once"), transaction.atomic():
        inventory.release(order_id=order_id, quantities={product.pk: 1})

    assert books(product) == [(3, 1)]


def test_goods_come_back_in_parts() -> None:
    product = ProductFactory.create(stock_on_hand=10)
    order_id = paid(product, 3)

    for quantity, reference in ((1, "return/1"), (2, "return/2")):
        inventory.take_back(
            order_id=order_id, quantities={product.pk: quantity}, reference=reference
        )

    assert books(product) == [(10, 0)]
    returns = StockMovement.objects.filter(kind=MovementKind.RETURNED).order_by("pk")
    assert list(returns.values_list("reference", "on_hand_delta")) == [
        ("return/1", 1),
        ("return/2", 2),
    ]


def test_return_that_is_told_twice_counts_once() -> None:
    product = ProductFactory.create(stock_on_hand=10)
    order_id = paid(product, 3)

    moved = [
        inventory.take_back(
            order_id=order_id, quantities={product.pk: 1}, reference="return/1"
        )
        for _ in range(2)
    ]

    assert [len(rows) for rows in moved] == [1, 0]
    assert books(product) == [(8, 0)]


def test_no_more_comes_back_than_was_sold() -> None:
    product, never = ProductFactory.create_batch(2, stock_on_hand=10)
    order_id = paid(product, 3)
    inventory.take_back(
        order_id=order_id, quantities={product.pk: 2}, reference="return/1"
    )

    for quantities in ({product.pk: 2}, {never.pk: 1}):
        with pytest.raises(ReturnExceedsSale), transaction.atomic():
            inventory.take_back(
                order_id=order_id, quantities=quantities, reference="return/2"
            )

    assert books(product, never) == [(9, 0), (10, 0)]


def test_reservation_that_was_never_sold_does_not_come_back() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=4)
    order_id = unpaid_order(user, product)

    with pytest.raises(ReturnExceedsSale):
        inventory.take_back(order_id=order_id, quantities={product.pk: 1})

    assert books(product) == [(4, 1)]


def test_order_that_is_paid_late_takes_its_goods_again() -> None:
    first, second = ProductFactory.create_batch(2, stock_on_hand=2)
    order_id = expired(first, second)

    moved = inventory.retake(order_id=order_id, quantities={first.pk: 1, second.pk: 1})

    assert [item.on_hand for item in moved] == [1, 1]
    story = StockMovement.objects.filter(order=order_id, product=first).order_by("pk")
    assert list(story.values_list("kind", flat=True)) == [
        "reserved",
        "released",
        "sold",
    ]


def test_late_order_takes_everything_or_nothing() -> None:
    plenty, gone = (ProductFactory.create(stock_on_hand=n) for n in (5, 1))
    order_id = expired(plenty, gone)
    paid(gone, 1)

    # The refusal leaves a transaction that can go on: the money has to go back.
    with pytest.raises(InsufficientStock) as refusal:
        inventory.retake(order_id=order_id, quantities={plenty.pk: 1, gone.pk: 1})

    assert refusal.value.extra == {
        "available": [{"product_id": gone.pk, "available": 0}]
    }
    assert books(plenty, gone) == [(5, 0), (0, 0)]
    assert Order.objects.get(pk=order_id).stock_movements.count() == 4


def test_late_order_leaves_what_is_kept_for_somebody() -> None:
    product = ProductFactory.create(stock_on_hand=1)
    order_id = expired(product)
    paid(product, 1)
    inventory.alert(
        product_id=product.pk, user_id=None, email="a@example.com", language="en"
    )
    inventory.adjust(
        product_id=product.pk,
        kind=MovementKind.RECEIVED,
        delta=1,
        reason="back",
        actor_id=None,
    )

    with pytest.raises(InsufficientStock):
        inventory.retake(order_id=order_id, quantities={product.pk: 1})

    assert books(product) == [(1, 1)]
