"""How new prices follow from old ones."""

import pytest

from catalog.price_rules import NewPrice, PriceRule, Rounding, Way, nearest


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (PriceRule(Way.PERCENT, -10_00), 9_999, 8_999),
        (PriceRule(Way.PERCENT, 12_50), 1_000, 1_125),
        (PriceRule(Way.PERCENT, -33_33), 100, 67),
        (PriceRule(Way.AMOUNT, -500), 12_000, 11_500),
        (PriceRule(Way.AMOUNT, -12_000), 12_000, 0),
        (PriceRule(Way.SET, 7_000), 12_345, 7_000),
        (PriceRule(Way.PERCENT, -10_00, Rounding.STEP, 100), 12_345, 11_100),
        (PriceRule(Way.PERCENT, -10_00, Rounding.STEP, 1_000), 12_345, 11_000),
        (PriceRule(Way.AMOUNT, 50, Rounding.STEP, 100), 1_000, 1_100),
        (PriceRule(Way.PERCENT, -10_00, Rounding.NINETY), 12_345, 11_090),
        (PriceRule(Way.PERCENT, 10_00, Rounding.NINETY), 12_345, 13_590),
        (PriceRule(Way.SET, 30, Rounding.NINETY), 500, 90),
        (PriceRule(Way.AMOUNT, -600, Rounding.NINETY), 500, -100),
    ],
)
def test_rule_gives_the_new_price(rule: PriceRule, old: int, new: int) -> None:
    assert rule.new_price(old) == new


def test_half_a_step_counts_as_one() -> None:
    assert [nearest(amount, 100) for amount in (49, 50, 149, 150, -50)] == [
        0,
        1,
        1,
        2,
        0,
    ]


def test_rule_is_said_in_words() -> None:
    rule = PriceRule(Way.PERCENT, -12_50, Rounding.STEP, 100)

    assert rule.words() == "-12.5 %, to a multiple of ₩100"
    assert PriceRule(Way.AMOUNT, 500).words() == "+₩500"
    assert PriceRule(Way.SET, 900, Rounding.NINETY).words() == "₩900, ending in 90"


@pytest.mark.parametrize(
    ("new", "warnings", "percent"),
    [
        (500, (False, False), -50),
        (499, (True, False), -50),
        (1_500, (False, False), 50),
        (1_501, (True, False), 50),
        (0, (True, True), -100),
        (1_000, (False, False), 0),
    ],
)
def test_more_than_half_is_a_warning_and_nothing_is_no_price(
    new: int, warnings: tuple[bool, bool], percent: int
) -> None:
    price = NewPrice(1, "A", "a", 1_000, new)

    assert (price.is_large, price.is_impossible) == warnings
    assert (price.percent, price.is_same) == (percent, new == 1_000)
