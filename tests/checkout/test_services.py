"""The life of an order: placed, paid, packed, shipped, delivered, called off."""

from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, transaction

from cart.models import CartItem
from catalog.models import Product
from checkout import services as checkout
from checkout import settling
from checkout.errors import (
    DeliveryMethodUnavailable,
    NothingToOrder,
    ProductUnavailable,
)
from checkout.services import Purchase, Repeated
from checkout.tasks import expire_overdue_orders
from inventory import services as inventory
from inventory.models import Stock
from orders.errors import (
    InvalidTransition,
    OrderExpired,
    OrderNotCancellable,
    OrderNotFound,
    OrderNotPayable,
)
from orders.models import NEXT_STATUSES, Order, OrderEvent, OrderStatus
from outbox.models import Event
from payments.models import Payment, PaymentMethod, Refund, RefundLine
from points import services as points
from points.models import LedgerEntry
from tests.factories import (
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    StaffFactory,
)
from tests.paying import captured, forgotten_payment
from tests.races.stage import overdue, purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db


def _timeline(order_id: UUID) -> list[tuple[str, str]]:
    steps = OrderEvent.objects.filter(order_id=order_id).order_by("pk")
    return list(steps.values_list("from_status", "to_status"))


def _topics(order_id: UUID) -> list[str]:
    events = Event.objects.filter(aggregate=f"order/{order_id}").order_by("pk")
    return list(events.values_list("topic", flat=True))


def _in_status(status: OrderStatus) -> UUID:
    """Return an order that came to its status in the regular way."""
    [user], product = shoppers(1), ProductFactory.create()
    order_id = unpaid_order(user, product)
    if status == OrderStatus.EXPIRED:
        checkout.expire(overdue(order_id))
    if status == OrderStatus.CANCELLED:
        checkout.cancel(order_id=order_id, user_id=None, actor_id=None, reason="")
    if status in {OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED}:
        return order_id
    checkout.pay(user_id=user.pk, order_id=order_id)
    steps = [OrderStatus.PROCESSING, OrderStatus.SHIPPED, OrderStatus.DELIVERED]
    for step in steps[: steps.index(status) + 1 if status in steps else 0]:
        _become(order_id, step)
    return order_id


def _become(order_id: UUID, status: OrderStatus) -> object:
    owner = Order.objects.get(pk=order_id).user_id
    match status:
        case OrderStatus.PAID if _is(order_id, OrderStatus.EXPIRED):
            late = forgotten_payment(order_id)
            return settling.record(late.pk, captured(late))
        case OrderStatus.PAID:
            return checkout.pay_with_points(user_id=owner, order_id=order_id)
        case OrderStatus.PROCESSING:
            return checkout.pack(order_id=order_id, actor_id=None)
        case OrderStatus.SHIPPED:
            return checkout.ship(
                order_id=order_id, carrier="Post", tracking_number="7", actor_id=None
            )
        case OrderStatus.DELIVERED:
            return checkout.deliver(order_id=order_id, actor_id=None)
        case _:
            return checkout.cancel(
                order_id=order_id, user_id=None, actor_id=None, reason="no"
            )


def _is(order_id: UUID, status: OrderStatus) -> bool:
    return Order.objects.filter(pk=order_id, status=status).exists()


def test_order_goes_its_whole_way() -> None:
    order_id = _in_status(OrderStatus.DELIVERED)

    assert _timeline(order_id) == [
        ("", "pending"),
        ("pending", "paid"),
        ("paid", "processing"),
        ("processing", "shipped"),
        ("shipped", "delivered"),
    ]
    assert _topics(order_id) == [
        "order.placed",
        "order.paid",
        "order.shipped",
        "order.delivered",
    ]
    order = Order.objects.get()
    fulfilment = order.fulfilments.get()
    assert (fulfilment.carrier, fulfilment.tracking_number) == ("Post", "7")
    assert fulfilment.delivered_at is not None
    assert (order.expires_at, order.closed_at) == (None, None)


STEPS = [
    status
    for status in OrderStatus
    if status not in {OrderStatus.PENDING, OrderStatus.EXPIRED}
]


@pytest.mark.parametrize("status", OrderStatus)
@pytest.mark.parametrize("wanted", STEPS)
def test_order_becomes_only_what_may_follow(
    status: OrderStatus, wanted: OrderStatus
) -> None:
    order_id = _in_status(status)
    before = _timeline(order_id)

    if wanted in NEXT_STATUSES[status]:
        _become(order_id, wanted)
        assert Order.objects.get().status == wanted
        return
    if status == wanted == OrderStatus.CANCELLED:
        _become(order_id, wanted)
    else:
        with pytest.raises(InvalidTransition):
            _become(order_id, wanted)

    assert Order.objects.get().status == status
    assert _timeline(order_id) == before


def test_database_itself_keeps_statuses_from_going_back() -> None:
    _in_status(OrderStatus.SHIPPED)

    for status in (OrderStatus.PENDING, OrderStatus.PAID, OrderStatus.CANCELLED):
        with pytest.raises(DatabaseError), transaction.atomic():
            Order.objects.update(status=status)

    assert Order.objects.get().status == OrderStatus.SHIPPED


def test_order_s_money_and_lines_are_frozen() -> None:
    order_id = _in_status(OrderStatus.PAID)
    order = Order.objects.get(pk=order_id)

    for change in (
        lambda: Order.objects.update(total=1, subtotal=1),
        lambda: Order.objects.update(email="other@example.com"),
        lambda: order.lines.update(unit_price=1),
        lambda: order.lines.all().delete(),
        lambda: order.events.update(reason="another"),
        lambda: Payment.objects.update(amount=1),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_purchase_takes_stock_points_and_says_so() -> None:
    DeliveryMethodFactory.create(cost=3_000, free_from=None)
    [user], product = shoppers(1), ProductFactory.create(price=10_000)
    coupon = CouponFactory.create(user=user)

    draft = checkout.place_and_pay(
        purchase(
            user,
            product,
            quantities={product.pk: 2},
            coupon_id=coupon.pk,
            address={"city": "Seoul"},
        )
    )

    order = Order.objects.get(pk=draft.id)
    assert (order.number, order.status) == (draft.number, OrderStatus.PAID)
    money = (order.subtotal, order.discount, order.delivery_cost, order.total)
    assert money == (20_000, 2_000, 3_000, 21_000)
    assert (order.currency, order.address) == ("KRW", {"city": "Seoul"})
    assert (order.delivery_method, order.coupon_name) == ("standard", coupon.batch.name)
    line = order.lines.get()
    assert (line.sku, line.name) == (product.sku, product.name)
    assert (line.line_total, line.discount_share) == (20_000, 2_000)
    assert line.paid_at == order.paid_at
    entry = LedgerEntry.objects.of_user(user.pk).latest("sequence")
    assert (entry.amount, entry.reference) == (-21_000, order.number)
    assert _topics(order.pk) == ["order.paid"]
    payload = Event.objects.get(topic="order.paid").payload
    assert payload["lines"][0]["quantity"] == 2
    assert payload["total"] == 21_000


def test_order_that_costs_nothing_is_paid_without_points() -> None:
    [user], product = shoppers(1), ProductFactory.create(price=1_000)
    coupon = CouponFactory.create(user=user, batch=CouponBatchFactory.create(value=100))

    order_id = checkout.place_and_pay(purchase(user, product, coupon_id=coupon.pk)).id

    payment = Payment.objects.get(order_id=order_id)
    assert (payment.method, payment.amount) == (PaymentMethod.FREE, 0)
    assert LedgerEntry.objects.count() == 1
    assert _topics(order_id) == ["order.paid"]
    checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")
    assert (Refund.objects.get().amount, LedgerEntry.objects.count()) == (0, 1)


@pytest.mark.parametrize("lines", [0, 101])
def test_order_needs_between_1_and_100_lines(lines: int) -> None:
    [user] = shoppers(1)
    quantities = dict.fromkeys(range(1, lines + 1), 1)

    with pytest.raises(NothingToOrder):
        checkout.place_and_pay(purchase(user, quantities=quantities))


def test_products_not_on_sale_are_named() -> None:
    [user], hidden = shoppers(1), ProductFactory.create()
    Product.objects.update(published_at=None)
    shown = ProductFactory.create()

    with pytest.raises(ProductUnavailable) as refusal:
        checkout.place_and_pay(purchase(user, hidden, shown))

    assert refusal.value.extra == {"products": [hidden.pk]}
    assert not Order.objects.exists()


def test_unknown_delivery_method_is_refused() -> None:
    [user], product = shoppers(1), ProductFactory.create()

    with pytest.raises(DeliveryMethodUnavailable):
        checkout.place_and_pay(purchase(user, product, delivery_method="by pigeon"))

    assert Stock.objects.get().on_hand == 10


def test_order_that_is_paid_too_late_expires_on_the_spot() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    order_id = overdue(unpaid_order(user, product))

    with pytest.raises(OrderExpired):
        checkout.pay(user_id=user.pk, order_id=order_id)

    assert Order.objects.get().status == OrderStatus.EXPIRED
    assert Stock.objects.get().reserved == 0
    assert points.balance_of(user.pk) == 1_000_000
    with pytest.raises(OrderNotPayable):
        checkout.pay(user_id=user.pk, order_id=order_id)


def test_expiry_job_takes_only_what_is_overdue() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    late, early = (unpaid_order(user, product) for _ in range(2))
    overdue(late)

    expire_overdue_orders()

    statuses = dict(Order.objects.values_list("pk", "status"))
    assert statuses == {late: OrderStatus.EXPIRED, early: OrderStatus.PENDING}
    assert _topics(late) == ["order.placed", "order.expired"]
    assert checkout.expire_overdue() == 0


def test_order_that_cannot_expire_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    [user], product = shoppers(1), ProductFactory.create()
    broken, sound = (overdue(unpaid_order(user, product)) for _ in range(2))
    release = inventory.release

    def fail_for_one(*, order_id: UUID, quantities: Mapping[int, int]) -> None:
        release(order_id=order_id, quantities=quantities)
        if order_id == broken:
            raise RuntimeError("a bug")

    def fail_together(quantities: Mapping[UUID, Mapping[int, int]]) -> None:
        raise RuntimeError(f"a bug in one of {len(quantities)}")

    monkeypatch.setattr(inventory, "release", fail_for_one)
    monkeypatch.setattr(inventory, "release_many", fail_together)

    assert checkout.expire_overdue() == 1

    statuses = dict(Order.objects.values_list("pk", "status"))
    assert statuses == {broken: OrderStatus.PENDING, sound: OrderStatus.EXPIRED}
    assert Stock.objects.get().reserved == 1


def test_expiry_job_stops_at_its_limit() -> None:
    [user], product = shoppers(1), ProductFactory.create()
    for _ in range(3):
        overdue(unpaid_order(user, product))

    assert checkout.expire_overdue(limit=2) == 2
    assert checkout.expire_overdue() == 1


def test_cancelled_purchase_is_refunded_line_by_line() -> None:
    DeliveryMethodFactory.create(cost=3_000, free_from=None)
    staff, [user] = StaffFactory.create(), shoppers(1)
    first, second = ProductFactory.create_batch(2, price=10_000)
    coupon = CouponFactory.create(user=user)
    order_id = checkout.place_and_pay(
        purchase(user, first, second, coupon_id=coupon.pk)
    ).id

    checkout.cancel(
        order_id=order_id, user_id=None, actor_id=staff.pk, reason="out of paper"
    )

    refund = Refund.objects.get()
    assert (refund.amount, refund.actor, refund.reason) == (
        21_000,
        staff,
        "out of paper",
    )
    amounts = RefundLine.objects.order_by("pk").values_list("quantity", "amount")
    assert list(amounts) == [(1, 9_000), (1, 9_000)]
    payment = Payment.objects.get()
    assert payment.refunded == payment.amount == 21_000
    assert points.balance_of(user.pk) == 1_000_000
    assert [stock.on_hand for stock in Stock.objects.all()] == [10, 10]
    event = OrderEvent.objects.latest("pk")
    assert (event.actor, event.reason) == (staff, "out of paper")


def test_shipped_order_cannot_be_cancelled() -> None:
    order_id = _in_status(OrderStatus.SHIPPED)

    with pytest.raises(OrderNotCancellable) as refusal:
        _become(order_id, OrderStatus.CANCELLED)

    assert refusal.value.extra == {"order_status": "shipped", "wanted": "cancelled"}
    assert not Refund.objects.exists()


def test_address_can_be_changed_until_the_order_is_packed() -> None:
    order_id = _in_status(OrderStatus.PAID)
    owner = Order.objects.get().user_id
    assert owner is not None

    checkout.change_address(order_id=order_id, user_id=owner, address={"city": "Busan"})
    checkout.pack(order_id=order_id, actor_id=None)
    with pytest.raises(InvalidTransition):
        checkout.change_address(
            order_id=order_id, user_id=owner, address={"city": "Daegu"}
        )

    assert Order.objects.get().address == {"city": "Busan"}


def test_ordering_again_fills_the_cart_and_names_what_is_gone() -> None:
    [user] = shoppers(1)
    there, gone = ProductFactory.create_batch(2)
    order_id = checkout.place_and_pay(
        purchase(user, quantities={there.pk: 3, gone.pk: 1})
    ).id
    Product.objects.filter(pk=gone.pk).update(published_at=None)

    repeated = checkout.order_again(user_id=user.pk, order_id=order_id)

    assert repeated == Repeated(added=(there.name,), skipped=(gone.name,))
    item = CartItem.objects.get()
    assert (item.product, item.quantity) == (there, 3)
    assert Order.objects.count() == 1


def test_unknown_order_is_not_found() -> None:
    [user] = shoppers(1)

    for attempt in (
        lambda: checkout.pay(user_id=user.pk, order_id=uuid4()),
        lambda: checkout.order_again(user_id=user.pk, order_id=uuid4()),
        lambda: checkout.pack(order_id=uuid4(), actor_id=None),
    ):
        with pytest.raises(OrderNotFound):
            attempt()


def test_quote_buys_nothing() -> None:
    [user], product = shoppers(1), ProductFactory.create(price=10_000)
    wish = Purchase(user_id=user.pk, email="", quantities={product.pk: 2})

    priced, offer = checkout.price(wish)

    assert (priced.total, offer.available) == (20_000, {product.pk: 10})
    assert not Order.objects.exists()
    assert Stock.objects.get().reserved == 0
