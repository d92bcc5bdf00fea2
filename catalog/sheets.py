"""Products and prices as tables: out, and in again through the services."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_unicode_slug
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from catalog import editing, revisions
from catalog.models import Category, Product
from catalog.price_rules import NewPrice
from common import audit
from common.importing import Amount, Job, SheetImport, Whole, YesNo, column, shown

PUBLISHED = "is_published"
# Columns that are facts of a product, by the name of the fact.
FACTS = {
    "name": "name",
    "slug": "slug",
    "description": "description",
    "weight_grams": "weight_grams",
}
LONGEST = {"sku": 40, "name": 200, "slug": 200, "description": 20_000}


class ProductSheet(SheetImport):
    """What is said of products; a SKU that is new here is entered as a product."""

    creates = True

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
    rating = shown("rating", reads="rating_average")
    reviews = shown("reviews", reads="rating_count")
    created_at = shown("created_at")

    class Meta(SheetImport.Meta):
        model = Product
        fields = (
            *("sku", "name", "slug", "category", "description", "weight_grams"),
            *("is_published", "price", "compare_at_price"),
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
        if changes.get("weight_grams", 0) < 0:
            wrong["weight_grams"] = _("This must not be below zero.")
        wrong |= self._wrong_prices(thing, changes)
        if wrong:
            raise ValidationError(wrong)

    def write(self, thing: Any, job: Job, number: int, *, is_new: bool) -> None:
        changes = self.changed(thing)
        if is_new:
            job.once(str(number), lambda: self._enter(changes, job))
        else:
            job.once(str(number), lambda: self._edit(thing, changes, job))

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

    def _enter(self, changes: dict[str, Any], job: Job) -> None:
        product = editing.create(
            facts=self._facts(changes) | {"sku": changes["sku"]},
            price=changes["price"],
            compare_at_price=changes.get("compare_at_price"),
            texts={},
            is_published=bool(changes.get(PUBLISHED)),
        )
        self._tell(product, {}, changes, job)

    def _edit(self, thing: Any, changes: dict[str, Any], job: Job) -> None:
        product = editing.change(
            product_id=thing.pk,
            facts=self._facts(changes),
            texts={},
            is_published=changes.get(PUBLISHED),
        )
        before = {name: thing.values_before.get(name) for name in changes}
        self._tell(product, before, changes, job)

    def _tell(
        self, product: Product, before: dict[str, Any], after: dict[str, Any], job: Job
    ) -> None:
        audit.write(
            product,
            actor_id=job.actor_id,
            action="Import products",
            reason=job.reason,
            before=before,
            after=after,
        )


class PriceSheet(SheetImport):
    """Prices, changed together: what comes in can be undone for a day."""

    needed = ("sku", "price")
    most_rows = revisions.MOST  # they are one transaction

    sku = column("sku")
    name = shown("name")
    price = column("price", Amount())
    compare_at_price = shown("compare_at_price", Amount())
    is_on_sale = shown("is_on_sale", YesNo())

    class Meta(SheetImport.Meta):
        model = Product
        fields = ("sku", "name", "price", "compare_at_price", "is_on_sale")

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

    def write(self, thing: Any, job: Job, number: int, *, is_new: bool) -> None:
        self._prices.append(
            NewPrice(thing.pk, thing.sku, thing.name, thing.price_before, thing.price)
        )

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

    def _make(self, job: Job) -> None:
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


def _wrong_slug(slug: str) -> dict[str, Any]:
    try:
        validate_unicode_slug(slug)
    except ValidationError as error:
        return {"slug": error.messages[0]}
    return {}


def _products() -> QuerySet[Product]:
    # What is long and made by the database is never in a table.
    return Product.objects.defer("search", "other_names", "other_descriptions")
