"""Products and how shoppers find them."""

from datetime import datetime

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import (
    SearchVector,
    SearchVectorCombinable,
    SearchVectorField,
)
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from tree_queries.models import TreeNode

from catalog.price_models import UNDO_WITHIN as UNDO_WITHIN
from catalog.price_models import LineOutcome as LineOutcome
from catalog.price_models import PriceRevision as PriceRevision
from catalog.price_models import PriceRevisionLine as PriceRevisionLine
from catalog.price_models import RevisionState as RevisionState

PUBLISHED = Q(published_at__isnull=False)
# Word stems, English for Latin letters and Russian for Cyrillic ones; other scripts
# as they are. No word is dropped, for one of them may be a name.
STEMS = "shop"


class OptionWords(SearchVectorCombinable, models.Func):
    """The words and numbers in the values of a product's options."""

    function = "jsonb_to_tsvector"
    template = (
        f"setweight(%(function)s('{STEMS}'::regconfig, %(expressions)s,"
        """ '["string", "numeric"]'::jsonb), 'B')"""
    )
    output_field = SearchVectorField()
    config = None


class Category(TreeNode):  # type: ignore[misc]  # untyped library
    """A shelf; shelves can stand inside one another."""

    name = models.CharField(_("name"), max_length=100)
    slug = models.SlugField(_("slug"), max_length=100, unique=True, allow_unicode=True)
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        verbose_name_plural = "categories"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class ProductGroup(models.Model):
    """Products that differ only in size, colour or the like."""

    name = models.CharField(_("name"), max_length=200)

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    def on_sale(self) -> "ProductQuerySet":
        return self.filter(published_at__lte=Now())

    def with_available(self) -> "ProductQuerySet":
        """Annotate ``available``, read live from the stock table."""
        return self.annotate(available=F("stock__on_hand") - F("stock__reserved"))


class Product(models.Model):
    """The sellable unit: one SKU, one price, one stock."""

    sku = models.CharField(_("SKU"), max_length=40, unique=True)
    slug = models.SlugField(_("slug"), max_length=200, allow_unicode=True)
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    price = models.BigIntegerField(_("price"))
    compare_at_price = models.BigIntegerField(
        _("compare-at price"), null=True, blank=True
    )
    # What one of them costs the shop. Staff's business: it is never published.
    cost = models.BigIntegerField(null=True, blank=True)
    category = models.ForeignKey(
        Category, on_delete=models.PROTECT, related_name="products"
    )
    group = models.ForeignKey(
        ProductGroup,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="products",
    )
    # What tells the products of a group apart, e.g. {"colour": "red"}.
    options = models.JSONField(_("options"), default=dict, blank=True)
    weight_grams = models.PositiveIntegerField(_("weight, g"), default=0)
    published_at = models.DateTimeField(_("published"), null=True, blank=True)
    # Sold once and never again; a product that somebody bought is not deleted.
    archived_at = models.DateTimeField(_("archived"), null=True, editable=False)
    rating_average = models.DecimalField(
        max_digits=3, decimal_places=2, null=True, editable=False
    )
    rating_count = models.PositiveIntegerField(default=0, editable=False)
    # Raised by the database with every change; cached things carry it in their key.
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # What its texts in other languages say, kept up by the database: one index and
    # one query find a product in all of them.
    other_names = models.TextField(db_default="", editable=False)
    other_descriptions = models.TextField(db_default="", editable=False)
    search = models.GeneratedField(
        # Names as they are written, too: a word that is being typed is no stem yet.
        # The SKU parts them from the stems, or phrases would go on from one to another.
        expression=SearchVector(
            "name", "sku", "other_names", weight="A", config="simple"
        )
        + SearchVector("name", "other_names", weight="A", config=STEMS)
        + OptionWords("options")
        + SearchVector("description", "other_descriptions", weight="D", config=STEMS),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = ProductQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(price__gt=0), name="product_price_positive"
            ),
            models.CheckConstraint(
                condition=Q(compare_at_price__isnull=True)
                | Q(compare_at_price__gt=F("price")),
                name="product_compare_at_price_above_price",
            ),
            models.CheckConstraint(
                condition=Q(cost__isnull=True) | Q(cost__gte=0),
                name="product_cost_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(archived_at__isnull=True) | Q(published_at__isnull=True),
                name="product_archived_is_off_sale",
            ),
        ]
        permissions = [("change_price", "Can change the price of a product")]
        indexes = [
            # The listing by newest, whole shop and one category.
            models.Index(
                fields=["-created_at", "-id"],
                condition=PUBLISHED,
                name="product_newest",
            ),
            models.Index(
                fields=["category", "-created_at", "-id"],
                condition=PUBLISHED,
                name="product_newest_in_category",
            ),
            # The listing by price, and the price filter.
            models.Index(
                fields=["price", "id"], condition=PUBLISHED, name="product_price"
            ),
            models.Index(
                fields=["category", "price", "id"],
                condition=PUBLISHED,
                name="product_price_in_category",
            ),
            # The listing by rating, whole shop.
            models.Index(
                F("rating_average").desc(nulls_last=True),
                F("rating_count").desc(),
                F("id").desc(),
                condition=PUBLISHED,
                name="product_best_rated",
            ),
            GinIndex(fields=["search"], name="product_search"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="raise_version",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                # A cached card is never stale if every change, even by hand in SQL,
                # gives the product a new version.
                func="NEW.version = OLD.version + 1; RETURN NEW;",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def is_on_sale(self, now: datetime) -> bool:
        return self.published_at is not None and self.published_at <= now


class ProductText(models.Model):
    """What a product is called and said to be, in a language other than the shop's."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="texts")
    language = models.CharField(_("language"), max_length=8)
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)

    class Meta:
        ordering = ["language"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "language"], name="product_text_once_per_language"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="product_text_named"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="tell_product",
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                when=pgtrigger.After,
                # The product gets a new version by it, and with that new cards.
                func="""
                    UPDATE catalog_product SET
                        other_names = coalesce(said.names, ''),
                        other_descriptions = coalesce(said.descriptions, '')
                      FROM (SELECT string_agg(name, ' ' ORDER BY language) AS names,
                                   string_agg(description, ' ' ORDER BY language)
                                       AS descriptions
                              FROM catalog_producttext
                             WHERE product_id = coalesce(NEW.product_id, OLD.product_id)
                           ) AS said
                     WHERE id = coalesce(NEW.product_id, OLD.product_id);
                    RETURN NULL;
                """,
            ),
            # Else the other product would keep what it was told.
            pgtrigger.Protect(
                name="stays_with_product",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__product__df=pgtrigger.F("new__product")),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Phrase(models.Model):
    """A name the shop gave, in another language: of a category, a coupon, a colour.

    Whatever has a short name is found here by that name; see ``catalog.texts.local``.
    """

    source = models.CharField(_("in the shop's language"), max_length=200)
    language = models.CharField(_("language"), max_length=8)
    text = models.CharField(_("in that language"), max_length=200)

    class Meta:
        ordering = ["source", "language"]
        constraints = [
            models.UniqueConstraint(
                fields=["source", "language"], name="phrase_once_per_language"
            ),
            models.CheckConstraint(
                condition=~Q(source="") & ~Q(text=""), name="phrase_says_something"
            ),
        ]

    def __str__(self) -> str:
        return self.text


class ProductPhoto(models.Model):
    """A picture of a product, with words for those who cannot see it."""

    product = models.ForeignKey(
        Product, on_delete=models.CASCADE, related_name="photos"
    )
    image = models.ImageField(
        upload_to="products/", width_field="width", height_field="height"
    )
    width = models.PositiveIntegerField(default=0, editable=False)
    height = models.PositiveIntegerField(default=0, editable=False)
    alt = models.CharField(_("alternative text"), max_length=200)
    position = models.PositiveIntegerField(_("position"), default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "position"],
                name="product_photo_one_per_position",
                deferrable=models.Deferrable.DEFERRED,
            ),
        ]

    def __str__(self) -> str:
        return self.alt


class PriceChange(models.Model):
    """A price that was changed: by whom, when and why. Never edited."""

    product = models.ForeignKey(
        Product, on_delete=models.CASCADE, related_name="price_changes"
    )
    old_price = models.BigIntegerField()
    new_price = models.BigIntegerField()
    cause = models.CharField(max_length=200)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(old_price__gt=0, new_price__gt=0)
                & ~Q(old_price=F("new_price")),
                name="price_change_changes_the_price",
            ),
        ]
        indexes = [models.Index(fields=["product", "-id"], name="price_change_recent")]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.old_price} → {self.new_price}"


class Popularity(models.Model):
    """How much a product is wanted; made from behaviour and sales, 0 without a row."""

    product = models.OneToOneField(
        Product, on_delete=models.CASCADE, primary_key=True, related_name="popularity"
    )
    score = models.FloatField()

    class Meta:
        verbose_name_plural = "popularity"
        constraints = [
            models.CheckConstraint(
                condition=Q(score__gt=0, score__lt=float("inf")),
                name="popularity_score_positive",
            ),
        ]
        indexes = [models.Index(fields=["-score", "-product"], name="most_popular")]

    def __str__(self) -> str:
        return f"{self.score:g}"


class SynonymGroup(models.Model):
    """Words that shoppers use for the same thing: who asks for one finds all."""

    words = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("words"),
        help_text=_(
            "Separated by commas, e.g. laptop, notebook, portable computer. "
            "Searches follow within a minute."
        ),
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(words__len__gte=2, words__len__lte=20),
                name="synonym_group_has_two_to_twenty_words",
                violation_error_message=_("Give two to twenty words."),
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(self.words)

    def clean(self) -> None:
        # Compared as they are searched for.
        self.words = [" ".join(word.casefold().split()) for word in self.words or ()]
        if len(set(self.words)) < len(self.words):
            raise ValidationError({"words": _("A word is there twice.")})


class FruitlessSearch(models.Model):
    """A text that found nothing: what shoppers want and the shop does not have.

    Only the text, and never who typed it.
    """

    text = models.CharField(_("text"), max_length=100, unique=True)
    times = models.PositiveIntegerField(_("times"))
    # What was looked for instead; empty: nothing came close.
    corrected_to = models.CharField(_("corrected to"), max_length=100, blank=True)
    first_at = models.DateTimeField(_("first time"), db_default=Now())
    last_at = models.DateTimeField(_("last time"))

    class Meta:
        verbose_name_plural = "fruitless searches"
        ordering = ["-times", "-last_at"]
        indexes = [models.Index(fields=["-times", "-last_at"], name="most_fruitless")]

    def __str__(self) -> str:
        return self.text
