"""What a search adds to a list of products: facets, corrections, attributes."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TypedDict

from rest_framework import serializers

from api.shapes import MoneyJson, money, money_or_none
from catalog.models import Category
from catalog.search import Correction, Facets, Found
from catalog.texts import local

# More keys or values than a form of filters shows.
MOST_KEYS, MOST_VALUES = 8, 20


class CorrectionJson(TypedDict):
    """There was nothing of what was typed; this was looked for instead."""

    typed: str
    used: str


class CategoryFacetJson(TypedDict):
    """Hits on a shelf and on those in it."""

    id: int
    name: str
    slug: str
    count: int


class PriceFacetJson(TypedDict):
    """Hits with a price in a range; both ends can be sent back as they are."""

    price_min: MoneyJson
    price_max: MoneyJson | None
    count: int


class RatingFacetJson(TypedDict):
    """Hits that are rated so or better."""

    rating_min: int
    count: int


class ValueFacetJson(TypedDict):
    """Hits with a value of an attribute."""

    value: str
    count: int


class AttributeFacetJson(TypedDict):
    """The values of an attribute, the most frequent first."""

    key: str
    values: list[ValueFacetJson]


class FacetsJson(TypedDict):
    """How many hits each filter would leave; its own present value does not count.

    ``count`` is how many hits there are, or just the most that are listed.
    """

    count: int
    is_capped: bool
    categories: list[CategoryFacetJson]
    prices: list[PriceFacetJson]
    ratings: list[RatingFacetJson]
    in_stock: int
    on_sale: int
    attributes: list[AttributeFacetJson]


class AttributesField(serializers.CharField):
    """``key:value,value;key:value``, as it stands in an address."""

    default_error_messages = {
        "format": "Write this as key:value,value;key:value.",
        "many": "These are too many.",
    }

    def to_internal_value(self, data: Any) -> Any:
        text: str = super().to_internal_value(data)
        found: dict[str, tuple[str, ...]] = {}
        for part in text.split(";"):
            key, _, values = (piece.strip() for piece in part.partition(":"))
            chosen = tuple(value.strip() for value in values.split(","))
            if not key or not all(chosen) or key in found:
                self.fail("format")
            found[key] = chosen
        if len(found) > MOST_KEYS or any(
            len(values) > MOST_VALUES for values in found.values()
        ):
            self.fail("many")
        return found


def correction_json(correction: Correction | None) -> CorrectionJson | None:
    """Show what was looked for instead of what was typed."""
    if correction is None:
        return None
    return {"typed": correction.typed, "used": correction.used}


def facets_json(found: Found) -> FacetsJson:
    """Show the facets of hits that come with them; reads the categories."""
    facets = found.facets
    assert facets is not None  # noqa: S101 — the caller has asked for them
    return {
        "count": found.count,
        "is_capped": found.is_capped,
        "categories": list(_categories(facets.categories)),
        "prices": [
            {
                "price_min": money(one.lowest),
                "price_max": money_or_none(one.highest and one.highest - 1),
                "count": one.count,
            }
            for one in facets.prices
        ],
        "ratings": [
            {"rating_min": rating, "count": hits}
            for rating, hits in facets.ratings.items()
        ],
        "in_stock": facets.in_stock,
        "on_sale": facets.on_sale,
        "attributes": _attributes(facets),
    }


def _attributes(facets: Facets) -> list[AttributeFacetJson]:
    return [
        {
            "key": key,
            "values": [{"value": value, "count": n} for value, n in values.items()],
        }
        for key, values in facets.attributes.items()
    ]


def _categories(hits: Mapping[int, int]) -> Iterator[CategoryFacetJson]:
    rows = Category.objects.order_by("position", "id").values_list(
        "id", "parent_id", "name", "slug"
    )
    parents = {category_id: parent_id for category_id, parent_id, *_ in rows}
    counts: Counter[int] = Counter()
    for category_id, count in hits.items():
        above: int | None = category_id
        while above is not None:
            counts[above] += count
            above = parents.get(above)
    for category_id, _parent_id, name, slug in rows:
        if count := counts[category_id]:
            yield {
                "id": category_id,
                "name": local(name),
                "slug": slug,
                "count": count,
            }
