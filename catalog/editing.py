"""Entering products and changing what is said of them: facts, texts, photos, prices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.functions import TransactionNow as Now
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.text import slugify

from catalog import services as catalog
from catalog.errors import (
    CompareAtPriceInvalid,
    PhotosIncomplete,
    ProductPhotoNotFound,
    ShelfNotFound,
    SkuTaken,
    TooManyProductPhotos,
)
from catalog.models import Category, Product, ProductGroup, ProductPhoto, ProductText
from common.db import requires_transaction, use_case, violates
from common.pictures import PictureSet

# What staff write; the price has a history and is set apart.
FACTS = (
    "sku",
    "slug",
    "name",
    "description",
    "category_id",
    "group_id",
    "options",
    "weight_grams",
    "cost",
)
MAX_PHOTOS = 20
LONGEST_SLUG = 200


@dataclass(frozen=True, slots=True)
class LocalText:
    """A product's name and description in a language that is not the shop's."""

    name: str
    description: str = ""


Texts = Mapping[str, LocalText | None]


@dataclass(frozen=True, slots=True)
class Arranged:
    """A photo in its place, with its words; ``None`` leaves them as they are."""

    photo_id: int
    alt: str | None = None


@use_case
def create(
    *,
    facts: Mapping[str, Any],
    price: int,
    compare_at_price: int | None,
    texts: Texts,
    is_published: bool,
) -> Product:
    """Enter a product, by default as a draft; prices are in minor units.

    ``facts`` are some of ``FACTS``, SKU, name and category among them. Raises
    ``SkuTaken``, ``ShelfNotFound`` or ``CompareAtPriceInvalid``.
    """
    check_prices(price, compare_at_price)
    check_shelves([facts])
    product = Product(
        price=price,
        compare_at_price=compare_at_price,
        published_at=Now() if is_published else None,
        **facts,
    )
    if not product.slug:
        product.slug = slug_of(product)
    _save(product)
    _write_texts(product, texts)
    product.refresh_from_db()
    catalog.announce(product)
    return product


@use_case
def change(
    *,
    product_id: int,
    facts: Mapping[str, Any],
    texts: Texts,
    is_published: bool | None = None,
) -> Product:
    """Change some of a product's ``FACTS`` and texts; a text of ``None`` is removed.

    Raises ``ProductNotFound``, ``SkuTaken`` or ``ShelfNotFound``. Nothing to change
    changes nothing, and nobody is told.
    """
    product = catalog.lock(product_id)
    check_shelves([facts])
    changed = {
        name: value for name, value in facts.items() if getattr(product, name) != value
    }
    if is_published is not None and is_published != (product.published_at is not None):
        changed["published_at"] = Now() if is_published else None
        if is_published:
            changed["archived_at"] = None
    for name, value in changed.items():
        setattr(product, name, value)
    if changed:
        _save(product, fields=[*changed])
    if _write_texts(product, texts) or changed:
        product.refresh_from_db()
        catalog.announce(product)
    return product


@use_case
def archive(*, product_id: int) -> bool:
    """Take a product off sale for good; orders keep their copy of it.

    Returns whether anything changed: doing so twice is fine. Raises
    ``ProductNotFound``.
    """
    product = catalog.lock(product_id)
    if product.archived_at is not None:
        return False
    product.published_at, product.archived_at = None, Now()
    product.save(update_fields=["published_at", "archived_at"])
    catalog.announce(product)
    return True


@use_case
def set_price(
    *,
    product_id: int,
    price: int,
    compare_at_price: int | None,
    cause: str,
    actor_id: int | None,
) -> Product:
    """Set the price, and the one it is compared with, both in minor units.

    The same prices change nothing. Raises ``ProductNotFound`` or
    ``CompareAtPriceInvalid``.
    """
    check_prices(price, compare_at_price)
    product = catalog.lock(product_id)
    if product.price != price:
        product = catalog.change_price(
            product_id=product_id, price=price, cause=cause, actor_id=actor_id
        )
    if product.compare_at_price != compare_at_price:
        product.compare_at_price = compare_at_price
        product.save(update_fields=["compare_at_price"])
        catalog.announce(product)
    return product


@use_case
def add_photo(*, product_id: int, taken: PictureSet, alt: str) -> ProductPhoto:
    """Show a picture, whose files are kept already, after the others of a product.

    The same picture again is the one that is there. Raises ``ProductNotFound`` or
    ``TooManyProductPhotos``.
    """
    product = catalog.lock(product_id)
    same = product.photos.filter(image=taken.name).first()
    if same is not None:
        return same
    if product.photos.count() >= MAX_PHOTOS:
        raise TooManyProductPhotos(limit=MAX_PHOTOS)
    last = product.photos.aggregate(last=Max("position"))["last"]
    photo = ProductPhoto.objects.create(
        product=product,
        image=taken.name,
        width=taken.width,
        height=taken.height,
        alt=alt,
        position=0 if last is None else last + 1,
    )
    catalog.changed(product_id=product_id)
    return photo


@use_case
def remove_photo(*, product_id: int, photo_id: int) -> None:
    """Show a photo no longer; one that is not there any more is fine.

    Its files stay: another product may show the same picture.
    """
    product = catalog.lock(product_id)
    if product.photos.filter(pk=photo_id).delete()[0]:
        catalog.changed(product_id=product_id)


@use_case
def arrange_photos(*, product_id: int, photos: Sequence[Arranged]) -> None:
    """Put all photos of a product into an order, and give them words.

    Raises ``ProductNotFound``, ``ProductPhotoNotFound`` or ``PhotosIncomplete``.
    """
    product = catalog.lock(product_id)
    own = {photo.pk: photo for photo in product.photos.all()}
    asked = [photo.photo_id for photo in photos]
    if set(asked) - set(own):
        raise ProductPhotoNotFound
    if sorted(asked) != sorted(own):
        raise PhotosIncomplete(sorted(own))
    for place, wish in enumerate(photos):
        photo = own[wish.photo_id]
        photo.position = place
        photo.alt = photo.alt if wish.alt is None else wish.alt
        photo.save(update_fields=["position", "alt"])
    catalog.changed(product_id=product_id)


def check_prices(price: int, compare_at_price: int | None) -> None:
    """Raise ``CompareAtPriceInvalid`` for a reduced price that is no lower."""
    if compare_at_price is not None and compare_at_price <= price:
        raise CompareAtPriceInvalid(price=price)


def check_shelves(many: Iterable[Mapping[str, Any]]) -> None:
    """Raise ``ShelfNotFound`` if facts name a category or group that is not there."""
    facts = list(many)
    for name, shelves in (
        ("category_id", Category.objects.all()),
        ("group_id", ProductGroup.objects.all()),
    ):
        wanted = {own[name] for own in facts if own.get(name) is not None}
        if wanted and shelves.filter(pk__in=wanted).count() < len(wanted):
            raise ShelfNotFound


def slug_of(product: Product) -> str:
    """Return the slug that follows from a product's name, or else its SKU."""
    named = slugify(product.name, allow_unicode=True)[:LONGEST_SLUG].strip("-")
    return named or slugify(product.sku, allow_unicode=True) or "product"


def _save(product: Product, fields: Sequence[str] | None = None) -> None:
    try:
        with transaction.atomic():
            product.save(update_fields=fields)
    except IntegrityError as error:
        if violates(error, "catalog_product_sku_key"):
            raise SkuTaken from None
        raise


@requires_transaction
def _write_texts(product: Product, texts: Texts) -> bool:
    """Write what differs; return whether anything did."""
    is_changed = False
    own = {text.language: text for text in product.texts.all()}
    for language, wish in texts.items():
        text = own.get(language)
        if wish is None:
            if text is not None:
                text.delete()
                is_changed = True
            continue
        if text is None:
            text = ProductText(product=product, language=language)
        elif (text.name, text.description) == (wish.name, wish.description):
            continue
        text.name, text.description = wish.name, wish.description
        text.save()
        is_changed = True
    return is_changed
