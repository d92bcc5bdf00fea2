"""Two workers give personal coupons on the same night."""

import pytest

from coupons import personal
from coupons.models import Coupon, DiscountKind, PersonalOffer, PersonalRule, Segment
from coupons.personal import Candidate
from tests.books import violations
from tests.concurrency import run_together, told
from tests.races.personal_mutants import deciding_without_a_queue
from tests.races.stage import shoppers

WORKERS = 4


def rule_of(budget: int) -> PersonalRule:
    return PersonalRule.objects.create(
        name="For you",
        segment=Segment.REGULAR,
        kind=DiscountKind.FIXED,
        value=1_000,
        budget=budget,
        holdout_percent=0,
    )


def one_budget_for_all() -> tuple[int, int]:
    """Let each worker think of customers of its own; return coupons and cost."""
    users = shoppers(WORKERS * 3, balance=1)
    rule = rule_of(5_500)

    def decide(number: int) -> object:
        own = users[number * 3 : number * 3 + 3]
        return personal.offer(
            rule_id=rule.pk, candidates=[Candidate(user.pk, 3) for user in own]
        )

    assert told(run_together(decide, times=WORKERS)) == {"ok": WORKERS}
    return Coupon.objects.count(), personal.committed(rule)


def one_customer_for_all_rules() -> int:
    """Let each worker think of the same customer by another rule; count coupons."""
    [user] = shoppers(1, balance=1)
    rules = [rule_of(10_000) for _worker in range(WORKERS)]

    results = run_together(
        lambda number: personal.offer(
            rule_id=rules[number].pk, candidates=[Candidate(user.pk, 3)]
        ),
        times=WORKERS,
    )

    assert told(results) == {"ok": WORKERS}
    return PersonalOffer.objects.filter(coupon__user=user).count()


def broken() -> set[str]:
    return {finding.invariant.id for finding in violations()} & {"I6", "I6b", "I6c"}


@pytest.mark.django_db(transaction=True)
def test_budget_lasts_for_its_coupons_and_no_more() -> None:
    assert one_budget_for_all() == (5, 5_000)
    assert not broken()


@pytest.mark.django_db(transaction=True)
def test_mutant_is_caught_budget_spent_by_everybody() -> None:
    with deciding_without_a_queue(WORKERS):
        assert one_budget_for_all() == (12, 12_000)
    assert broken() == {"I6c"}


@pytest.mark.django_db(transaction=True)
def test_customer_gets_one_coupon_of_all_rules() -> None:
    assert one_customer_for_all_rules() == 1
    assert not broken()


@pytest.mark.django_db(transaction=True)
def test_mutant_is_caught_customer_with_a_coupon_of_each_rule() -> None:
    with deciding_without_a_queue(WORKERS):
        assert one_customer_for_all_rules() == WORKERS
    assert broken() == {"I6b"}
