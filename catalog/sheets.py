"""Products and prices as tables: out, and in again through the services."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from catalog import editing, revisions
from catalog.bulk import Facts, NewProduct, change_many, create_many
from catalog.models import Category, Product
from catalog.price_rules import NewPrice
from common import audit
from common.errors import DomainError
from common.importing import (
    Amount,
    Job,
    Row,
    SheetImport,
    Whole,
    YesNo,
    column,
    shown,
)

PUBLISHED = "is_published"
# Columns that are facts of a product, by the name of the fact.
FACTS = {
    "name": "name",
    "slug": "slug",
    "description": "description",
    "weight_grams": "weight_grams",
    "cost": "cost",
}
LONGEST = {"sku": 40, "name": 200, "slug": 200, "description": 20_000}


class ProductSheet(SheetImport):
    """What is said of products; a SKU that is new here is entered as a product."""

    creates = True
    # Texts that searches find them by are made anew with each row.
    most_rows = 2_000

    sku = column("sku")
    name = column("name")
    slug = column("slug")
    category = column("category", reads="category_slug")
    description = column("description")
    weight_grams = column("weight_grams", Whole())
    is_published = column(PUBLISHED, YesNo())
    # Of a product that is new; others have a history of prices.
    price = column("price", Amount())
    compare_at_price = column("compare_at_price", Amount())
    cost = column("cost", Amount())
    rating = shown("rating", reads="rating_average")
    reviews = shown("reviews", reads="rating_count")
    created_at = shown("created_at")

    class Meta(SheetImport.Meta):
        model = Product
        fields = (
            *("sku", "name", "slug", "category", "description", "weight_grams"),
            *("is_published", "price", "compare_at_price", "cost"),
            *("rating", "reviews", "created_at"),
        )

    def get_queryset(self) -> QuerySet[Product]:
        return _products().select_related("category")

    def dehydrate_category(self, product: Product) -> str:
        return product.category.slug

    def dehydrate_is_published(self, product: Product) -> bool:
        return product.published_at is not None

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        super().before_import(dataset, **kwargs)
        self._shelves = dict(Category.objects.values_list("slug", "pk"))

    def after_init_instance(
        self,
        instance: Any,
        new: bool,
        row: dict[str, str],
        **kwargs: Any,
    ) -> None:
        # Neither is a field of the model: what it is now, under the column's name.
        instance.category_slug = "" if new else instance.category.slug
        instance.is_published = not new and instance.published_at is not None
        super().after_init_instance(instance, new, row, **kwargs)

    def check(self, thing: Any) -> None:
        wrong: dict[str, Any] = {}
        changes = self.changed(thing)
        for name, most in LONGEST.items():
            if len(str(changes.get(name, ""))) > most:
                wrong[name] = _("This is too long.")
        if "slug" in changes:
            wrong |= _wrong_slug(changes["slug"])
        if "category" in changes and changes["category"] not in self._shelves:
            wrong["category"] = _("There is no category with this slug.")
        for name in ("weight_grams", "cost"):
            if changes.get(name, 0) < 0:
                wrong[name] = _("This must not be below zero.")
        wrong |= self._wrong_prices(thing, changes)
        if wrong:
            raise ValidationError(wrong)

    def write(self, rows: Sequence[Row], job: Job, place: str) -> Mapping[int, str]:
        return job.once(place, lambda: self._write(rows, job), rows=len(rows))

    def changed(self, thing: Any) -> dict[str, Any]:
        """Return the new values by their columns, amounts in minor units."""
        return {
            name: getattr(thing, self.fields[name].attribute)
            for name, _old, _new in self.changes(thing)
        }

    def _wrong_prices(self, thing: Any, changes: dict[str, Any]) -> dict[str, Any]:
        if thing.values_before:
            text = _("Prices are changed by the table of prices, or on the page.")
            return {
                name: text for name in ("price", "compare_at_price") if name in changes
            }
        text = _("A new product needs this.")
        wrong: dict[str, Any] = {
            name: text for name in ("name", "category", "price") if name not in changes
        }
        price, before = changes.get("price"), changes.get("compare_at_price")
        if price is not None and price <= 0:
            wrong["price"] = _("A price is more than nothing.")
        elif price and before is not None and before <= price:
            wrong["compare_at_price"] = _("This must be above the price, or empty.")
        return wrong

    def _facts(self, changes: dict[str, Any]) -> dict[str, Any]:
        facts = {FACTS[name]: changes[name] for name in FACTS if name in changes}
        if "category" in changes:
            facts["category_id"] = self._shelves[changes["category"]]
        return facts

    def _write(self, rows: Sequence[Row], job: Job) -> Mapping[int, DomainError]:
        try:
            with transaction.atomic():
                self._write_together(rows, job)
        except (DomainError, IntegrityError):
            return self._write_each(rows, job)
        return {}

    def _write_together(self, rows: Sequence[Row], job: Job) -> None:
        known = {row.thing.pk: row.thing for row in rows if not row.is_new}
        new = [self.changed(row.thing) for row in rows if row.is_new]
        changes = {pk: self.changed(thing) for pk, thing in known.items()}
        changed = change_many(
            {
                pk: Facts(self._facts(own), own.get(PUBLISHED))
                for pk, own in changes.items()
            }
        )
        made = create_many([self._new(own) for own in new])
        told = [
            (changed[pk], _before(known[pk], own), own) for pk, own in changes.items()
        ]
        told += [(product, {}, own) for product, own in zip(made, new, strict=True)]
        self._tell(told, job)

    def _write_each(self, rows: Sequence[Row], job: Job) -> Mapping[int, DomainError]:
        """Find out which row it is that cannot be done; the others are."""
        refused: dict[int, DomainError] = {}
        for row in rows:
            try:
                with transaction.atomic():
                    self._write_one(row, job)
            except DomainError as error:
                refused[row.number] = error
        return refused

    def _write_one(self, row: Row, job: Job) -> None:
        changes = self.changed(row.thing)
        if row.is_new:
            new = self._new(changes)
            product = editing.create(
                facts=new.facts,
                price=new.price,
                compare_at_price=new.compare_at_price,
                texts={},
                is_published=new.is_published,
            )
        else:
            product = editing.change(
                product_id=row.thing.pk,
                facts=self._facts(changes),
                texts={},
                is_published=changes.get(PUBLISHED),
            )
        self._tell([(product, _before(row.thing, changes), changes)], job)

    def _new(self, changes: dict[str, Any]) -> NewProduct:
        return NewProduct(
            facts=self._facts(changes) | {"sku": changes["sku"]},
            price=changes["price"],
            compare_at_price=changes.get("compare_at_price"),
            is_published=bool(changes.get(PUBLISHED)),
        )

    def _tell(
        self, rows: Sequence[tuple[Product, dict[str, Any], dict[str, Any]]], job: Job
    ) -> None:
        audit.write_each(
            rows, actor_id=job.actor_id, action="Import products", reason=job.reason
        )


class PriceSheet(SheetImport):
    """Prices, changed together: what comes in can be undone for a day."""

    needed = ("sku", "price")
    most_rows = revisions.MOST  # they change in one transaction

    sku = column("sku")
    name = shown("name")
    price = column("price", Amount())
    compare_at_price = shown("compare_at_price", Amount())
    cost = shown("cost", Amount())
    is_on_sale = shown("is_on_sale", YesNo())

    class Meta(SheetImport.Meta):
        model = Product
        fields = ("sku", "name", "price", "compare_at_price", "cost", "is_on_sale")

    def get_queryset(self) -> QuerySet[Product]:
        return _products()

    def dehydrate_is_on_sale(self, product: Product) -> bool:
        return product.published_at is not None

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        super().before_import(dataset, **kwargs)
        self._prices: list[NewPrice] = []

    def check(self, thing: Any) -> None:
        if thing.price is not None and thing.price <= 0:
            raise ValidationError({"price": _("A price is more than nothing.")})

    def write(self, rows: Sequence[Row], job: Job, place: str) -> Mapping[int, str]:
        self._prices += [
            NewPrice(one.pk, one.sku, one.name, one.price_before, one.price)
            for one in (row.thing for row in rows)
        ]
        return {}

    def after_init_instance(
        self,
        instance: Any,
        new: bool,
        row: dict[str, str],
        **kwargs: Any,
    ) -> None:
        super().after_init_instance(instance, new, row, **kwargs)
        instance.price_before = instance.price

    def finish(self, job: Job) -> None:
        if not self._prices:
            return
        job.once("prices", lambda: self._make(job), rows=len(self._prices))

    def _make(self, job: Job) -> Mapping[int, DomainError]:
        revision = revisions.make(
            self._prices,
            rule=str(_("By a file")),
            reason=job.reason,
            actor_id=job.actor_id,
        )
        audit.write(
            revision,
            actor_id=job.actor_id,
            action="Import prices",
            reason=job.reason,
            after={"prices": len(self._prices)},
        )
        return {}


def _before(thing: Any, changes: dict[str, Any]) -> dict[str, Any]:
    """Return what was there of what changes; a new product was nothing."""
    old = thing.values_before
    return {name: old.get(name) for name in changes} if old else {}


def _wrong_slug(slug: str) -> dict[str, Any]:
    try:
        validate_unicode_slug(slug)
    except ValidationError as error:
        return {"slug": error.messages[0]}
    return {}


def _products() -> QuerySet[Product]:
    # What is long and made by the database is never in a table.
    return Product.objects.defer("search", "other_names", "other_descriptions")
