"""What a purchase costs, and why."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from promotions.pricing import (
    Adjustment,
    CouponTerms,
    DeliveryTerms,
    Item,
    Reason,
    Refusal,
    quote,
)

TEN_PERCENT = CouponTerms(
    coupon_id=1, name="Welcome", percent=10, fixed=None, max_discount=None, min_spend=0
)
STANDARD = DeliveryTerms(code="standard", name="Standard", cost=3_000, free_from=50_000)


def _item(unit_price: int, quantity: int = 1, product_id: int = 1) -> Item:
    return Item(
        product_id=product_id,
        sku=f"SKU-{product_id}",
        name="Mug",
        unit_price=unit_price,
        quantity=quantity,
    )


items = st.lists(
    st.builds(_item, st.integers(1, 10**9), st.integers(1, 999)), min_size=1, max_size=9
)
terms = st.builds(
    CouponTerms,
    coupon_id=st.just(1),
    name=st.just("Welcome"),
    percent=st.integers(1, 100),
    fixed=st.none(),
    max_discount=st.none() | st.integers(1, 10**9),
    min_spend=st.integers(0, 10**6),
    refused=st.none() | st.sampled_from(Reason),
)
coupons = terms | st.builds(
    lambda coupon, fixed: replace(coupon, percent=None, fixed=fixed),
    terms,
    st.integers(1, 10**12),
)
deliveries = st.none() | st.builds(
    DeliveryTerms,
    code=st.just("standard"),
    name=st.just("Standard"),
    cost=st.integers(0, 10**6),
    free_from=st.none() | st.integers(0, 10**9),
)


@given(items=items, coupon=st.none() | coupons, delivery=deliveries)
def test_any_quote_adds_up(
    items: list[Item], coupon: CouponTerms | None, delivery: DeliveryTerms | None
) -> None:
    priced = quote(items, coupon=coupon, delivery=delivery)

    assert priced.subtotal == sum(item.unit_price * item.quantity for item in items)
    assert 0 <= priced.discount <= priced.subtotal
    assert sum(line.discount_share for line in priced.lines) == priced.discount
    assert all(0 <= line.discount_share <= line.item.total for line in priced.lines)
    assert priced.total == priced.subtotal - priced.discount + priced.delivery_cost
    steps = sum(adjustment.amount for adjustment in priced.adjustments)
    assert priced.total == priced.subtotal + steps
    assert [line.item for line in priced.lines] == items


@given(items=items, coupon=coupons, delivery=deliveries)
def test_same_input_gives_the_same_quote(
    items: list[Item], coupon: CouponTerms, delivery: DeliveryTerms | None
) -> None:
    first = quote(items, coupon=coupon, delivery=delivery)
    second = quote(items, coupon=coupon, delivery=delivery)

    assert first == second


@given(items=items, coupon=coupons)
def test_refused_coupon_gives_nothing_and_says_why(
    items: list[Item], coupon: CouponTerms
) -> None:
    priced = quote(items, coupon=replace(coupon, refused=Reason.EXPIRED))

    assert priced.discount == 0
    assert priced.refusals == (Refusal("coupon", "Welcome", Reason.EXPIRED, 0, 1),)


def test_percent_is_rounded_down() -> None:
    priced = quote([_item(999)], coupon=TEN_PERCENT)

    assert (priced.discount, priced.total) == (99, 900)


def test_percent_stops_at_its_cap() -> None:
    capped = replace(TEN_PERCENT, max_discount=500)

    assert quote([_item(10_000)], coupon=capped).discount == 500


def test_fixed_discount_stops_at_the_subtotal() -> None:
    fixed = replace(TEN_PERCENT, percent=None, fixed=5_000)

    priced = quote([_item(3_000)], coupon=fixed)

    assert (priced.discount, priced.total) == (3_000, 0)


def test_below_the_minimum_spend_the_coupon_says_how_much_is_missing() -> None:
    choosy = replace(TEN_PERCENT, min_spend=10_000)

    priced = quote([_item(9_999)], coupon=choosy)

    assert priced.discount == 0
    assert priced.refusals == (
        Refusal("coupon", "Welcome", Reason.BELOW_MIN_SPEND, missing=1, source_id=1),
    )


def test_minimum_spend_counts_from_exactly_its_amount() -> None:
    choosy = replace(TEN_PERCENT, min_spend=10_000)

    assert quote([_item(10_000)], coupon=choosy).discount == 1_000


def test_free_delivery_is_judged_before_the_discount() -> None:
    priced = quote([_item(50_000)], coupon=TEN_PERCENT, delivery=STANDARD)

    assert priced.delivery_cost == 0
    assert priced.total == 45_000
    assert priced.adjustments == (
        Adjustment("coupon", "Welcome", -5_000, 1, "percent"),
        Adjustment("delivery", "Standard", 0),
    )


def test_delivery_costs_up_to_the_last_unit_below_free() -> None:
    priced = quote([_item(49_999)], delivery=STANDARD)

    assert (priced.delivery_cost, priced.total) == (3_000, 52_999)


def test_shares_follow_the_line_totals_with_the_rest_to_the_largest_remainder() -> None:
    lines = [_item(100, 1, 1), _item(100, 1, 2), _item(100, 1, 3)]
    fixed = replace(TEN_PERCENT, percent=None, fixed=100)

    priced = quote(lines, coupon=fixed)

    assert [line.discount_share for line in priced.lines] == [34, 33, 33]
