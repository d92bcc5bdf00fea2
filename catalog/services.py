"""The only code that changes products after they were entered."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils import timezone

from catalog.errors import PriceInvalid, ProductNotFound
from catalog.models import PriceChange, Product
from common.db import requires_transaction, run, use_case
from outbox import services as outbox

_SET_POPULARITY = """
    WITH given AS (
        SELECT id, score
          FROM unnest(%(ids)s::bigint[], %(scores)s::float8[]) AS score (id, score)
          JOIN catalog_product AS product USING (id)
         WHERE score > 0 AND score < 'infinity'
    ), gone AS (
        DELETE FROM catalog_popularity AS kept
         WHERE NOT EXISTS (SELECT FROM given WHERE given.id = kept.product_id)
     RETURNING product_id
    ), written AS (
        INSERT INTO catalog_popularity AS kept (product_id, score)
        SELECT id, score FROM given ORDER BY id
            ON CONFLICT (product_id) DO UPDATE SET score = excluded.score
         WHERE kept.score <> excluded.score
     RETURNING product_id
    )
    SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM written)
"""

_SET_PRICES = """
    UPDATE catalog_product AS product
       SET price = fresh.price, compare_at_price = fresh.before
      FROM unnest(%(ids)s::bigint[], %(prices)s::bigint[], %(befores)s::bigint[])
           AS fresh (id, price, before)
     WHERE product.id = fresh.id
 RETURNING product.id, product.version
"""
# A statement with more of them could take longer than a page has time for.
CHUNK = 500
_LONG = ("description", "other_names", "other_descriptions", "search")


@use_case
def change_price(
    *, product_id: int, price: int, cause: str, actor_id: int | None
) -> Product:
    """Set a new price in minor units, and keep the old one in the history.

    A compare-at price that is no longer above it is dropped.
    """
    product = Product.objects.select_for_update(no_key=True).get(pk=product_id)
    if price <= 0 or price == product.price:
        raise PriceInvalid
    PriceChange.objects.create(
        product=product,
        old_price=product.price,
        new_price=price,
        cause=cause,
        actor_id=actor_id,
    )
    old_price, product.price = product.price, price
    if product.compare_at_price is not None and product.compare_at_price <= price:
        product.compare_at_price = None
    product.save(update_fields=["price", "compare_at_price"])
    announce(product)
    outbox.publish(
        topic="product.price_changed",
        aggregate=f"product/{product.pk}",
        payload=_price_facts(product, old_price),
    )
    return product


@requires_transaction
def lock_many(product_ids: Iterable[int]) -> dict[int, Product]:
    """Lock products by id, in that order; those that are not there are left out.

    Their long texts are not read.
    """
    products = Product.objects.select_for_update(no_key=True).defer(*_LONG)
    found = products.filter(pk__in=list(product_ids)).order_by("pk")
    return {product.pk: product for product in found}


@requires_transaction
def change_prices(
    prices: Sequence[tuple[Product, int, int | None]],
    *,
    cause: str,
    actor_id: int | None,
) -> list[PriceChange]:
    """Set prices of locked products, as ``change_price`` does one, in few statements.

    Each is the product, its new price and the one to compare it with or ``None``, in
    minor units. Returns the rows of the history, in the same order; others are told.
    """
    if any(new <= 0 or new == product.price for product, new, _before in prices):
        raise PriceInvalid
    changes = PriceChange.objects.bulk_create(
        PriceChange(
            product=product,
            old_price=product.price,
            new_price=new,
            cause=cause,
            actor_id=actor_id,
        )
        for product, new, _before in prices
    )
    for start in range(0, len(prices), CHUNK):
        _set_prices(prices[start : start + CHUNK])
    return changes


@use_case
def rename(*, product_id: int, name: str) -> Product:
    """Give a product another name; orders keep the one it had."""
    product = Product.objects.select_for_update(no_key=True).get(pk=product_id)
    if name != product.name:
        product.name = name
        product.save(update_fields=["name"])
        announce(product)
    return product


@use_case
def publish(*, product_id: int) -> Product:
    """Put a product on sale from now on."""
    product = Product.objects.select_for_update(no_key=True).get(pk=product_id)
    if product.published_at is None:
        product.published_at, product.archived_at = timezone.now(), None
        product.save(update_fields=["published_at", "archived_at"])
        announce(product)
    return product


@use_case
def unpublish(*, product_id: int) -> Product:
    """Take a product off sale; carts show it as gone, orders keep their copy."""
    product = Product.objects.select_for_update(no_key=True).get(pk=product_id)
    if product.published_at is not None:
        product.published_at = None
        product.save(update_fields=["published_at"])
        announce(product)
    return product


@use_case
def changed(*, product_id: int) -> None:
    """Say that something around a product (a photo, say) changed."""
    product = Product.objects.select_for_update(no_key=True).get(pk=product_id)
    # Any update raises the version, and with it every key of the cache.
    product.save(update_fields=["name"])
    announce(product)


@requires_transaction
def lock(product_id: int) -> Product:
    """Lock a product, on sale or not; raise ``ProductNotFound``."""
    products = Product.objects.select_for_update(no_key=True).filter(pk=product_id)
    product = products.first()
    if product is None:
        raise ProductNotFound
    return product


@requires_transaction
def set_rating(product: Product, *, average: Decimal | None, count: int) -> None:
    """Show what buyers of a locked product think; ``None`` while nobody says anything.

    Cards show it, so they are told, but only if it is another one than before.
    """
    if (product.rating_average, product.rating_count) == (average, count):
        return
    product.rating_average, product.rating_count = average, count
    product.save(update_fields=["rating_average", "rating_count"])
    announce(product)


@use_case
def set_popularity(scores: Mapping[int, float]) -> int:
    """Replace how popular all products are; return how many rows changed.

    ``scores`` are positive and finite, by product id, on any scale that grows with
    demand; others count as none, and so do products that are not named. Products
    themselves are not touched, so no card is made anew.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _SET_POPULARITY,
            {"ids": list(scores), "scores": list(scores.values())},
        )
        return int(cursor.fetchall()[0][0])


@requires_transaction
def announce(product: Product) -> None:
    """Tell others what a locked product is now, with the version it has got."""
    product.refresh_from_db(fields=["version"])
    outbox.publish(
        topic="product.changed",
        aggregate=f"product/{product.pk}",
        payload=facts(product),
    )


def _set_prices(prices: Sequence[tuple[Product, int, int | None]]) -> None:
    params = {
        "ids": [product.pk for product, _new, _before in prices],
        "prices": [new for _product, new, _before in prices],
        "befores": [before for _product, _new, before in prices],
    }
    versions = dict(run(_SET_PRICES, params).rows())
    old_prices = {product.pk: product.price for product, _new, _before in prices}
    for product, new, before in prices:
        product.price, product.compare_at_price = new, before
        product.version = versions[product.pk]
    products = {f"product/{one.pk}": one for one, _new, _before in prices}
    outbox.publish_many(
        topic="product.changed",
        payloads={name: facts(product) for name, product in products.items()},
    )
    outbox.publish_many(
        topic="product.price_changed",
        payloads={
            name: _price_facts(product, old_prices[product.pk])
            for name, product in products.items()
        },
    )


def _price_facts(product: Product, old_price: int) -> dict[str, Any]:
    return {
        "product_id": product.pk,
        "product_name": product.name,
        "product_slug": product.slug,
        "price": product.price,
        "old_price": old_price,
        "is_on_sale": product.published_at is not None,
    }


def facts(product: Product) -> dict[str, Any]:
    """Return what others are told of a product; its price is in minor units."""
    return {
        "product_id": product.pk,
        "sku": product.sku,
        "name": product.name,
        "price": product.price,
        "is_on_sale": product.published_at is not None,
        "version": product.version,
    }
