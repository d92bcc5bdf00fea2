"""Many products at once, as a file has them: each as ``editing`` would write it.

All succeed, or none: whoever calls can do them one by one then, to learn which it was.
Lock order: products by id.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.functions import TransactionNow as Now

from catalog import services as catalog
from catalog.editing import check_prices, check_shelves, slug_of
from catalog.errors import ProductNotFound
from catalog.models import Product
from common.db import requires_transaction, run
from outbox import services as outbox

# The types of ``editing.FACTS``, and of what is said besides them.
_TYPES = {
    "sku": "text",
    "slug": "text",
    "name": "text",
    "description": "text",
    "category_id": "bigint",
    "group_id": "bigint",
    "options": "jsonb",
    "weight_grams": "int",
    "cost": "bigint",
}
_ON_SALE = {
    "published_at": """CASE WHEN fresh.is_published
           THEN coalesce(product.published_at, now())
           WHEN NOT fresh.is_published THEN NULL ELSE product.published_at END""",
    "archived_at": """CASE WHEN fresh.is_published AND product.published_at IS NULL
           THEN NULL ELSE product.archived_at END""",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """Some of ``editing.FACTS``, and whether it is on sale; ``None`` leaves that."""

    facts: Mapping[str, Any]
    is_published: bool | None = None


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product to enter; prices are in minor units."""

    facts: Mapping[str, Any]
    price: int
    compare_at_price: int | None
    is_published: bool


@requires_transaction
def create_many(entries: Sequence[NewProduct]) -> list[Product]:
    """Enter products as ``editing.create`` does one; raises what that does.

    A SKU that is taken is an ``IntegrityError`` here.
    """
    check_shelves(entry.facts for entry in entries)
    made = Product.objects.bulk_create(_new(entry) for entry in entries)
    _announce(made)
    return made


@requires_transaction
def change_many(wishes: Mapping[int, Facts]) -> dict[int, Product]:
    """Change products by id, as ``editing.change`` does one; raises what that does."""
    check_shelves(wish.facts for wish in wishes.values())
    products = _lock(wishes)
    fields: set[str] = set()
    moved = {}
    for pk, wish in wishes.items():
        if pk not in products:
            raise ProductNotFound
        if changed := _apply(products[pk], wish):
            fields |= changed
            moved[products[pk]] = wish
    if moved:
        _update(moved, sorted(fields))
        _announce([*moved])
    return products


def _new(entry: NewProduct) -> Product:
    check_prices(entry.price, entry.compare_at_price)
    product = Product(
        price=entry.price,
        compare_at_price=entry.compare_at_price,
        published_at=Now() if entry.is_published else None,
        **entry.facts,
    )
    if not product.slug:
        product.slug = slug_of(product)
    return product


def _apply(product: Product, wish: Facts) -> set[str]:
    """Set what differs; return the names of the columns."""
    changed = {
        name: value
        for name, value in wish.facts.items()
        if getattr(product, name) != value
    }
    for name, value in changed.items():
        setattr(product, name, value)
    is_on_sale = product.published_at is not None
    is_moved = wish.is_published is not None and wish.is_published != is_on_sale
    return {*changed, *(_ON_SALE if is_moved else ())}


def _update(wishes: Mapping[Product, Facts], fields: Sequence[str]) -> None:
    """Write columns of locked products; the others would be made anew in vain."""
    facts = [name for name in fields if name in _TYPES]
    values = {name: f"fresh.{name}" for name in facts} | {
        name: value for name, value in _ON_SALE.items() if name in fields
    }
    sql = f"""
        UPDATE catalog_product AS product
           SET {", ".join(f"{name} = {value}" for name, value in values.items())}
          FROM jsonb_to_recordset(%(rows)s::jsonb) AS fresh (id bigint,
               {"".join(f"{name} {_TYPES[name]}, " for name in facts)}
               is_published boolean)
         WHERE product.id = fresh.id
     RETURNING product.id, product.published_at
    """  # noqa: S608 — only names of ours are formatted in
    rows = [
        {name: getattr(product, name) for name in facts}
        | {"id": product.pk, "is_published": wish.is_published}
        for product, wish in wishes.items()
    ]
    published = dict(run(sql, {"rows": json.dumps(rows)}).rows())
    for product in wishes:
        product.published_at = published[product.pk]


def _lock(product_ids: Iterable[int]) -> dict[int, Product]:
    products = Product.objects.select_for_update(no_key=True).order_by("pk")
    short = products.defer("search", "other_names", "other_descriptions")
    return {product.pk: product for product in short.filter(pk__in=[*product_ids])}


def _announce(products: Sequence[Product]) -> None:
    own = Product.objects.filter(pk__in=[product.pk for product in products])
    versions = dict(own.values_list("pk", "version"))
    for product in products:
        product.version = versions[product.pk]
    outbox.publish_many(
        topic="product.changed",
        payloads={f"product/{one.pk}": catalog.facts(one) for one in products},
    )
