"""What the filters of a product list offer, with how many products each would leave."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from catalog.search import Facets, PriceRange
from catalog.texts import local
from common.money import money
from shop.asked import OPTION, RATINGS, Asked
from shop.shelves import Shelf, find_shelf, top_shelves

# The values of one attribute that are worth a line each.
SHOWN_VALUES = 12


@dataclass(frozen=True)
class Choice:
    """A line of the filters."""

    label: str
    count: int
    value: str = ""
    url: str = ""
    is_on: bool = False


@dataclass(frozen=True)
class OptionGroup:
    """An attribute, e.g. the colour, and its values."""

    number: int
    name: str
    label: str
    choices: list[Choice]


@dataclass(frozen=True)
class Panel:
    """All that a list can be narrowed by."""

    categories: list[Choice] = field(default_factory=list)
    prices: list[Choice] = field(default_factory=list)
    ratings: list[Choice] = field(default_factory=list)
    flags: list[Choice] = field(default_factory=list)
    options: list[OptionGroup] = field(default_factory=list)


@dataclass(frozen=True)
class Chip:
    """A filter that is on, and the list without it."""

    label: str
    without: Asked

    @property
    def url(self) -> str:
        return self.without.url()


def panel(asked: Asked, shelf: Shelf | None, facets: Facets) -> Panel:
    """Return the filters of a list; choices that would leave nothing are left out."""
    return Panel(
        categories=_categories(asked, shelf, facets),
        prices=[_price(asked, part) for part in facets.prices if part.count],
        ratings=_ratings(asked, facets.ratings),
        flags=[
            Choice(_("In stock only"), facets.in_stock, "in_stock", "", asked.in_stock),
            Choice(_("Reduced"), facets.on_sale, "on_sale", "", asked.on_sale),
        ],
        options=list(_option_groups(asked, facets.attributes)),
    )


def chips(asked: Asked) -> list[Chip]:
    """Return the filters that are on, each with the list that it does not narrow."""
    found = []
    if asked.category:
        found.append(Chip(_category_name(asked), replace(asked, category="", page=1)))
    if asked.lowest is not None or asked.highest is not None:
        without = replace(asked, lowest=None, highest=None, page=1)
        found.append(Chip(price_label(asked.lowest, asked.highest), without))
    if asked.rating is not None:
        without = replace(asked, rating=None, page=1)
        found.append(Chip(rating_label(asked.rating), without))
    if asked.in_stock and not asked.is_stock_usual:
        found.append(_stock_chip(asked))
    if asked.on_sale:
        found.append(Chip(_("Reduced"), replace(asked, on_sale=False, page=1)))
    for name, values in asked.options:
        found += [
            Chip(
                f"{option_label(name)}: {local(value)}",
                asked.without_option(name, value),
            )
            for value in values
        ]
    return found


def droppable(asked: Asked) -> list[Chip]:
    """Return all that narrows a list, what is usual for such lists included."""
    usual = [_stock_chip(asked)] if asked.in_stock and asked.is_stock_usual else []
    return chips(asked) + usual


def _stock_chip(asked: Asked) -> Chip:
    return Chip(_("In stock only"), replace(asked, in_stock=False, page=1))


def show_label(count: int, *, is_capped: bool) -> str:
    """Return what the button below the filters says."""
    if is_capped:
        return _("Show more than %(number)s products") % {"number": count}
    text = ngettext("Show %(number)s product", "Show %(number)s products", count)
    return text % {"number": count}


def rating_label(rating: int) -> str:
    return _("%(number)s stars and up") % {"number": rating}


def price_label(lowest: int | None, highest: int | None) -> str:
    """Describe an interval of prices; ``None`` is no bound."""
    if lowest is None:
        return _("Up to %(price)s") % {"price": money(highest)}
    if highest is None:
        return _("From %(price)s") % {"price": money(lowest)}
    return f"{money(lowest)} – {money(highest)}"


def option_label(name: str) -> str:
    """Return an attribute's name as a heading; the common ones are translated."""
    known: Mapping[str, Callable[[], str]] = {
        "colour": lambda: pgettext("attribute", "Colour"),
        "size": lambda: pgettext("attribute", "Size"),
        "material": lambda: pgettext("attribute", "Material"),
    }
    if name in known:
        return known[name]()
    label = local(name)
    return label[:1].upper() + label[1:]


def _categories(asked: Asked, shelf: Shelf | None, facets: Facets) -> list[Choice]:
    chosen = find_shelf(asked.category) if asked.category else None
    inner = chosen or shelf
    shown = []
    for child in inner.children if inner else top_shelves():
        count = sum(facets.categories.get(pk, 0) for pk in child.family)
        if count:
            shown.append(Choice(child.name, count, url=_narrowed(asked, child)))
    return shown


def _narrowed(asked: Asked, shelf: Shelf) -> str:
    # A search stays a search; a list of a category becomes that of another one.
    if asked.text:
        return asked.url(category=shelf.slug)
    query = replace(asked, category="", page=1).query()
    page = reverse("shop:category", args=[shelf.slug])
    return f"{page}?{query}" if query else page


def _category_name(asked: Asked) -> str:
    shelf = find_shelf(asked.category)
    return shelf.name if shelf else asked.category


def _price(asked: Asked, part: PriceRange) -> Choice:
    lowest = part.lowest or None
    # Shoppers' bounds are both included, and whole where the currency's prices are.
    highest = None if part.highest is None else part.highest - 1
    is_on = (asked.lowest, asked.highest) == (lowest, highest)
    changes: dict[str, Any] = {"lowest": lowest, "highest": highest}
    if is_on:
        changes = {"lowest": None, "highest": None}
    label = price_label(lowest, part.highest)
    return Choice(label, part.count, url=asked.url(**changes), is_on=is_on)


def _ratings(asked: Asked, counts: Mapping[int, int]) -> list[Choice]:
    return [
        Choice(
            rating_label(stars),
            counts.get(stars, 0),
            value=str(stars),
            is_on=asked.rating == stars,
        )
        for stars in RATINGS
        if counts.get(stars) or asked.rating == stars
    ]


def _option_groups(
    asked: Asked, counts: Mapping[str, Mapping[str, int]]
) -> Iterator[OptionGroup]:
    chosen = dict(asked.options)
    for number, name in enumerate(sorted({*counts, *chosen})):
        on = chosen.get(name, ())
        values = _common(counts.get(name, {}), on)
        choices = [
            Choice(
                local(value),
                counts.get(name, {}).get(value, 0),
                value=value,
                is_on=value in on,
            )
            for value in values
        ]
        if choices:
            yield OptionGroup(number, OPTION + name, option_label(name), choices)


def _common(counts: Mapping[str, int], on: Iterable[str]) -> list[str]:
    """Return the values with the most products, and those that are on, by name."""
    most = sorted(counts, key=lambda value: (-counts[value], value))[:SHOWN_VALUES]
    return sorted({*most, *on}, key=str.casefold)
