"""Amounts as providers write them."""

import re
from decimal import Decimal

from babel.numbers import get_currency_precision

# Nothing that a provider may send is as long: 1e999999 would fill the memory.
DECIMAL = re.compile(r"\d{1,15}(\.\d{1,20})?", re.ASCII)


def rescale(amount: int, *, places: int, to: int) -> int | None:
    """Move an amount to other decimal places; ``None`` if it does not go evenly."""
    if to >= places:
        return amount * int(10 ** (to - places))
    whole, rest = divmod(amount, 10 ** (places - to))
    return None if rest else whole


def as_decimal(amount: int, currency: str, *, places: int | None = None) -> str:
    """Write minor units as a decimal, e.g. 1250 USD as ``12.50``.

    ``places`` are the provider's, if it has others than the currency. Raises
    ``ValueError`` for an amount that is finer than these.
    """
    own = get_currency_precision(currency)
    wanted = own if places is None else places
    scaled = rescale(amount, places=own, to=wanted)
    if scaled is None:
        raise ValueError(f"{amount} {currency} has more than {wanted} decimals")
    return f"{Decimal(scaled).scaleb(-wanted):f}"


def parse(text: object) -> Decimal:
    """Read a provider's decimal; raise ``ValueError`` for anything else."""
    if not isinstance(text, str) or not DECIMAL.fullmatch(text):
        raise ValueError("not an amount")
    return Decimal(text)


def from_decimal(text: object, currency: str) -> int:
    """Read a provider's decimal as minor units, e.g. ``12.50`` USD as 1250.

    Raises ``ValueError`` for what is no amount, or finer than the currency.
    """
    minor = parse(text).scaleb(get_currency_precision(currency))
    if minor != minor.to_integral_value():
        raise ValueError("finer than its currency")
    return int(minor)
