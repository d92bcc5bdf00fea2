"""What delivery costs, by weight and goods total."""

import pytest

from delivery.terms import DeliveryTerms, RateTerms, postal_code_of
from promotions.pricing import Adjustment, Item, quote

PLAIN = DeliveryTerms("plain", "Plain", 3_000, 50_000)
TABLE = DeliveryTerms(
    "table",
    "Table",
    999,
    1,
    rates=(
        RateTerms(2_000, 0, 3_000),
        RateTerms(10_000, 0, 5_500),
        RateTerms(10_000, 50_000, 0),
        RateTerms(30_000, 50_000, 2_500),
    ),
)


@pytest.mark.parametrize(
    ("weight", "value", "cost"),
    [
        (0, 0, 3_000),
        (2_000, 49_999, 3_000),
        (2_001, 49_999, 5_500),
        (10_000, 0, 5_500),
        (10_001, 49_999, None),
        (2_000, 50_000, 0),
        (10_000, 50_000, 0),
        (10_001, 50_000, 2_500),
        (30_000, 10**9, 2_500),
        (30_001, 10**9, None),
    ],
)
def test_closest_rate_holds(weight: int, value: int, cost: int | None) -> None:
    assert TABLE.cost_for(weight, value) == cost


@pytest.mark.parametrize(
    ("value", "cost"), [(0, 3_000), (49_999, 3_000), (50_000, 0), (10**9, 0)]
)
def test_without_a_table_the_plain_price_holds_for_any_weight(
    value: int, cost: int
) -> None:
    assert PLAIN.cost_for(10**6, value) == cost


def test_rate_for_any_weight_comes_after_those_with_a_limit() -> None:
    rates = (RateTerms(None, 0, 9_000), RateTerms(5_000, 0, 4_000))
    terms = DeliveryTerms("x", "X", 0, None, rates=rates)

    assert [terms.cost_for(weight, 0) for weight in (5_000, 5_001, 10**9)] == [
        4_000,
        9_000,
        9_000,
    ]


def test_dear_goods_may_cost_more() -> None:
    rates = (RateTerms(None, 0, 3_000), RateTerms(None, 1_000_000, 12_000))
    terms = DeliveryTerms("x", "X", 0, None, rates=rates)

    assert (terms.cost_for(1, 999_999), terms.cost_for(1, 1_000_000)) == (3_000, 12_000)


def test_no_rates_for_the_zone_means_that_it_is_not_served() -> None:
    terms = DeliveryTerms("x", "X", 3_000, None, rates=())

    assert (terms.cost_for(1, 10**9), terms.free_above(1)) == (None, None)


@pytest.mark.parametrize(
    ("terms", "weight", "free_from"),
    [
        (PLAIN, 10**6, 50_000),
        (TABLE, 2_000, 50_000),
        (TABLE, 10_001, None),
        (DeliveryTerms("x", "X", 3_000, None), 1, None),
        (DeliveryTerms("x", "X", 1, None, rates=(RateTerms(None, 0, 0),)), 1, 0),
    ],
)
def test_free_delivery_begins_where_a_rate_is_nothing(
    terms: DeliveryTerms, weight: int, free_from: int | None
) -> None:
    assert terms.free_above(weight) == free_from


def test_carriers_price_takes_the_place_of_the_tables() -> None:
    told = TABLE.told(4_321, 2)

    assert told.cost_for(2_000, 0) == 4_321
    assert (told.schedule.days_min, told.schedule.days_max) == (2, 2)
    # What is free stays free, and what is not taken is not taken.
    assert told.cost_for(2_000, 50_000) == 0
    assert told.cost_for(30_001, 0) is None


def test_quote_weighs_every_piece() -> None:
    items = [
        Item(1, "A", "Rice", 10_000, 3, weight=700),
        Item(2, "B", "Tea", 5_000, 1),
    ]

    quoted = quote(items, delivery=TABLE)

    assert (quoted.subtotal, quoted.delivery_cost, quoted.total) == (
        35_000,
        5_500,
        40_500,
    )
    assert quoted.adjustments == (Adjustment("delivery", "Table", 5_500),)


@pytest.mark.parametrize(
    ("written", "compared"),
    [
        ("63-186", "63186"),
        (" sw1a 1aa", "SW1A1AA"),
        ("", ""),
        ("〒100-0001", "1000001"),
    ],
)
def test_postal_codes_are_compared_without_their_dress(
    written: str, compared: str
) -> None:
    assert postal_code_of(written) == compared
