"""Races 12 to 15 and 22: an order, its price and its cart under several hands."""

import logging
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models.functions import Now

from cart import services as carts
from cart.models import CartItem
from catalog import services as catalog
from checkout import services as checkout
from checkout.services import CartVersion, Purchase
from coupons.models import Coupon, CouponState
from inventory.models import Stock
from orders.models import DEAD, Order, OrderEvent, OrderStatus
from outbox.models import Event
from payments.models import Payment
from points.models import EntryKind, LedgerEntry
from tests.concurrency import run_in_processes, run_together, told
from tests.factories import (
    CouponBatchFactory,
    CouponFactory,
    ProductFactory,
)
from tests.races import mutants
from tests.races.stage import (
    between_reading_and_writing,
    fill_cart,
    overdue,
    purchase,
    shoppers,
    unpaid_order,
)

# --- 12: the price -------------------------------------------------------------------


@dataclass(frozen=True)
class Charged:
    told: dict[str, int]
    totals: list[int]


def price_flips_while_shoppers_buy() -> Charged:
    """Show 10 000 to everybody; half of them buy after the price has changed."""
    users, product = shoppers(40), ProductFactory.create(stock_on_hand=100)

    def buy(number: int) -> None:
        checkout.place_and_pay(purchase(users[number], product, expected_total=10_000))

    before = run_together(buy, times=20)
    catalog.change_price(
        product_id=product.pk, price=12_000, cause="new season", actor_id=None
    )
    after = run_together(lambda number: buy(20 + number), times=20)
    return Charged(
        told=told([*before, *after]),
        totals=list(Order.objects.values_list("total", flat=True)),
    )


def price_changes_between_read_and_write() -> Charged:
    [user], product = shoppers(1), ProductFactory.create()

    def change(_wish: Purchase) -> None:
        catalog.change_price(
            product_id=product.pk, price=12_000, cause="new season", actor_id=None
        )

    with between_reading_and_writing(change):
        results = run_together(
            lambda _number: checkout.place_and_pay(purchase(user, product)), times=1
        )
    return Charged(
        told=told(results), totals=list(Order.objects.values_list("total", flat=True))
    )


def test_race_12_nobody_is_charged_another_price_than_they_were_shown() -> None:
    assert price_flips_while_shoppers_buy() == Charged(
        told={"ok": 20, "price_changed": 20}, totals=[10_000] * 20
    )


def test_race_12_mutant_is_caught() -> None:
    with mutants.any_total_will_do():
        outcome = price_flips_while_shoppers_buy()

    assert outcome.totals == [10_000] * 20 + [12_000] * 20


def test_race_12_price_that_changed_since_it_was_read_is_not_charged() -> None:
    assert price_changes_between_read_and_write() == Charged(
        told={"price_changed": 1}, totals=[]
    )


def test_race_12_old_price_mutant_is_caught() -> None:
    with mutants.selling_at_old_prices():
        outcome = price_changes_between_read_and_write()

    assert outcome.totals == [10_000]


# --- 13: the payment -----------------------------------------------------------------


@dataclass(frozen=True)
class Paid:
    told: dict[str, int]
    payments: int
    events: int
    entries: int


def one_order_paid_many_times() -> Paid:
    [user], product = shoppers(1), ProductFactory.create()
    order_id = unpaid_order(user, product)
    results = run_together(
        lambda _number: checkout.pay_with_points(user_id=user.pk, order_id=order_id),
        times=50,
    )
    return Paid(
        told=told(results),
        payments=Payment.objects.count(),
        events=Event.objects.filter(topic="order.paid").count(),
        entries=LedgerEntry.objects.filter(kind=EntryKind.USE).count(),
    )


def test_race_13_an_order_is_paid_once() -> None:
    assert one_order_paid_many_times() == Paid(
        told={"ok": 1, "order_not_payable": 49}, payments=1, events=1, entries=1
    )


def test_race_13_mutant_is_caught() -> None:
    # What the lock would refuse, the constraints break off.
    with mutants.orders_without_lock(together=50):
        outcome = one_order_paid_many_times()

    assert outcome.told == {"IntegrityError": 49, "ok": 1}


# --- 14: pay, cancel, expire ---------------------------------------------------------


@dataclass(frozen=True)
class Ends:
    """How often each order left "pending", and errors that are no refusals."""

    exits: list[int]
    errors: int
    # What the orders that are left hold, and what the books say they do.
    on_hand: int
    reserved: int
    coupons_taken: int
    live_orders: int


def pay_cancel_and_expire(*, orders: int) -> Ends:
    """Race for orders of which a third is overdue and a third comes due meanwhile."""
    users = shoppers(orders)
    product = ProductFactory.create(stock_on_hand=orders)
    batch = CouponBatchFactory.create(quantity=orders)
    placed = []
    for user in users:
        coupon = CouponFactory.create(user=user, batch=batch)
        placed.append((user.pk, unpaid_order(user, product, coupon_id=coupon.pk)))
    for place, (_user, order_id) in enumerate(placed):
        due = Now() + timedelta(milliseconds=(-1_000, 250, 60_000)[place % 3])
        Order.objects.filter(pk=order_id).update(expires_at=due)
    results = run_together(
        lambda number: _act(number % 3, *placed[number // 3]),
        times=3 * orders,
        clients=min(3 * orders, 60),
    )
    stock = Stock.objects.get()
    leaving = OrderEvent.objects.filter(from_status=OrderStatus.PENDING)
    exits = Counter(leaving.values_list("order_id", flat=True))
    taken = Coupon.objects.filter(state__in=[CouponState.RESERVED, CouponState.USED])
    refused = {"ok", "invalid_transition", "order_not_payable", "order_expired"}
    refused |= {"order_not_cancellable"}
    return Ends(
        exits=[exits[order_id] for _user, order_id in placed],
        errors=sum(n for word, n in told(results).items() if word not in refused),
        on_hand=stock.on_hand,
        reserved=stock.reserved,
        coupons_taken=taken.count(),
        live_orders=Order.objects.exclude(status__in=DEAD).count(),
    )


def _act(what: int, user_id: int, order_id: UUID) -> object:
    if what == 0:
        return checkout.pay(user_id=user_id, order_id=order_id)
    if what == 1:
        return checkout.cancel(
            order_id=order_id, user_id=user_id, actor_id=user_id, reason="changed mind"
        )
    return checkout.expire(order_id)


def test_race_14_pay_cancel_and_expire_have_one_winner_per_order() -> None:
    outcome = pay_cancel_and_expire(orders=60)

    # A paid order may be cancelled afterwards, with a refund: that is no second winner.
    still_pending = Order.objects.filter(status=OrderStatus.PENDING).count()
    assert still_pending == 0
    assert outcome == Ends(
        exits=[1] * 60,
        errors=0,
        on_hand=60 - outcome.live_orders,
        reserved=0,
        coupons_taken=outcome.live_orders,
        live_orders=Order.objects.filter(status=OrderStatus.PAID).count(),
    )


def test_race_14_mutant_is_caught() -> None:
    with mutants.orders_without_lock():
        outcome = pay_cancel_and_expire(orders=6)

    assert outcome.errors or outcome.exits != [1] * 6


# --- 15: two expiry jobs -------------------------------------------------------------


class _Complaints(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def run_expiry_job(_number: int) -> None:
    """Expire what is overdue; called in processes of its own."""
    complaints = _Complaints()
    logging.getLogger(checkout.__name__).addHandler(complaints)
    checkout.expire_overdue()
    if complaints.messages:
        raise RuntimeError(complaints.messages[0])


@dataclass(frozen=True)
class Expired:
    told: dict[str, int]
    events: int
    topics: int
    reserved: int


def expiry_in_two_processes(*, orders: int, mutant: str = "") -> Expired:
    users, product = shoppers(orders), ProductFactory.create(stock_on_hand=orders)
    for user in users:
        overdue(unpaid_order(user, product))
    said = run_in_processes(run_expiry_job, times=2, clients=1, mutant=mutant)
    return Expired(
        told=said,
        events=OrderEvent.objects.filter(to_status=OrderStatus.EXPIRED).count(),
        topics=Event.objects.filter(topic="order.expired").count(),
        reserved=Stock.objects.get().reserved,
    )


@pytest.mark.slow
def test_race_15_two_expiry_jobs_expire_each_order_once() -> None:
    assert expiry_in_two_processes(orders=100) == Expired(
        told={"ok": 2}, events=100, topics=100, reserved=0
    )


@pytest.mark.slow
def test_race_15_mutant_is_caught() -> None:
    outcome = expiry_in_two_processes(orders=20, mutant="expiring_without_lock")

    # The journal lets nobody give back twice, so one of the jobs fails at it.
    assert outcome.told != {"ok": 2}


# --- 22: the cart --------------------------------------------------------------------


@dataclass(frozen=True)
class Bought:
    told: dict[str, int]
    # Orders that are for something else than was confirmed, and lost additions.
    surprises: int
    lost: int


def cart_changes_during_checkout() -> Bought:
    users = shoppers(30)
    confirmed, late = ProductFactory.create_batch(2, stock_on_hand=100)
    baskets = [fill_cart(user, confirmed) for user in users]

    def act(number: int) -> None:
        user, cart = users[number // 2], baskets[number // 2]
        if number % 2:
            carts.add(cart_id=cart.pk, product_id=late.pk, quantity=1)
            return
        checkout.place_and_pay(
            purchase(user, confirmed, cart=CartVersion(cart.pk, cart.version))
        )

    results = run_together(act, times=60)
    return Bought(
        told=told(results),
        surprises=Order.objects.exclude(lines__product=confirmed).count(),
        lost=30 - CartItem.objects.filter(product=late).count(),
    )


def cart_changes_after_it_was_read() -> Bought:
    [user] = shoppers(1)
    confirmed, late = ProductFactory.create_batch(2)
    cart = fill_cart(user, confirmed)
    wish = purchase(user, confirmed, cart=CartVersion(cart.pk, cart.version))

    def add(_wish: Purchase) -> None:
        carts.add(cart_id=cart.pk, product_id=late.pk, quantity=1)

    with between_reading_and_writing(add):
        results = run_together(lambda _n: checkout.place_and_pay(wish), times=1)
    return Bought(
        told=told(results),
        surprises=Order.objects.count(),
        lost=1 - CartItem.objects.filter(product=late).count(),
    )


def test_race_22_an_order_is_for_the_cart_that_was_confirmed() -> None:
    outcome = cart_changes_during_checkout()

    ordered = Order.objects.count()
    said = {"cart_changed": 30 - ordered, "ok": 30 + ordered}
    assert outcome == Bought(
        told={word: n for word, n in said.items() if n}, surprises=0, lost=0
    )
    assert CartItem.objects.count() == 30 + (30 - ordered)


def test_race_22_cart_that_changed_since_it_was_read_is_not_ordered() -> None:
    assert cart_changes_after_it_was_read() == Bought(
        told={"cart_changed": 1}, surprises=0, lost=0
    )


def test_race_22_mutant_is_caught() -> None:
    with mutants.carts_of_any_version():
        outcome = cart_changes_after_it_was_read()

    assert outcome == Bought(told={"ok": 1}, surprises=1, lost=1)
