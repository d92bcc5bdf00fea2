"""The demo's products, one file per category, and how they are read."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

from django.utils.text import slugify

from demo.photos import Look

FOLDER = Path(__file__).parent
# Of the full price, in percent: what making or buying a thing costs the shop.
CHEAPEST, DEAREST = 34, 63


@dataclass(frozen=True, slots=True)
class Article:
    """A product of the demo, before it is one of the shop's."""

    sku: str
    name: str
    text: str
    # In minor units; ``was`` is the higher price it is compared with.
    price: int
    was: int | None
    grams: int
    # What is to be left when the demo's story ends.
    stock: int
    # How often it is bought, against 3 for an ordinary product.
    popularity: float
    look: Look
    # The name it shares with its other colours, if there are any.
    group: str | None
    colour: str | None
    # What it is made of, for whom, and the like: names and values.
    facts: tuple[tuple[str, str], ...]

    @property
    def is_made_up(self) -> bool:
        """Whether it is there only because more was wanted than the catalogue has."""
        return "/" in self.sku

    @property
    def model(self) -> str:
        """The SKU that all of its colours share."""
        return self.sku if self.group is None else self.sku.rpartition("-")[0]

    @property
    def options(self) -> dict[str, str]:
        return ({"colour": self.colour} if self.colour else {}) | dict(self.facts)

    @property
    def cost(self) -> int:
        """What one costs the shop in minor units, the same in every colour."""
        share = CHEAPEST + crc32(self.model.encode()) % (DEAREST - CHEAPEST + 1)
        return max(10, (self.was or self.price) * share // 1_000 * 10)

    @property
    def slug(self) -> str:
        return slugify(self.name)

    @property
    def alt(self) -> str:
        return f"{self.name}, on a plain background"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A part of a category."""

    name: str
    slug: str
    articles: tuple[Article, ...]


@dataclass(frozen=True, slots=True)
class Category:
    """A category with its shelves."""

    name: str
    slug: str
    shelves: tuple[Shelf, ...]


@cache
def categories() -> tuple[Category, ...]:
    """Return the whole catalogue in the order of the shop."""
    return tuple(_category(path) for path in sorted(FOLDER.glob("*.toml")))


def articles() -> Iterator[Article]:
    """Yield all products, category by category."""
    for category in categories():
        for shelf in category.shelves:
            yield from shelf.articles


def _category(path: Path) -> Category:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    shelves = tuple(_shelf(entry) for entry in data["shelf"])
    return Category(data["name"], data["slug"], shelves)


def _shelf(data: dict[str, Any]) -> Shelf:
    found = [article for entry in data["product"] for article in _articles(entry)]
    return Shelf(data["name"], data["slug"], tuple(found))


def _articles(entry: dict[str, Any]) -> Iterator[Article]:
    colours = entry.get("colours", [])
    if not colours:
        yield _article(entry, entry["sku"], entry["name"], {})
    for number, colour in enumerate(colours, 1):
        name = f"{entry['name']}, {colour['name'].lower()}"
        article = _article(entry, f"{entry['sku']}-{number}", name, colour)
        # One colour is the favourite.
        yield (
            article
            if number == 1
            else replace(article, popularity=article.popularity / 2)
        )


def _article(
    entry: dict[str, Any], sku: str, name: str, colour: dict[str, Any]
) -> Article:
    look = Look(
        entry["picture"],
        hue=colour.get("hue", 0),
        saturation=colour.get("saturation", 100),
        brightness=colour.get("brightness", 100),
    )
    return Article(
        sku=sku,
        name=name,
        text=entry["text"],
        price=entry["price"],
        was=entry.get("was"),
        grams=entry["grams"],
        stock=colour.get("stock", entry["stock"]),
        popularity=entry.get("popularity", 3),
        look=look,
        group=entry["name"] if colour else None,
        colour=colour.get("name"),
        facts=tuple(entry.get("facts", {}).items()),
    )
