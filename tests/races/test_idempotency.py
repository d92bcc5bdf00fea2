"""Races 1 to 4: the same request more than once."""

from dataclasses import dataclass

from checkout import services as checkout
from checkout.services import CartVersion, Purchase
from common.idempotency import Claim, Reply, fingerprint
from orders.drafts import Draft
from orders.models import Order, OrderStatus
from tests.concurrency import run_together, told
from tests.factories import ProductFactory
from tests.races import mutants
from tests.races.stage import everybody_reads_first, fill_cart, purchase, shoppers

PATH = "/api/v1/orders"


@dataclass(frozen=True)
class Outcome:
    told: dict[str, int]
    orders: int
    # How many different replies there were, and how many were not the sender's own.
    replies: int
    foreign: int = 0


def _claim(subject: str, body: str) -> Claim:
    return Claim(
        subject=subject,
        method="POST",
        path=PATH,
        key="7d0c",
        fingerprint=fingerprint("POST", PATH, body.encode()),
    )


def _send(wish: Purchase, claim: Claim) -> Reply:
    # The reply names its reader and what they wanted, so that a foreign one shows.
    def render(draft: Draft) -> Reply:
        return Reply(201, f"{draft.number} {wish.user_id} {sorted(wish.quantities)}")

    return checkout.purchase_once(wish, OrderStatus.PAID, claim=claim, render=render)


def _race(wishes: list[Purchase], claims: list[Claim]) -> Outcome:
    def send(number: int) -> Reply:
        return _send(wishes[number], claims[number])

    results = run_together(send, times=len(wishes))

    bodies = [result.body if isinstance(result, Reply) else "" for result in results]
    foreign = [
        body
        for body, wish in zip(bodies, wishes, strict=True)
        if body and not body.endswith(f" {wish.user_id} {sorted(wish.quantities)}")
    ]
    return Outcome(
        told=told(results),
        orders=Order.objects.count(),
        replies=len(set(bodies) - {""}),
        foreign=len(foreign),
    )


def same_key_same_body() -> Outcome:
    [buyer], product = shoppers(1), ProductFactory.create(stock_on_hand=100)
    wishes = [purchase(buyer, product)] * 50
    return _race(wishes, [_claim("u:1", "one")] * 50)


def same_key_two_bodies() -> Outcome:
    [buyer] = shoppers(1)
    products = ProductFactory.create_batch(2, stock_on_hand=100)
    wishes = [purchase(buyer, products[number % 2]) for number in range(50)]
    return _race(wishes, [_claim("u:1", f"body {number % 2}") for number in range(50)])


def same_key_of_two_users() -> Outcome:
    buyers, product = shoppers(2), ProductFactory.create(stock_on_hand=100)
    wishes = [purchase(buyers[number % 2], product) for number in range(50)]
    return _race(wishes, [_claim(f"u:{number % 2}", "one") for number in range(50)])


def form_without_key_sent_twice() -> Outcome:
    [buyer], product = shoppers(1), ProductFactory.create()
    cart = fill_cart(buyer, product)
    wish = purchase(buyer, product, cart=CartVersion(cart.pk, cart.version))
    with everybody_reads_first(2):
        results = run_together(lambda _number: checkout.place_and_pay(wish), times=2)
    return Outcome(told=told(results), orders=Order.objects.count(), replies=0)


def test_race_01_same_key_and_body_make_one_order_and_50_equal_replies() -> None:
    assert same_key_same_body() == Outcome(told={"ok": 50}, orders=1, replies=1)


def test_race_01_mutant_is_caught() -> None:
    with mutants.forgetful_keys():
        outcome = same_key_same_body()

    assert outcome.orders == outcome.replies == 50


def test_race_02_same_key_with_two_bodies_makes_one_order() -> None:
    outcome = same_key_two_bodies()

    assert outcome == Outcome(
        told={"idempotency_mismatch": 25, "ok": 25}, orders=1, replies=1
    )


def test_race_02_mutant_is_caught() -> None:
    with mutants.keys_without_fingerprint():
        outcome = same_key_two_bodies()

    assert outcome.told == {"ok": 50}
    assert outcome.foreign == 25


def test_race_03_same_key_of_two_users_makes_an_order_each() -> None:
    assert same_key_of_two_users() == Outcome(told={"ok": 50}, orders=2, replies=2)


def test_race_03_mutant_is_caught() -> None:
    with mutants.keys_without_subject():
        outcome = same_key_of_two_users()

    assert outcome.orders == 1
    assert outcome.foreign == 25


def test_race_04_form_sent_twice_without_a_key_makes_one_order() -> None:
    outcome = form_without_key_sent_twice()

    assert outcome == Outcome(told={"cart_changed": 1, "ok": 1}, orders=1, replies=0)


def test_race_04_mutant_is_caught() -> None:
    with mutants.carts_of_any_version():
        outcome = form_without_key_sent_twice()

    assert outcome.orders == 2
