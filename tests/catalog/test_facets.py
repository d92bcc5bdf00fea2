"""Facets against counting by hand."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from django.utils import timezone

from catalog.models import Product
from catalog.search import Asked, Facets, Sort, find
from tests.factories import CategoryFactory, ProductFactory

pytestmark = pytest.mark.django_db
Check = Callable[[dict[str, Any]], bool]
PUBLISHED = timezone.now() - timedelta(days=1)
COLOURS, SIZES = ("red", "blue", "green"), ("S", "M", "42")


@pytest.fixture
def shop() -> list[dict[str, Any]]:
    """Eighty products of all kinds, as plain rows."""
    rng = Random(7)
    shelves = CategoryFactory.create_batch(4)
    for _ in range(80):
        price = rng.randrange(100, 60_000)
        options: dict[str, Any] = {}
        if rng.random() < 0.7:
            options["colour"] = rng.choice(COLOURS)
        if rng.random() < 0.5:
            size = rng.choice(SIZES)
            options["size"] = int(size) if size.isdigit() else size
        ProductFactory.create(
            name=rng.choice(["Lamp", "Desk lamp", "Chair"]),
            category=rng.choice(shelves),
            price=price,
            compare_at_price=price + 10 if rng.random() < 0.3 else None,
            rating_average=rng.choice([None, 1.5, 3, 3.99, 4, 5]),
            options=options,
            published_at=None if rng.random() < 0.1 else PUBLISHED,
            stock_on_hand=rng.choice([0, 3]),
        )
    return [
        {
            "id": product.pk,
            "name": product.name,
            "category": product.category_id,
            "price": product.price,
            "rating": product.rating_average,
            "in_stock": (getattr(product, "available", None) or 0) > 0,
            "on_sale": product.compare_at_price is not None,
            "options": product.options,
        }
        for product in Product.objects.on_sale().with_available()
    ]


def random_wishes(rng: Random, shelves: list[int]) -> Asked:
    return Asked(
        text=rng.choice(["", "lamp", "chair"]),
        category_ids=frozenset(rng.sample(shelves, rng.choice([0, 1, 2]))),
        price_min=rng.choice([None, 1_000, 20_000]),
        price_max=rng.choice([None, 30_000]),
        rating_min=rng.choice([None, 3, 4]),
        in_stock=rng.random() < 0.3,
        on_sale=rng.random() < 0.3,
        attributes={
            key: tuple(rng.sample(values, 2))
            for key, values in (("colour", COLOURS), ("size", SIZES))
            if rng.random() < 0.3
        },
        sort=rng.choice(list(Sort)),
        limit=100,
    )


def checks(asked: Asked) -> dict[str, Check]:
    low, high = asked.price_min or 0, asked.price_max or 10**9
    found: dict[str, Check] = {
        "text": lambda row: asked.text in row["name"].casefold(),
        "category": lambda row: (
            not asked.category_ids or row["category"] in asked.category_ids
        ),
        "price": lambda row: low <= row["price"] <= high,
        "rating": lambda row: (
            asked.rating_min is None or (row["rating"] or 0) >= asked.rating_min
        ),
        "in_stock": lambda row: row["in_stock"] or not asked.in_stock,
        "on_sale": lambda row: row["on_sale"] or not asked.on_sale,
    }
    for key, values in asked.attributes.items():
        found[key] = lambda row, key=key, values=values: (  # type: ignore[misc]
            str(row["options"].get(key)) in values
        )
    return found


def hits(
    rows: Iterable[dict[str, Any]], asked: Asked, *, but: str = ""
) -> list[dict[str, Any]]:
    wanted = [check for name, check in checks(asked).items() if name != but]
    return [row for row in rows if all(check(row) for check in wanted)]


def assert_counted(facets: Facets, rows: list[dict[str, Any]], asked: Asked) -> None:
    shelves = Counter(row["category"] for row in hits(rows, asked, but="category"))
    assert facets.categories == shelves
    rated = [row["rating"] or 0 for row in hits(rows, asked, but="rating")]
    assert facets.ratings == {n: sum(r >= n for r in rated) for n in (4, 3, 2, 1)}
    stocked = hits(rows, asked, but="in_stock")
    assert facets.in_stock == sum(row["in_stock"] for row in stocked)
    assert facets.on_sale == sum(
        row["on_sale"] for row in hits(rows, asked, but="on_sale")
    )
    priced = [row["price"] for row in hits(rows, asked, but="price")]
    for one in facets.prices:
        highest = one.highest or 10**12
        assert one.count == sum(one.lowest <= price < highest for price in priced)
    assert sum(one.count for one in facets.prices) == len(priced)
    for key in ("colour", "size"):
        values = Counter(
            str(row["options"][key])
            for row in hits(rows, asked, but=key)
            if key in row["options"]
        )
        assert facets.attributes.get(key, {}) == values


def test_every_count_is_that_of_counting_by_hand(shop: list[dict[str, Any]]) -> None:
    rng = Random(11)
    shelves = sorted({row["category"] for row in shop})
    for _ in range(60):
        asked = random_wishes(rng, shelves)

        found = find(asked)

        wanted = hits(shop, asked)
        assert set(found.product_ids) == {row["id"] for row in wanted}, asked
        assert (found.count, found.is_capped) == (len(wanted), False)
        assert found.facets is not None
        assert_counted(found.facets, shop, asked)


def test_ranges_of_prices_are_few_and_begin_at_round_numbers() -> None:
    for price in (150, 180, 900, 4_000, 4_100, 7_000, 90_000):
        ProductFactory.create(price=price)

    facets = find(Asked()).facets

    assert facets is not None
    assert [(one.lowest, one.highest, one.count) for one in facets.prices] == [
        (100, 200, 2),
        (500, 5_000, 3),
        (5_000, 100_000, 2),
    ]


def test_facets_of_nothing_are_empty() -> None:
    facets = find(Asked(text="lamp")).facets

    assert facets is not None
    assert (facets.prices, facets.in_stock, facets.attributes) == ((), 0, {})
    assert facets.categories == {}
