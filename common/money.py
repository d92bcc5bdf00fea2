"""Integers only: amounts are in the smallest unit of the shop's one currency."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

from babel.core import Locale
from babel.numbers import format_currency, get_currency_precision
from django.conf import settings

from common.languages import reader_locale


def percent_of(amount: int, percent: int) -> int:
    """Return ``percent`` % of ``amount``, rounded down in the shop's favour."""
    return amount * percent // 100


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split ``total`` in proportion to ``weights`` so that the shares add up exactly.

    Largest remainder (Hamilton's method): everybody gets the floor of the exact
    share, the units left over go to the largest fractions, the first one on a tie.
    """
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    remainders = [total * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for index in by_remainder[: total - sum(shares)]:
        shares[index] += 1
    return shares


def money(amount: int | None) -> str:
    """Write an amount with the shop's currency, as the reader's language does."""
    if amount is None:
        return "–"
    locale = reader_locale()
    return _written(amount, settings.SHOP_CURRENCY, locale)


def from_major(value: Decimal) -> int:
    """Return an amount typed in whole units of the currency, e.g. ``12.5``, as minor.

    What is finer than the currency is dropped.
    """
    return int(value.scaleb(decimals()))


def to_major(amount: int) -> str:
    """Return an amount as ``from_major`` would read it, e.g. ``12.50``."""
    return f"{Decimal(amount).scaleb(-decimals()):f}"


def decimals() -> int:
    """Return how many decimals the shop's currency has."""
    return get_currency_precision(settings.SHOP_CURRENCY)


@lru_cache(maxsize=8192)
def _written(amount: int, currency: str, locale: str) -> str:
    value = Decimal(amount).scaleb(-get_currency_precision(currency))
    written = str(format_currency(value, currency, locale=Locale.parse(locale)))
    # The locales' data has a hyphen, which is shorter than a plus and breaks lines.
    return written.replace("-", "\N{MINUS SIGN}", 1) if amount < 0 else written
