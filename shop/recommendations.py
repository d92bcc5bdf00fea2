"""Rows of recommended products, as pages show them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics import picks
from analytics.models import Behaviour, PairKind
from analytics.picks import Pick, varied
from analytics.reasons import reason_text
from shop.cards import CardRow, render_cards
from shop.observing import audience_of, observe, wants_lists
from shop.storefront import storefront_of

PLACES = 5
PAIR = 1  # the tier of what is bought together


@dataclass(frozen=True)
class Shown:
    """A product in a row: its card, why it is there, and its name for the button."""

    product_id: int
    card: SafeString
    reason: str


@dataclass(frozen=True)
class Row:
    """A list on a page. ``source`` is what it is called when it is counted."""

    source: str
    title: str
    items: Sequence[Shown]
    can_dismiss: bool = False


def beside_product(request: HttpRequest, product_id: int) -> list[Row]:
    """Return what is bought with a product, and what else is like it."""
    found = picks.related([product_id], audience_of(request))
    together = varied([pick for pick in found if pick.tier == PAIR], PLACES)
    others = varied([pick for pick in found if pick.tier != PAIR], PLACES)
    wished = storefront_of(request).wished
    is_shelf = all(pick.why == picks.SHELF for pick in others)
    title = _("From the same shelf") if is_shelf else _("Related")
    rows = [
        _row("bought_together", _("Bought together"), together, wished=wished),
        _row("related", title, others, wished=wished),
    ]
    return [row for row in rows if row.items]


def beside_cart(request: HttpRequest, product_ids: Sequence[int]) -> list[Row]:
    """Return what goes with the products of a cart, and note that it was shown."""
    if not product_ids or not wants_lists(request):
        return []
    audience = audience_of(request)
    found = picks.related(
        product_ids, audience, kinds=[PairKind.BOUGHT], fill=not audience.clever
    )
    chosen, wished = varied(found, PLACES), storefront_of(request).wished
    row = _row("cart", _("Goes with your cart"), chosen, wished=wished, can=True)
    return _noted(request, [row])


def beside_order(request: HttpRequest, product_ids: Sequence[int]) -> list[Row]:
    """Return what is bought with the products of an order, and not in it."""
    if not product_ids or not wants_lists(request):
        return []
    found = picks.related(product_ids, audience_of(request), fill=True)
    chosen, wished = varied(found, PLACES), storefront_of(request).wished
    row = _row("bought_together", _("You may need"), chosen, wished=wished)
    return [row] if row.items else []


@dataclass(frozen=True)
class OwnRows:
    """The rows of a person's own; each is ``None`` if there is nothing in it."""

    for_you: Row | None = None
    again: Row | None = None
    recent: Row | None = None


def at_home(request: HttpRequest) -> OwnRows:
    """Return what is picked for somebody, and what they bought and looked at before."""
    if not wants_lists(request):
        return OwnRows()
    audience, wished = audience_of(request), storefront_of(request).wished
    seen, bought = picks.past(audience, PLACES)
    mine = picks.for_you(audience, PLACES)
    for_you = _row("for_you", _("Picked for you"), mine, wished=wished, can=True)
    again = _row("again", _("Buy again"), bought, wished=wished)
    recent = _row("recent", _("Recently viewed"), seen, wished=wished)
    _noted(request, [for_you])
    return OwnRows(*(row if row.items else None for row in (for_you, again, recent)))


def _noted(request: HttpRequest, rows: Sequence[Row]) -> list[Row]:
    shown = [row for row in rows if row.items]
    for row in shown:
        observe(request, Behaviour.SHOWN, source=row.source)
    return shown


def _row(
    source: str,
    title: str,
    found: Sequence[Pick],
    *,
    wished: Collection[int] = (),
    can: bool = False,
) -> Row:
    rows = [CardRow(pick.id, pick.version, pick.available) for pick in found]
    cards = render_cards(rows, wished=wished)
    return Row(
        source,
        title,
        [
            Shown(pick.id, _linked(card, pick, source), reason_text(pick))
            for pick, card in zip(found, cards, strict=True)
        ],
        can_dismiss=can,
    )


def _linked(card: SafeString, pick: Pick, source: str) -> SafeString:
    """Let the link of a card, which is the same everywhere, say where it was met."""
    return SafeString(card.replace(f'-{pick.id}/"', f'-{pick.id}/?via={source}"', 1))
