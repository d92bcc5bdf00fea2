"""A price as it was shown, in a token that its shopper brings along with the order.

The token carries what was shown, signed, so that nothing has to be kept for carts that
are never ordered, and the answer can say what has changed since.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.signing import BadSignature, Signer

from checkout.errors import QuoteInvalid, QuoteOutdated
from promotions.pricing import Quote

LONGEST = 8_000  # characters; a hundred lines need fewer


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line as it was shown, in minor units."""

    quantity: int
    unit_price: int
    discount_share: int


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody was shown: lines by product id, and what all of it came to."""

    lines: Mapping[int, ShownLine]
    discount: int
    delivery_cost: int
    total: int


def quote_id(priced: Quote) -> str:
    """Return the token of a quote; equal quotes have equal tokens."""
    lines = [
        [
            line.item.product_id,
            line.item.quantity,
            line.item.unit_price,
            line.discount_share,
        ]
        for line in priced.lines
    ]
    facts = [sorted(lines), priced.discount, priced.delivery_cost, priced.total]
    return _signer().sign_object(facts, compress=True)


def read(token: str) -> Shown:
    """Return what a token's holder was shown; raise ``QuoteInvalid`` if not by us."""
    if len(token) > LONGEST:
        raise QuoteInvalid
    try:
        lines, discount, delivery_cost, total = _signer().unsign_object(token)
    except (BadSignature, ValueError):
        raise QuoteInvalid from None
    return Shown(
        lines={product_id: ShownLine(*facts) for product_id, *facts in lines},
        discount=discount,
        delivery_cost=delivery_cost,
        total=total,
    )


def _signer() -> Signer:
    # Not at import: that would need the key before its absence can be told.
    return Signer(salt="checkout.quote")


def check(token: str, priced: Quote) -> None:
    """Raise ``QuoteOutdated`` if a shopper has to agree to ``priced`` first.

    The same goods for less are no reason to ask.
    """
    shown = read(token)
    now = _shown(priced)
    is_same = {key: line.quantity for key, line in shown.lines.items()} == {
        key: line.quantity for key, line in now.lines.items()
    }
    if is_same and now.total <= shown.total:
        return
    raise QuoteOutdated(
        quote_id=quote_id(priced),
        total={"was": shown.total, "now": now.total},
        delivery_cost={"was": shown.delivery_cost, "now": now.delivery_cost},
        discount={"was": shown.discount, "now": now.discount},
        lines=_differences(shown, now),
    )


def _shown(priced: Quote) -> Shown:
    return Shown(
        lines={
            line.item.product_id: ShownLine(
                line.item.quantity, line.item.unit_price, line.discount_share
            )
            for line in priced.lines
        },
        discount=priced.discount,
        delivery_cost=priced.delivery_cost,
        total=priced.total,
    )


def _differences(shown: Shown, now: Shown) -> list[dict[str, Any]]:
    return [
        {
            "product_id": product_id,
            "reason": _reason(shown.lines.get(product_id), now.lines.get(product_id)),
            "was": _facts(shown.lines.get(product_id)),
            "now": _facts(now.lines.get(product_id)),
        }
        for product_id in sorted(shown.lines.keys() | now.lines.keys())
        if shown.lines.get(product_id) != now.lines.get(product_id)
    ]


def _reason(was: ShownLine | None, now: ShownLine | None) -> str:
    if was is None or now is None:
        return "added" if was is None else "removed"
    if was.quantity != now.quantity:
        return "quantity"
    return "price" if was.unit_price != now.unit_price else "discount"


def _facts(line: ShownLine | None) -> dict[str, int] | None:
    if line is None:
        return None
    return {
        "quantity": line.quantity,
        "unit_price": line.unit_price,
        "discount_share": line.discount_share,
    }
