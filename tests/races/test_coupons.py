"""Races 9 and 10: limited coupons."""

from dataclasses import dataclass

import pytest

from checkout import services as checkout
from coupons.models import Coupon, CouponState
from drill.races import coupons as races
from orders.models import Order
from tests.concurrency import run_together, told
from tests.factories import CouponFactory, ProductFactory
from tests.races import mutants
from tests.races.stage import everybody_reads_first, purchase, shoppers


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
    outcome = races.drop_in_processes(users=500, quantity=100, clients=25)

    assert outcome.complaints() == []
    assert outcome.told == {"coupon_sold_out": 400, "ok": 100}
    assert outcome.found["issued"] == outcome.winners == Coupon.objects.count() == 100
    assert outcome.found["serials"] == list(range(1, 101))


def test_race_09_mutant_is_caught() -> None:
    with mutants.claiming_without_limit():
        outcome = races.drop(users=100, quantity=20, clients=50)

    assert not outcome.is_good
    assert outcome.found["issued"] == 100


def test_race_09_one_shopper_gets_one() -> None:
    outcome = races.one_shopper_in_two_tabs(claims=50)

    assert outcome.complaints() == []
    assert outcome.told == {"coupon_already_issued": 49, "ok": 1}
    assert outcome.found["issued"] == outcome.winners == Coupon.objects.count() == 1
    assert outcome.found["serials"] == [1]


def test_race_09_one_shopper_mutant_is_caught() -> None:
    with mutants.claiming_again_and_again():
        outcome = races.one_shopper_in_two_tabs(claims=50)

    assert not outcome.is_good
    assert outcome.found["issued"] == 50


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
