"""Shares that add up."""

import pytest
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from common.money import allocate, decimals, money, percent_of

weights = st.lists(st.integers(0, 10**12), min_size=1, max_size=20)


@given(total=st.integers(0, 10**12), weights=weights.filter(any))
def test_shares_add_up_and_are_within_one_of_exact(
    total: int, weights: list[int]
) -> None:
    shares = allocate(total, weights)

    whole = sum(weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert total * weight // whole <= share <= -(-total * weight // whole)


@given(total=st.integers(0, 10**12), weights=weights.filter(any))
def test_weightless_get_nothing(total: int, weights: list[int]) -> None:
    shares = allocate(total, weights)

    assert all(
        share == 0 for share, weight in zip(shares, weights, strict=True) if weight == 0
    )


@given(
    total=st.integers(0, 10**12), weights=st.lists(st.integers(1, 10**12), min_size=1)
)
def test_shares_never_exceed_weights_if_the_total_does_not(
    total: int, weights: list[int]
) -> None:
    shares = allocate(min(total, sum(weights)), weights)

    assert all(share <= weight for share, weight in zip(shares, weights, strict=True))


@pytest.mark.parametrize(
    ("total", "weights", "shares"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (100, [50, 30, 20], [50, 30, 20]),
        (1, [1, 2, 1], [0, 1, 0]),
        (2, [1, 1, 1], [1, 1, 0]),
        (0, [3, 5], [0, 0]),
        (7, [0, 0], [0, 0]),
        (7, [], []),
    ],
)
def test_allocation_by_example(
    total: int, weights: list[int], shares: list[int]
) -> None:
    assert allocate(total, weights) == shares


@given(amount=st.integers(0, 10**12), percent=st.integers(0, 100))
def test_percent_is_the_floor_of_the_exact_part(amount: int, percent: int) -> None:
    part = percent_of(amount, percent)

    assert part * 100 <= amount * percent < (part + 1) * 100


@pytest.mark.parametrize(
    ("currency", "places", "english", "russian"),
    [
        ("KRW", 0, "₩1,234,567", "1 234 567 ₩"),
        ("USD", 2, "$12,345.67", "12 345,67 $"),
        ("ISK", 0, "ISK1,234,567", "1 234 567 ISK"),
        ("TND", 3, "TND1,234.567", "1 234,567 TND"),
    ],
)
def test_money_has_the_decimals_of_its_currency(
    currency: str, places: int, english: str, russian: str, settings: Settings
) -> None:
    settings.SHOP_CURRENCY = currency

    assert decimals() == places
    assert _plain(money(1_234_567)) == english
    with override("ru"):
        assert _plain(money(1_234_567)) == russian
    assert money(None) == "–"


@pytest.mark.parametrize("language", ["en", "ko", "ru"])
def test_less_than_nothing_has_a_minus_and_no_hyphen(language: str) -> None:
    with override(language):
        written = money(-5_000)

    assert "−" in written
    assert "-" not in written


def _plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")
