"""Races 9 and 10: limited coupons."""

from dataclasses import dataclass

import pytest

from checkout import services as checkout
from coupons import services as coupons
from coupons.models import Coupon, CouponBatch, CouponState
from orders.models import Order
from tests.concurrency import run_in_processes, run_together, told
from tests.factories import CouponBatchFactory, CouponFactory, ProductFactory
from tests.races import mutants
from tests.races.stage import everybody_reads_first, purchase, shoppers


@dataclass(frozen=True)
class Claims:
    told: dict[str, int]
    issued: int
    serials: list[int]


def _claims(said: dict[str, int], batch: CouponBatch) -> Claims:
    batch.refresh_from_db()
    serials = batch.coupons.order_by("serial").values_list("serial", flat=True)
    return Claims(told=said, issued=batch.issued, serials=list(serials))


def claim(number: int, *, batch_id: int, first_user_id: int) -> None:
    """Claim a coupon; called in processes of its own."""
    coupons.claim(user_id=first_user_id + number, batch_id=batch_id)


def more_shoppers_than_coupons(*, users: int, quantity: int) -> Claims:
    buyers = shoppers(users, balance=1)
    batch = CouponBatchFactory.create(quantity=quantity)
    results = run_together(
        lambda number: claim(number, batch_id=batch.pk, first_user_id=buyers[0].pk),
        times=users,
        clients=50,
    )
    return _claims(told(results), batch)


def one_shopper_many_claims() -> Claims:
    [user], batch = shoppers(1, balance=1), CouponBatchFactory.create(quantity=100)
    results = run_together(
        lambda _number: coupons.claim(user_id=user.pk, batch_id=batch.pk), times=50
    )
    return _claims(told(results), batch)


@dataclass(frozen=True)
class Redemption:
    told: dict[str, int]
    # The discount of every order that was written.
    discounts: list[int]
    states: list[str]


def one_coupon_on_many_orders() -> Redemption:
    [user], product = shoppers(1), ProductFactory.create(stock_on_hand=100)
    coupon = CouponFactory.create(user=user)
    wish = purchase(user, product, coupon_id=coupon.pk)
    with everybody_reads_first(50):
        results = run_together(lambda _number: checkout.place_and_pay(wish), times=50)
    return Redemption(
        told=told(results),
        discounts=list(Order.objects.values_list("discount", flat=True)),
        states=list(Coupon.objects.values_list("state", flat=True)),
    )


@pytest.mark.slow
def test_race_09_500_shoppers_in_two_processes_claim_100_coupons() -> None:
    users = shoppers(500, balance=1)
    batch = CouponBatchFactory.create(quantity=100)

    said = run_in_processes(
        claim, times=500, clients=25, batch_id=batch.pk, first_user_id=users[0].pk
    )

    assert _claims(said, batch) == Claims(
        told={"coupon_sold_out": 400, "ok": 100},
        issued=100,
        serials=list(range(1, 101)),
    )


def test_race_09_mutant_is_caught() -> None:
    with mutants.claiming_without_limit():
        outcome = more_shoppers_than_coupons(users=100, quantity=20)

    assert outcome.issued == 100


def test_race_09_one_shopper_gets_one() -> None:
    assert one_shopper_many_claims() == Claims(
        told={"coupon_already_issued": 49, "ok": 1}, issued=1, serials=[1]
    )


def test_race_09_one_shopper_mutant_is_caught() -> None:
    with mutants.claiming_again_and_again():
        outcome = one_shopper_many_claims()

    assert outcome.issued == 50


def test_race_10_one_coupon_is_on_one_order_and_the_others_are_refused() -> None:
    assert one_coupon_on_many_orders() == Redemption(
        told={"coupon_already_used": 49, "ok": 1},
        discounts=[1_000],
        states=[CouponState.USED],
    )


def test_race_10_mutant_is_caught() -> None:
    with mutants.coupons_on_many_orders():
        outcome = one_coupon_on_many_orders()

    assert outcome.discounts == [1_000] * 50
