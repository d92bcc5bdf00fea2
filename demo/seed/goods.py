"""What is sold: the catalogue, and made-up relatives of it where that is too small."""

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from random import Random

from demo.catalogue import Article, Category, articles, categories
from demo.catalogue.languages import languages, words
from demo.photos import HEIGHT, WIDTH, Look
from demo.seed.moments import DAY, HOUR, MINUTE, aware
from demo.seed.tables import (
    CATEGORIES,
    GROUPS,
    PHOTOS,
    PHRASES,
    PRICES,
    PRODUCTS,
    TEXTS,
    Writer,
)

# With so few left nobody may give anything back, or the shelf would fill again.
SCARCE = 5
MAKERS = (
    *("Hanul", "Narae", "Dalbit", "Sorak", "Baram", "Areum", "Namu", "Garam", "Miru"),
    *("Onnuri", "Sarang", "Byeol", "Haru", "Jari", "Maru", "Noeul", "Pureun", "Sol"),
    *("Taebaek", "Uri", "Yeoul", "Bora", "Chorok", "Duru", "Eunha", "Gaon", "Hanbit"),
    *("Iseul", "Jinju", "Kkotip", "Moa", "Nuri", "Oreum", "Podo", "Ruri", "Saebyeok"),
)
YOUNGEST, OLDEST = HOUR, 400 * DAY
CHUNK = 5_000


@dataclass(slots=True)
class Goods:
    """The products by place: the first is 0, and its id is ``first_id``."""

    first_id: int
    skus: list[str]
    names: list[str]
    prices: "array[int]"
    # In grams.
    weights: "array[int]"
    # What is to be left of each when the story ends.
    targets: "array[int]"
    # The popularities added up, for drawing.
    chances: "array[float]"

    def __len__(self) -> int:
        return len(self.skus)

    def is_scarce(self, place: int) -> bool:
        return self.targets[place] <= SCARCE


def assortment(count: int | None, rng: Random) -> Iterator[Article]:
    """Yield ``count`` articles: some of the catalogue, or more than it has."""
    known = list(articles())
    count = len(known) if count is None else count
    if count <= len(known):
        # Evenly spread, so that each category keeps its part.
        yield from (known[place * len(known) // count] for place in range(count))
        return
    yield from known
    for number in range(count - len(known)):
        yield _relative(known[number % len(known)], number, rng)


def stock_shop(
    writer: Writer, wanted: int | None, rng: Random, *, opening: int
) -> Goods:
    """Write categories and products, ids from 1 on; return what can be bought."""
    shelf_ids = _write_categories(writer, categories())
    _write_phrases(writer)
    groups: dict[str, int] = {}
    goods = Goods(1, [], [], array("q"), array("q"), array("q"), array("d"))
    popularities: list[float] = []
    for article in assortment(wanted, rng):
        _write_product(writer, article, goods, shelf_ids, groups, rng, opening)
        popularities.append(article.popularity)
        if len(goods) % CHUNK == 0:
            writer.flush()
    goods.chances = array("d", accumulate(popularities))
    writer.flush()
    return goods


def looks_of(wanted: int | None) -> list[Look]:
    """Return the photos that these many products need."""
    known = list(articles())
    count = len(known) if wanted is None else min(wanted, len(known))
    looks = {known[place * len(known) // count].look for place in range(count)}
    return sorted(looks, key=repr)


def _write_categories(writer: Writer, shown: tuple[Category, ...]) -> dict[str, int]:
    """Return the id of the shelf of each catalogue SKU."""
    shelf_ids: dict[str, int] = {}
    number = len(shown)
    for place, category in enumerate(shown, 1):
        writer.add(CATEGORIES, (place, None, category.name, category.slug, place))
    for parent, category in enumerate(shown, 1):
        for position, shelf in enumerate(category.shelves, 1):
            number += 1
            row = (number, parent, shelf.name, shelf.slug, position)
            writer.add(CATEGORIES, row)
            shelf_ids |= {article.sku: number for article in shelf.articles}
    return shelf_ids


def _write_product(
    writer: Writer,
    article: Article,
    goods: Goods,
    shelf_ids: dict[str, int],
    groups: dict[str, int],
    rng: Random,
    opening: int,
) -> None:
    number = goods.first_id + len(goods)
    listed = aware(opening - rng.randrange(YOUNGEST, OLDEST))
    writer.add(
        PRODUCTS,
        (
            number,
            article.sku,
            article.slug,
            article.name,
            article.text,
            article.price,
            article.was,
            article.cost,
            shelf_ids[article.sku.partition("/")[0]],
            _group(writer, groups, article.group),
            json.dumps(article.options),
            article.grams,
            listed,
            0,
            1,
            listed,
        ),
    )
    if article.was is not None:
        # Before anybody could buy it for more.
        reduced = aware(opening - MINUTE)
        row = (number, article.was, article.price, "opening prices", reduced)
        writer.add(PRICES, row)
    photo = (article.look.name, WIDTH, HEIGHT, article.alt, 0)
    writer.add(PHOTOS, (number, *photo))
    _write_texts(writer, number, article)
    goods.skus.append(article.sku)
    goods.names.append(article.name)
    goods.prices.append(article.price)
    goods.weights.append(article.grams)
    goods.targets.append(article.stock)


def _write_texts(writer: Writer, number: int, article: Article) -> None:
    if article.is_made_up:
        return
    for language in languages():
        said = words(language)
        row = (number, language, said.name(article), said.text(article))
        writer.add(TEXTS, row)


def _write_phrases(writer: Writer) -> None:
    for language in languages():
        for source, text in words(language).phrases.items():
            writer.add(PHRASES, (source, language, text))


def _group(writer: Writer, groups: dict[str, int], name: str | None) -> int | None:
    if name is None:
        return None
    if name not in groups:
        groups[name] = len(groups) + 1
        writer.add(GROUPS, (groups[name], name))
    return groups[name]


def _relative(article: Article, number: int, rng: Random) -> Article:
    """Make up another product of the same kind: maker, series, price and stock."""
    maker = MAKERS[number // 7 % len(MAKERS)]
    name = f"{maker} {article.name[0].lower()}{article.name[1:]}, series {number + 1}"
    return replace(
        article,
        sku=f"{article.sku}/{number + 1:06}",
        name=name,
        price=max(500, article.price * rng.randrange(60, 160) // 10_000 * 100),
        was=None,
        stock=0 if rng.random() < 0.02 else rng.randrange(20, 400),  # noqa: PLR2004
        # A long tail: many sell now and then, none as the catalogue's best.
        popularity=min(20, rng.paretovariate(1.3)) / 4,
        group=None,
        colour=None,
        facts=(),
    )
