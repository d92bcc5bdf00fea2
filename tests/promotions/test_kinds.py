"""Each kind of promotion, and each reason against one, by an example."""

from dataclasses import replace

import pytest

from promotions.pricing import (
    Adjustment,
    CouponTerms,
    DeliveryTerms,
    Item,
    PromotionKind,
    PromotionTerms,
    Quote,
    Reason,
    Refusal,
    quote,
)

MUG, LAMP, BOWL = 1, 2, 3
TENTH = PromotionTerms(promotion_id=7, name="Autumn", kind=PromotionKind.PERCENT)
TENTH = replace(TENTH, value=10)
FIVE_THOUSAND = replace(TENTH, kind=PromotionKind.FIXED, value=5_000)
THREE_FOR_TWO = replace(TENTH, kind=PromotionKind.N_FOR_M, take=3, pay=2)
FREE_DELIVERY = replace(TENTH, kind=PromotionKind.FREE_DELIVERY, value=0)
POST = DeliveryTerms(code="post", name="Post", cost=3_000, free_from=None)


def item(product_id: int, unit_price: int, quantity: int = 1) -> Item:
    return Item(product_id, f"SKU-{product_id}", "Thing", unit_price, quantity)


def shares(priced: Quote) -> list[int]:
    return [line.discount_share for line in priced.lines]


# --- Kinds ---------------------------------------------------------------------------


def test_ten_percent_off_everything() -> None:
    priced = quote([item(MUG, 9_900), item(LAMP, 30_005)], promotions=[TENTH])

    assert priced.adjustments == (
        Adjustment("promotion", "Autumn", -3_990, 7, "percent"),
    )
    assert (priced.discount, priced.total) == (3_990, 35_915)
    assert priced.promotions == {7: 3_990}


def test_ten_percent_off_lamps_leaves_the_mug_alone() -> None:
    lamps = replace(TENTH, covers=frozenset({LAMP}))

    assert shares(
        quote([item(MUG, 9_900), item(LAMP, 30_000)], promotions=[lamps])
    ) == [
        0,
        3_000,
    ]


def test_percent_stops_at_the_most_per_order() -> None:
    capped = replace(TENTH, max_discount=1_000)

    assert quote(
        [item(MUG, 9_000), item(LAMP, 3_000)], promotions=[capped]
    ).discount == (1_000)


def test_amount_off_stops_at_the_price_of_what_it_is_for() -> None:
    mugs = replace(FIVE_THOUSAND, covers=frozenset({MUG}))

    priced = quote([item(MUG, 3_000), item(LAMP, 30_000)], promotions=[mugs])

    assert (shares(priced), priced.total) == ([3_000, 0], 30_000)


def test_of_three_mugs_two_are_paid_for() -> None:
    assert quote([item(MUG, 9_900, 3)], promotions=[THREE_FOR_TWO]).total == 19_800


def test_of_different_things_the_cheapest_of_each_group_is_free() -> None:
    goods = [item(MUG, 9_000, 2), item(BOWL, 4_000, 3), item(LAMP, 30_000)]

    # Lamp, mug, mug | bowl, bowl, bowl: a mug and a bowl are free.
    priced = quote(goods, promotions=[THREE_FOR_TWO])

    assert shares(priced) == [9_000, 4_000, 0]


def test_units_beyond_the_last_full_group_are_paid_for() -> None:
    assert quote([item(MUG, 1_000, 8)], promotions=[THREE_FOR_TWO]).total == 6_000


def test_free_delivery_is_on_delivery_and_not_on_goods() -> None:
    priced = quote([item(MUG, 9_900)], promotions=[FREE_DELIVERY], delivery=POST)

    assert (priced.discount, priced.delivery_cost, priced.total) == (0, 0, 9_900)
    assert priced.adjustments == (
        Adjustment("delivery", "Post", 3_000),
        Adjustment("promotion", "Autumn", -3_000, 7, "free_delivery"),
    )


def test_cheaper_delivery_is_a_free_one_with_a_limit() -> None:
    cheaper = replace(FREE_DELIVERY, max_discount=2_000)

    priced = quote([item(MUG, 9_900)], promotions=[cheaper], delivery=POST)

    assert priced.delivery_cost == 1_000


# --- Together ------------------------------------------------------------------------


def test_higher_priority_comes_first_and_the_next_gets_what_is_left() -> None:
    first = replace(FIVE_THOUSAND, promotion_id=9, name="Voucher week", priority=1)

    priced = quote([item(MUG, 20_000)], promotions=[TENTH, first])

    assert [(step.label, step.amount) for step in priced.adjustments] == [
        ("Voucher week", -5_000),
        ("Autumn", -1_500),
    ]


def test_equal_priorities_go_by_number() -> None:
    older = replace(FIVE_THOUSAND, promotion_id=3, name="Older")

    priced = quote([item(MUG, 20_000)], promotions=[TENTH, older])

    assert [step.label for step in priced.adjustments] == ["Older", "Autumn"]


def test_coupon_comes_after_promotions_on_what_they_left() -> None:
    coupon = CouponTerms(1, "Thanks", 50, None, None, 20_000)

    priced = quote([item(MUG, 20_000)], promotions=[TENTH], coupon=coupon)

    assert [(step.kind, step.amount) for step in priced.adjustments] == [
        ("promotion", -2_000),
        ("coupon", -9_000),
    ]


def test_group_has_one_winner_also_between_goods_and_delivery() -> None:
    delivery = replace(FREE_DELIVERY, promotion_id=8, name="Post free", priority=5)
    pair = [replace(one, exclusive_group="october") for one in (TENTH, delivery)]

    priced = quote([item(MUG, 20_000)], promotions=pair, delivery=POST)

    assert priced.promotions == {8: 3_000}
    assert priced.refusals == (
        Refusal("promotion", "Autumn", Reason.EXCLUDED, 0, 7, by="Post free"),
    )


def test_who_cannot_have_the_first_of_a_group_gets_the_next() -> None:
    better = replace(TENTH, promotion_id=8, name="Half", value=50, priority=5)
    better = replace(better, is_for_you=False, exclusive_group="october")

    priced = quote(
        [item(MUG, 20_000)],
        promotions=[better, replace(TENTH, exclusive_group="october")],
    )

    assert priced.promotions == {7: 2_000}


def test_percentages_of_more_than_a_hundred_together_end_at_nothing() -> None:
    ninety = replace(TENTH, value=90)
    all_of_it = replace(TENTH, promotion_id=8, value=100)
    more = replace(TENTH, promotion_id=9, name="More")

    priced = quote([item(MUG, 20_000)], promotions=[ninety, all_of_it, more])

    assert priced.total == 0
    assert priced.promotions == {7: 18_000, 8: 2_000}
    assert priced.refusals == (Refusal("promotion", "More", Reason.NOTHING_LEFT, 0, 9),)


# --- Reasons against -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (
            replace(TENTH, is_for_you=False),
            Refusal("promotion", "Autumn", Reason.NOT_FOR_YOU, 0, 7),
        ),
        (
            replace(TENTH, covers=frozenset({LAMP})),
            Refusal("promotion", "Autumn", Reason.NOT_IN_CART, 0, 7),
        ),
        (
            replace(TENTH, min_spend=30_000),
            Refusal("promotion", "Autumn", Reason.BELOW_MIN_SPEND, 10_200, 7),
        ),
        (
            THREE_FOR_TWO,
            Refusal("promotion", "Autumn", Reason.TOO_FEW, 0, 7, missing_units=1),
        ),
        (
            replace(TENTH, budget_left=1_979),
            Refusal("promotion", "Autumn", Reason.BUDGET_SPENT, 0, 7),
        ),
        (FREE_DELIVERY, Refusal("promotion", "Autumn", Reason.NOTHING_LEFT, 0, 7)),
    ],
)
def test_two_mugs_are_told_why_not(terms: PromotionTerms, expected: Refusal) -> None:
    priced = quote([item(MUG, 9_900, 2)], promotions=[terms])

    assert priced.refusals == (expected,)
    assert (priced.adjustments, priced.total) == ((), 19_800)


def test_budget_that_lasts_to_the_last_unit_is_enough() -> None:
    just_enough = replace(TENTH, budget_left=1_980)

    assert quote([item(MUG, 9_900, 2)], promotions=[just_enough]).discount == 1_980


def test_minimum_counts_only_what_the_promotion_is_for() -> None:
    lamps = replace(TENTH, covers=frozenset({LAMP}), min_spend=30_000)

    priced = quote([item(MUG, 50_000), item(LAMP, 29_999)], promotions=[lamps])

    assert priced.refusals[0].missing == 1


def test_minimum_is_judged_by_prices_before_any_discount() -> None:
    first = replace(FIVE_THOUSAND, promotion_id=8, priority=1)
    choosy = replace(TENTH, min_spend=20_000)

    assert quote([item(MUG, 20_000)], promotions=[first, choosy]).total == 13_500


def test_coupon_that_would_be_used_up_for_nothing_is_refused() -> None:
    all_of_it = replace(TENTH, value=100)
    coupon = CouponTerms(1, "Thanks", 10, None, None, 0)

    priced = quote([item(MUG, 20_000)], promotions=[all_of_it], coupon=coupon)

    assert priced.coupon_refusal == Refusal(
        "coupon", "Thanks", Reason.NOTHING_LEFT, 0, 1
    )


# --- What is not monotone, on purpose ------------------------------------------------


def test_reaching_a_minimum_can_make_all_of_it_cheaper() -> None:
    choosy = replace(FIVE_THOUSAND, min_spend=20_000)

    assert quote([item(MUG, 9_900, 2)], promotions=[choosy]).total == 19_800
    assert quote([item(MUG, 9_900, 3)], promotions=[choosy]).total == 24_700
    assert quote([item(MUG, 10_000, 2)], promotions=[choosy]).total == 15_000


def test_group_with_two_free_units_can_make_all_of_it_cheaper() -> None:
    three_for_one = replace(THREE_FOR_TWO, pay=1)

    assert quote([item(MUG, 1_000, 2)], promotions=[three_for_one]).total == 2_000
    assert quote([item(MUG, 1_000, 3)], promotions=[three_for_one]).total == 1_000
