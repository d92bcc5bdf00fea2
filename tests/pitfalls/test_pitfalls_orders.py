"""Pitfalls 28, 33, 35, 39 and 40: orders."""

from datetime import timedelta
from threading import Event
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models.functions import Now

from cart.models import CartItem
from catalog import services as catalog
from checkout import services as checkout
from checkout.errors import PriceChanged
from checkout.services import CartVersion
from common import idempotency
from common.errors import Conflict, Mismatch
from common.idempotency import Claim, Reply
from common.ids import is_public_number
from common.models import IdempotencyRecord
from config.subscriptions import SUBSCRIPTIONS
from inventory.models import Stock
from orders.errors import OrderNotFound
from orders.models import Order, OrderEvent, OrderStatus
from outbox import services as outbox
from outbox.models import Event as OutboxEvent
from points import services as points
from points.errors import InsufficientPoints
from tests.api.client import Api
from tests.concurrency import STUCK_AFTER, run_together, told
from tests.factories import ProductFactory, UserFactory
from tests.races.stage import fill_cart, overdue, purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db(transaction=True)


def test_pitfall_28_expiry_job_does_not_overwrite_an_order_paid_meanwhile() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=10)
    order_id = overdue(unpaid_order(user, product))
    listed = list(Order.objects.overdue().values_list("pk", flat=True))
    Order.objects.update(expires_at=Now() + timedelta(minutes=1))
    checkout.pay(user_id=user.pk, order_id=order_id)

    assert [checkout.expire(listed_id) for listed_id in listed] == [False]

    assert Order.objects.get().status == OrderStatus.PAID
    stock = Stock.objects.get()
    assert (stock.on_hand, stock.reserved) == (9, 0)
    assert not OrderEvent.objects.filter(to_status=OrderStatus.EXPIRED).exists()


def test_pitfall_28_expiry_job_steps_over_an_order_that_is_being_decided() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=10)
    held, free = (overdue(unpaid_order(user, product)) for _ in range(2))
    is_locked, is_done = Event(), Event()

    def act(number: int) -> int:
        if number:
            is_locked.wait(STUCK_AFTER)
            expired = checkout.expire_overdue()
            is_done.set()
            return expired
        with transaction.atomic():
            Order.objects.select_for_update(no_key=True).get(pk=held)
            is_locked.set()
            is_done.wait(STUCK_AFTER)
        return 0

    assert run_together(act, times=2) == [0, 1]
    assert Order.objects.get(pk=held).status == OrderStatus.PENDING
    assert Order.objects.get(pk=free).status == OrderStatus.EXPIRED


def _claim(key: str, body: str = "body") -> Claim:
    digest = idempotency.fingerprint("POST", "/orders", body.encode())
    return Claim("u:1", "POST", "/orders", key, digest)


def test_pitfall_33_retry_after_a_lost_reply_gets_the_same_order() -> None:
    [user], product = shoppers(1), ProductFactory.create()

    def send(claim: Claim) -> Reply:
        return checkout.purchase_once(
            purchase(user, product),
            OrderStatus.PAID,
            claim=claim,
            render=lambda draft: Reply(201, draft.number),
        )

    first, again = send(_claim("k")), send(_claim("k"))

    assert (first.body, first.is_replayed) == (Order.objects.get().number, False)
    assert (again.status, again.body, again.is_replayed) == (201, first.body, True)
    with pytest.raises(Mismatch):
        send(_claim("k", "another body"))
    assert Order.objects.count() == 1


def test_pitfall_33_failure_leaves_no_record_so_the_key_can_be_used_again() -> None:
    [user], product = shoppers(1, balance=1), ProductFactory.create()

    def send() -> Reply:
        return checkout.purchase_once(
            purchase(user, product),
            OrderStatus.PAID,
            claim=_claim("k"),
            render=lambda draft: Reply(201, draft.number),
        )

    with pytest.raises(InsufficientPoints):
        send()
    assert not IdempotencyRecord.objects.exists()

    points.charge(user_id=user.pk, amount=50_000, idempotency_key="more")
    assert send().status == 201


def test_pitfall_33_crash_of_the_program_leaves_no_record() -> None:
    def crash() -> Reply:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        idempotency.run(_claim("k"), crash)

    assert not IdempotencyRecord.objects.exists()


def test_pitfall_35_price_is_what_was_agreed_or_nothing_happens() -> None:
    [user], product = shoppers(1), ProductFactory.create(price=10_000)
    catalog.change_price(
        product_id=product.pk, price=11_000, cause="season", actor_id=None
    )

    with pytest.raises(PriceChanged) as refusal:
        checkout.place_and_pay(purchase(user, product, expected_total=10_000))

    assert refusal.value.extra["total"] == 11_000
    assert not Order.objects.exists()


def test_pitfall_35_order_keeps_its_price_and_a_repetition_has_today_s() -> None:
    [user], product = shoppers(1), ProductFactory.create(price=10_000)
    order_id = unpaid_order(user, product)
    catalog.change_price(
        product_id=product.pk, price=11_000, cause="season", actor_id=None
    )

    order = checkout.pay(user_id=user.pk, order_id=order_id)
    checkout.order_again(user_id=user.pk, order_id=order_id)

    assert (order.total, order.lines.get().unit_price) == (10_000, 10_000)
    assert points.balance_of(user.pk) == 1_000_000 - 10_000
    assert CartItem.objects.get().price_when_added == 11_000


def test_pitfall_39_cart_survives_an_order_that_fails() -> None:
    [user] = shoppers(1, balance=1)
    products = ProductFactory.create_batch(2)
    cart = fill_cart(user, *products)
    wish = purchase(user, *products, cart=CartVersion(cart.pk, cart.version))

    with pytest.raises(InsufficientPoints):
        checkout.place_and_pay(wish)

    assert CartItem.objects.filter(cart=cart).count() == 2
    before = cart.version
    cart.refresh_from_db()
    assert cart.version == before
    points.charge(user_id=user.pk, amount=50_000, idempotency_key="more")
    checkout.place_and_pay(wish)
    assert not CartItem.objects.exists()


def test_pitfall_40_other_people_s_orders_are_not_there() -> None:
    owner, stranger = shoppers(2)
    product = ProductFactory.create()
    order_id = unpaid_order(owner, product)

    for attempt in (
        lambda: checkout.pay(user_id=stranger.pk, order_id=order_id),
        lambda: checkout.cancel(
            order_id=order_id, user_id=stranger.pk, actor_id=None, reason=""
        ),
        lambda: checkout.order_again(user_id=stranger.pk, order_id=order_id),
        lambda: checkout.change_address(
            order_id=order_id, user_id=stranger.pk, address={"city": "Busan"}
        ),
    ):
        with pytest.raises(OrderNotFound):
            attempt()

    order = Order.objects.get()
    assert (order.status, order.address) == (OrderStatus.PENDING, {})


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "orders/{id}", None),
        ("PATCH", "orders/{id}", {"status": "cancelled"}),
        ("POST", "orders/{id}/pay", {}),
        ("POST", "orders/{id}/cancel", {}),
        ("POST", "orders/{id}/repeat", {}),
        ("POST", "pay", {"order_id": "{id}"}),
    ],
)
def test_pitfall_40_api_answers_404_for_other_people_s_orders(
    method: str, path: str, body: dict[str, str] | None
) -> None:
    owner, stranger = UserFactory.create(), UserFactory.create(points=100_000)
    order_id = unpaid_order(owner, ProductFactory.create())
    filled = body and {key: value.format(id=order_id) for key, value in body.items()}

    answer = Api(stranger).send(method, f"/api/v1/{path.format(id=order_id)}", filled)

    unknown = f"/api/v1/{path.format(id=UUID(int=7))}"
    nothing = body and {
        key: value.format(id=UUID(int=7)) for key, value in body.items()
    }
    assert answer.status == 404
    assert answer.code == Api(stranger).send(method, unknown, nothing).code
    assert Order.objects.get().status == OrderStatus.PENDING


def test_pitfall_40_numbers_cannot_be_guessed_from_one_another() -> None:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=30)
    for _ in range(20):
        unpaid_order(user, product)

    numbers = list(Order.objects.order_by("pk").values_list("number", flat=True))

    assert all(is_public_number(number) for number in numbers)
    assert numbers != sorted(numbers)
    assert len({number[:4] for number in numbers}) == 20


def test_pitfall_42_event_is_stored_with_the_change_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away() -> None:
        raise ConnectionError("the broker is away")

    monkeypatch.setattr("outbox.wake.relay", away)
    [rich] = shoppers(1)
    [poor] = shoppers(1, balance=1)
    product = ProductFactory.create()

    results = run_together(
        lambda number: checkout.place_and_pay(purchase((rich, poor)[number], product)),
        times=2,
    )

    assert told(results) == {"insufficient_points": 1, "ok": 1}
    order = Order.objects.get()
    event = OutboxEvent.objects.get(topic="order.paid")
    assert event.aggregate == f"order/{order.pk}"
    assert event.payload["total"] == 10_000
    outbox.address()
    told_to = event.dispatches.values_list("subscriber", flat=True)
    assert set(told_to) == set(SUBSCRIPTIONS["order.paid"])


def test_refusals_are_conflicts_that_tell_the_numbers() -> None:
    [user] = shoppers(1, balance=1)

    with pytest.raises(Conflict) as refusal:
        checkout.place_and_pay(purchase(user, ProductFactory.create()))

    assert refusal.value.extra == {"balance": 1, "required": 10_000}
