"""The shop against a model of it: whatever shoppers and staff do, in any order."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cart import services as carts
from checkout import services as checkout
from checkout.services import CartVersion, Purchase
from coupons import services as coupons
from coupons.errors import (
    CouponAlreadyIssued,
    CouponAlreadyUsed,
    CouponNotApplicable,
    CouponSoldOut,
)
from coupons.models import Coupon, CouponBatch, CouponState, DiscountKind
from inventory import services as inventory
from inventory.errors import InsufficientStock, StockBelowReserved
from inventory.models import MovementKind, Stock
from orders.drafts import Draft
from orders.errors import (
    InvalidTransition,
    OrderExpired,
    OrderNotCancellable,
    OrderNotPayable,
)
from orders.models import NEXT_STATUSES, Order, OrderStatus
from points import services as points
from points.errors import InsufficientPoints
from points.models import PointAccount
from tests.books import assert_books_balance
from tests.factories import (
    CouponBatchFactory,
    DeliveryMethodFactory,
    ProductFactory,
    UserFactory,
)

EXAMPLES = int(os.environ.get("SHOP_MACHINE_EXAMPLES", "20"))
STEPS = int(os.environ.get("SHOP_MACHINE_STEPS", "25"))

PRICES = (9_900, 12_345, 777)
DELIVERY_COST, FREE_FROM = 3_000, 50_000
PERCENT, AT_MOST = 10, 4_000
FIXED, FROM = 5_000, 20_000
COUPONS_PER_BATCH = 2
USERS = 3
STOCK, POINTS = 12, 60_000

people = st.integers(0, USERS - 1)
goods = st.integers(0, len(PRICES) - 1)
batches = st.integers(0, 1)
choices = st.integers(0, 9)
baskets = st.dictionaries(goods, st.integers(1, 4), min_size=1, max_size=2)
ENTRIES = (OrderStatus.PENDING, OrderStatus.PAID)
Trial = Callable[[], object]


@dataclass
class OrderModel:
    """An order as it should be; ``status`` goes the way of the transition table."""

    id: UUID
    person: int
    basket: dict[int, int]
    batch: int | None
    total: int
    status: OrderStatus
    is_sold: bool


@dataclass
class Model:
    """What the shop's tables should say, in plain numbers."""

    balances: list[int] = field(default_factory=lambda: [POINTS] * USERS)
    on_hand: list[int] = field(default_factory=lambda: [STOCK] * len(PRICES))
    reserved: list[int] = field(default_factory=lambda: [0] * len(PRICES))
    issued: list[int] = field(default_factory=lambda: [0, 0])
    # By person and batch: whose coupon is in which state.
    coupons: dict[tuple[int, int], CouponState] = field(default_factory=dict)
    orders: list[OrderModel] = field(default_factory=list)

    def is_short(self, basket: dict[int, int]) -> bool:
        return any(
            self.on_hand[good] - self.reserved[good] < quantity
            for good, quantity in basket.items()
        )


def subtotal_of(basket: dict[int, int]) -> int:
    return sum(PRICES[good] * quantity for good, quantity in basket.items())


def total_of(basket: dict[int, int], batch: int | None) -> int:
    subtotal = subtotal_of(basket)
    discount = {None: 0, 0: min(subtotal * PERCENT // 100, AT_MOST), 1: FIXED}[batch]
    return subtotal - discount + (0 if subtotal >= FREE_FROM else DELIVERY_COST)


class ShopMachine(RuleBasedStateMachine):
    """Each example is a shop of its own, in a transaction that is rolled back."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.undo.enter_context(transaction.atomic())
        self.model = Model()
        self.charges = 0

    @initialize()
    def open_the_shop(self) -> None:
        DeliveryMethodFactory.create(cost=DELIVERY_COST, free_from=FREE_FROM)
        self.users = [UserFactory.create(points=POINTS) for _ in range(USERS)]
        self.products = [
            ProductFactory.create(price=price, stock_on_hand=STOCK) for price in PRICES
        ]
        self.batches = [
            CouponBatchFactory.create(
                value=PERCENT, max_discount=AT_MOST, quantity=COUPONS_PER_BATCH
            ),
            CouponBatchFactory.create(
                kind=DiscountKind.FIXED,
                value=FIXED,
                min_spend=FROM,
                quantity=COUPONS_PER_BATCH,
            ),
        ]
        self.coupon_ids: dict[tuple[int, int], int] = {}
        # Without a start in life hardly an example would get to a paid order.
        self.claim(person=0, batch=0)
        self.claim(person=1, batch=1)

    def teardown(self) -> None:
        try:
            if hasattr(self, "coupon_ids"):
                assert_books_balance()
        finally:
            transaction.set_rollback(True)
            self.undo.close()

    def expect(self, error: type[Exception] | None, trial: Trial) -> object:
        """Do what should succeed, or be refused with exactly this error."""
        if error is None:
            return trial()
        with pytest.raises(error) as caught:
            trial()
        assert type(caught.value) is error
        return None

    # --- points and coupons ----------------------------------------------------------

    @rule(person=people, amount=st.integers(1, 90_000))
    def charge(self, person: int, amount: int) -> None:
        self.charges += 1
        for _twice in range(2):
            points.charge(
                user_id=self.users[person].pk,
                amount=amount,
                idempotency_key=f"charge-{self.charges}",
            )
        self.model.balances[person] += amount

    @rule(person=people, batch=batches)
    def claim(self, person: int, batch: int) -> None:
        error: type[Exception] | None = None
        if (person, batch) in self.model.coupons:
            error = CouponAlreadyIssued
        elif self.model.issued[batch] == COUPONS_PER_BATCH:
            error = CouponSoldOut
        coupon = self.expect(
            error,
            lambda: coupons.claim(
                user_id=self.users[person].pk, batch_id=self.batches[batch].pk
            ),
        )
        if isinstance(coupon, Coupon):
            self.model.issued[batch] += 1
            assert coupon.serial == self.model.issued[batch]
            self.coupon_ids[person, batch] = coupon.pk
            self.model.coupons[person, batch] = CouponState.ISSUED

    # --- stock -----------------------------------------------------------------------

    @rule(good=goods, delta=st.integers(-4, 8).filter(bool))
    def adjust(self, good: int, delta: int) -> None:
        model = self.model
        error = None
        if model.on_hand[good] + delta < model.reserved[good]:
            error = StockBelowReserved
        self.expect(
            error,
            lambda: inventory.adjust(
                product_id=self.products[good].pk,
                kind=MovementKind.COUNTED,
                delta=delta,
                reason="counted",
                actor_id=None,
            ),
        )
        if error is None:
            model.on_hand[good] += delta

    # --- orders ----------------------------------------------------------------------

    @rule(person=people, basket=baskets, batch=st.none() | batches)
    def place(self, person: int, basket: dict[int, int], batch: int | None) -> None:
        self.order(person, basket, batch, OrderStatus.PENDING)

    @rule(person=people, basket=baskets, batch=st.none() | batches)
    def place_and_pay(
        self, person: int, basket: dict[int, int], batch: int | None
    ) -> None:
        self.order(person, basket, batch, OrderStatus.PAID)

    @rule(person=people, basket=baskets, aside=goods, to=st.sampled_from(ENTRIES))
    def order_what_is_selected(
        self, person: int, basket: dict[int, int], aside: int, to: OrderStatus
    ) -> None:
        """Order a cart in which one product is not selected: it alone stays there."""
        chosen = {good: count for good, count in basket.items() if good != aside}
        if not chosen:
            return
        cart = carts.of_user(self.users[person].pk)
        pks = {good: self.products[good].pk for good in (*chosen, aside)}
        inside = {pks[good]: count for good, count in chosen.items()} | {pks[aside]: 2}
        carts.replace(cart_id=cart.pk, quantities=inside)
        carts.select(cart_id=cart.pk, product_id=pks[aside], is_selected=False)
        cart.refresh_from_db()
        before = len(self.model.orders)
        self.order(person, chosen, None, to, CartVersion(cart.pk, cart.version))
        if len(self.model.orders) > before:
            inside = {pks[aside]: 2}
        assert dict(cart.items.values_list("product_id", "quantity")) == inside

    def order(
        self,
        person: int,
        basket: dict[int, int],
        batch: int | None,
        to: OrderStatus,
        cart: CartVersion | None = None,
    ) -> None:
        if batch is not None and (person, batch) not in self.model.coupons:
            person = next(who for who, what in self.model.coupons if what == batch)
        purchase = Purchase(
            user_id=self.users[person].pk,
            email=self.users[person].email,
            quantities={
                self.products[good].pk: count for good, count in basket.items()
            },
            coupon_id=None if batch is None else self.coupon_ids[person, batch],
            cart=cart,
        )
        is_paid = to == OrderStatus.PAID
        buy = checkout.place_and_pay if is_paid else checkout.place_order
        error = self.why_not(person, basket, batch, to)
        draft = self.expect(error, lambda: buy(purchase))
        if error is not None:
            return
        assert isinstance(draft, Draft)
        total = total_of(basket, batch)
        assert draft.quote.total == total
        placed = OrderModel(draft.id, person, basket, batch, total, to, is_paid)
        self.model.orders.append(placed)
        self.take(placed)

    def why_not(
        self, person: int, basket: dict[int, int], batch: int | None, to: OrderStatus
    ) -> type[Exception] | None:
        if self.model.is_short(basket):
            return InsufficientStock
        if batch is not None:
            if self.model.coupons[person, batch] != CouponState.ISSUED:
                return CouponAlreadyUsed
            if batch == 1 and subtotal_of(basket) < FROM:
                return CouponNotApplicable
        if to == OrderStatus.PAID:
            return self.why_not_debit(person, total_of(basket, batch))
        return None

    def why_not_debit(self, person: int, total: int) -> type[Exception] | None:
        return InsufficientPoints if self.model.balances[person] < total else None

    def take(self, order: OrderModel) -> None:
        for good, quantity in order.basket.items():
            if order.is_sold:
                self.model.on_hand[good] -= quantity
            else:
                self.model.reserved[good] += quantity
        if order.is_sold:
            self.model.balances[order.person] -= order.total
        self.bind(order, CouponState.USED if order.is_sold else CouponState.RESERVED)

    def give_back(self, order: OrderModel) -> None:
        for good, quantity in order.basket.items():
            if order.is_sold:
                self.model.on_hand[good] += quantity
            else:
                self.model.reserved[good] -= quantity
        if order.is_sold:
            self.model.balances[order.person] += order.total
        self.bind(order, CouponState.ISSUED)

    def bind(self, order: OrderModel, state: CouponState) -> None:
        if order.batch is not None:
            self.model.coupons[order.person, order.batch] = state

    def pick(self, choice: int) -> OrderModel:
        # Small numbers come up most, and what is new has most ways to go.
        return self.model.orders[-1 - choice % len(self.model.orders)]

    @precondition(lambda self: self.model.orders)
    @rule(choice=choices)
    def pay(self, choice: int) -> None:
        order = self.pick(choice)
        error: type[Exception] | None = OrderNotPayable
        if order.status == OrderStatus.PENDING:
            error = self.why_not_debit(order.person, order.total)
        self.expect(error, lambda: self.pay_now(order))
        if error is None:
            self.give_back(order)
            order.status, order.is_sold = OrderStatus.PAID, True
            self.take(order)

    def pay_now(self, order: OrderModel) -> object:
        return checkout.pay(user_id=self.users[order.person].pk, order_id=order.id)

    @precondition(lambda self: self.model.orders)
    @rule(choice=choices, by=st.sampled_from(["shopper", "staff"]))
    def cancel(self, choice: int, by: str) -> None:
        order = self.pick(choice)
        can = OrderStatus.CANCELLED in NEXT_STATUSES[order.status]
        if order.status == OrderStatus.PROCESSING:
            can = by == "staff"
        is_again = order.status == OrderStatus.CANCELLED
        self.expect(
            None if can or is_again else OrderNotCancellable,
            lambda: checkout.cancel(
                order_id=order.id,
                user_id=None if by == "staff" else self.users[order.person].pk,
                actor_id=self.users[order.person].pk,
                reason="changed my mind",
            ),
        )
        if can:
            self.give_back(order)
            order.status = OrderStatus.CANCELLED

    @precondition(lambda self: self.model.orders)
    @rule(choice=choices)
    def expire(self, choice: int) -> None:
        order = self.pick(choice)
        self.let_time_pass(order)
        was_pending = order.status == OrderStatus.PENDING
        assert checkout.expire(order.id) is was_pending
        if was_pending:
            self.give_back(order)
            order.status = OrderStatus.EXPIRED

    @precondition(lambda self: self.model.orders)
    @rule(choice=choices)
    def pay_too_late(self, choice: int) -> None:
        order = self.pick(choice)
        if order.status != OrderStatus.PENDING:
            return
        self.let_time_pass(order)
        self.expect(OrderExpired, lambda: self.pay_now(order))
        self.give_back(order)
        order.status = OrderStatus.EXPIRED

    def let_time_pass(self, order: OrderModel) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE orders_order SET expires_at = now() - interval '1 second'"
                " WHERE id = %s AND status = 'pending'",
                [order.id],
            )

    @precondition(lambda self: self.model.orders)
    @rule(
        choice=choices,
        to=st.sampled_from(
            [OrderStatus.PROCESSING, OrderStatus.SHIPPED, OrderStatus.DELIVERED]
        ),
    )
    def move_on(self, choice: int, to: OrderStatus) -> None:
        order = self.pick(choice)
        steps: dict[OrderStatus, Trial] = {
            OrderStatus.PROCESSING: lambda: checkout.pack(
                order_id=order.id, actor_id=None
            ),
            OrderStatus.SHIPPED: lambda: checkout.ship(
                order_id=order.id, carrier="CJ", tracking_number="1", actor_id=None
            ),
            OrderStatus.DELIVERED: lambda: checkout.deliver(
                order_id=order.id, actor_id=None
            ),
        }
        can = to in NEXT_STATUSES[order.status]
        self.expect(None if can else InvalidTransition, steps[to])
        if can:
            order.status = to

    # --- model = database ------------------------------------------------------------

    @invariant()
    def points_agree(self) -> None:
        if not hasattr(self, "users"):
            return
        balances = dict(PointAccount.objects.values_list("user_id", "balance"))
        assert [balances.get(user.pk, 0) for user in self.users] == self.model.balances

    @invariant()
    def stocks_agree(self) -> None:
        if not hasattr(self, "products"):
            return
        stocks = Stock.objects.in_bulk([product.pk for product in self.products])
        rows = [stocks[product.pk] for product in self.products]
        assert [stock.on_hand for stock in rows] == self.model.on_hand
        assert [stock.reserved for stock in rows] == self.model.reserved

    @invariant()
    def coupons_agree(self) -> None:
        if not hasattr(self, "coupon_ids"):
            return
        states = dict(Coupon.objects.values_list("pk", "state"))
        assert {
            who: states[coupon_id] for who, coupon_id in self.coupon_ids.items()
        } == self.model.coupons
        issued = dict(CouponBatch.objects.values_list("pk", "issued"))
        assert [issued[batch.pk] for batch in self.batches] == self.model.issued

    @invariant()
    def orders_agree(self) -> None:
        orders = Order.objects.in_bulk([order.id for order in self.model.orders])
        assert [
            (orders[order.id].status, orders[order.id].total)
            for order in self.model.orders
        ] == [(order.status, order.total) for order in self.model.orders]
        assert Order.objects.count() == len(self.model.orders)


@pytest.mark.slow
@pytest.mark.django_db
def test_shop_does_what_its_model_does() -> None:
    run_state_machine_as_test(
        ShopMachine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
