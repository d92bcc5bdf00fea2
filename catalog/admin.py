"""What the shop sells."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import EmptyFieldListFilter
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from catalog import services as catalog
from catalog.admin_prices import (
    MAY_CHANGE,
    MAY_SEE_COSTS,
    ask_for_prices,
    products_in,
)
from catalog.admin_revisions import revisions_of
from catalog.models import (
    Category,
    FruitlessSearch,
    Phrase,
    PriceChange,
    Product,
    ProductGroup,
    ProductPhoto,
    ProductText,
    SynonymGroup,
)
from catalog.revisions import MOST
from catalog.sheets import PriceSheet, ProductSheet
from common import pictures
from common.admin import (
    ModelAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ReasonForm,
    TabularInline,
    action,
    display,
    register,
)
from common.admin_sheets import ImportAdmin
from common.importing import SheetExport, SheetImport
from common.money import money

MAY_ENTER = ("catalog.add_product", "catalog.change_product")
PHOTO_FOLDER = "products"
# Before it is made smaller; one that stands upright is this high.
LONGEST_SIDE = 2000


class PriceForm(ReasonForm):
    """Asks for a new price and why."""

    price = forms.IntegerField(
        label=_("New price, in minor units"), min_value=1, max_value=10**12
    )
    field_order = ["price", "reason"]


class ProductForm(forms.ModelForm[Product]):
    """Holds the old price against one that the form does not show."""

    class Meta:
        help_texts = {
            "cost": _("What one costs the shop, in minor units. Only staff see it.")
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        price = cleaned.get("price", self.instance.price)
        before = cleaned.get("compare_at_price")
        if price is not None and before is not None and before <= price:
            self.add_error(
                "compare_at_price", _("This must be above the price, or empty.")
            )
        if (cleaned.get("cost") or 0) < 0:
            self.add_error("cost", _("This must not be below zero."))
        return cleaned


class Priced(ModelAdmin[Any]):
    """Leads to the page on which the prices of many products are changed."""

    def has_price_permission(self, request: HttpRequest) -> bool:
        """Tell whether this person may set prices."""
        return request.user.has_perm(MAY_CHANGE)

    def price_page(self, request: HttpRequest, product_ids: list[int]) -> HttpResponse:
        """Show the page for these products, or say why not."""
        if not product_ids:
            text = str(_("There are no products."))
        elif len(product_ids) > MOST:
            told = _("At most %(limit)s prices can be changed together.")
            text = told % {"limit": MOST}
        else:
            return ask_for_prices(request, self.admin_site, product_ids)
        self.message_user(request, text, messages.ERROR)
        return self.back(request)


@register(Category)
class CategoryAdmin(Priced):
    """Shelves inside shelves."""

    list_display = ["name", "parent", "slug", "position"]
    list_select_related = ["parent"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    actions = ["change_prices"]
    object_actions = ["change_prices"]

    @action(_("Change prices…"), permission="price")
    def change_prices(
        self, request: HttpRequest, queryset: QuerySet[Category]
    ) -> HttpResponse:
        """Change those of everything on these shelves, and on the ones inside them."""
        return self.price_page(request, products_in(queryset))


@register(ProductGroup)
class ProductGroupAdmin(ModelAdmin[ProductGroup]):
    """Products that are sizes or colours of one another."""

    list_display = ["name"]
    search_fields = ["name"]


class PhotoForm(forms.ModelForm[ProductPhoto]):
    """Takes a picture as it comes and keeps it in the sizes that pages ask for."""

    def clean_image(self) -> Any:
        given = self.cleaned_data["image"]
        if not isinstance(given, UploadedFile):
            return given
        given.seek(0)
        content = given.read(pictures.MAX_BYTES + 1)
        try:
            picture = pictures.read(content, longest=LONGEST_SIDE)
        except (pictures.NotAPicture, pictures.PictureTooLarge) as error:
            raise forms.ValidationError(str(error.detail)) from None
        folder = f"{PHOTO_FOLDER}/{pictures.mark(content)}"
        self.taken = pictures.make_set(picture, folder)
        return given

    def save(self, commit: bool = True) -> ProductPhoto:
        if taken := getattr(self, "taken", None):
            pictures.keep(taken)
            # A name, not a file: what was sent in is kept nowhere.
            self.instance.image = taken.name
        return super().save(commit)


class PhotoInline(TabularInline[ProductPhoto]):
    """Pictures, each with words for those who cannot see it."""

    model = ProductPhoto
    form = PhotoForm
    fields = ["image", "alt", "position"]


class InOtherLanguage(forms.ModelForm[Any]):
    """Offers the languages that the shop speaks besides its own."""

    language = forms.ChoiceField(
        label=_("Language"),
        choices=[
            (code, name)
            for code, name in settings.LANGUAGES
            if code != settings.LANGUAGE_CODE
        ],
    )


class TextInline(TabularInline[ProductText]):
    """What the product is called in the other languages."""

    model = ProductText
    form = InOtherLanguage
    fields = ["language", "name", "description"]


@register(Phrase)
class PhraseAdmin(ModelAdmin[Phrase]):
    """Names of categories, colours, coupons and the like in other languages."""

    form = InOtherLanguage
    list_display = ["source", "language", "text"]
    list_filter = ["language"]
    search_fields = ["source", "text"]


class PriceChangeInline(ReadOnlyInline[PriceChange]):
    """What the price was, and why it changed."""

    model = PriceChange
    fields = ["changed_at", "was", "became", "cause", "actor"]
    readonly_fields = ["was", "became"]
    ordering = ["-id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PriceChange]:
        return super().get_queryset(request).select_related("actor")

    @display(description=_("old price"))
    def was(self, change: PriceChange) -> str:
        return money(change.old_price)

    @display(description=_("new price"))
    def became(self, change: PriceChange) -> str:
        return money(change.new_price)


def may_see_costs(request: HttpRequest) -> bool:
    """Tell whether this person may know what products cost the shop."""
    return any(request.user.has_perm(name) for name in MAY_SEE_COSTS)


class ProductAdmin(ImportAdmin[Any], Priced):
    """The price of a product is changed by an action, which keeps the old one.

    Registered where the stock is added to it.
    """

    form = ProductForm
    exports = {"products": ProductSheet, "prices": PriceSheet}
    imports = {"products": ProductSheet, "prices": PriceSheet}
    import_permissions = {"products": MAY_ENTER, "prices": (MAY_CHANGE,)}
    import_help = {
        "products": _("A SKU that is new here is entered as a new product."),
        "prices": _("All prices change together and can be undone within 24 hours."),
    }
    list_display = ["sku", "name", "category", "price_text", "is_published"]
    list_display_links = ["sku", "name"]
    list_select_related = ["category"]
    list_filter = [("published_at", EmptyFieldListFilter), "category"]
    search_fields = ["=sku", "name"]
    ordering = ["-id"]
    prepopulated_fields = {"slug": ["name"]}
    raw_id_fields = ["group"]
    inlines = [TextInline, PhotoInline, PriceChangeInline]
    actions = ["publish", "unpublish", "change_price", "change_prices"]
    object_actions = ["publish", "unpublish", "change_price"]
    fields = [
        "sku",
        "name",
        "slug",
        "category",
        "price",
        "compare_at_price",
        "cost",
        "margin",
        "description",
        "group",
        "options",
        "weight_grams",
        "published_at",
        "rating",
        "together",
        "version",
    ]

    def get_readonly_fields(
        self, request: HttpRequest, obj: Product | None = None
    ) -> list[str]:
        fixed = ["margin", "published_at", "rating", "together", "version"]
        if not self.has_price_permission(request):
            fixed.append("cost")
        return fixed if obj is None else ["price", *fixed]

    def get_fields(self, request: HttpRequest, obj: Product | None = None) -> list[Any]:
        hidden = set() if may_see_costs(request) else {"cost", "margin"}
        return [name for name in self.fields if name not in hidden]

    def export_sheet(self, request: HttpRequest, name: str) -> SheetExport:
        sheet = super().export_sheet(request, name)
        if not may_see_costs(request):
            sheet.leave_out("cost")
        return sheet

    def import_sheet(self, request: HttpRequest, name: str) -> SheetImport:
        sheet = super().import_sheet(request, name)
        if not may_see_costs(request):
            sheet.leave_out("cost")
        elif not self.has_price_permission(request):
            sheet.fields["cost"].readonly = True
        return sheet

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: Any
    ) -> None:
        super().save_related(request, form, formsets, change)
        catalog.changed(product_id=form.instance.pk)

    def offered_actions(self, request: HttpRequest, obj: Product) -> list[str]:
        other = "publish" if obj.published_at is None else "unpublish"
        return [other, "change_price"]

    @display(description=_("price"), ordering="price")
    def price_text(self, product: Product) -> str:
        return money(product.price)

    @display(description=_("margin"))
    def margin(self, product: Product) -> str:
        if product.cost is None or product.price is None:
            return "–"
        left = product.price - product.cost
        return f"{money(left)} ({int(left * 100 / product.price)} %)"

    @display(description=_("published"), boolean=True, ordering="published_at")
    def is_published(self, product: Product) -> bool:
        return product.published_at is not None

    @display(description=_("price changes with others"))
    def together(self, product: Product) -> SafeString | str:
        return revisions_of(product) if product.pk else "–"

    @display(description=_("rating"))
    def rating(self, product: Product) -> str:
        return f"{product.rating_average or '–'} ({product.rating_count})"

    @action(_("Put on sale"))
    def publish(
        self, request: HttpRequest, queryset: QuerySet[Product]
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda product: catalog.publish(product_id=product.pk),
            _("Put on sale"),
        )

    @action(_("Take off sale"))
    def unpublish(
        self, request: HttpRequest, queryset: QuerySet[Product]
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda product: catalog.unpublish(product_id=product.pk),
            _("Take off sale"),
        )

    def facts(self, product: Product) -> dict[str, Any]:
        return {"price": product.price, "is_on_sale": product.published_at is not None}

    @action(_("Change prices…"), permission="price")
    def change_prices(
        self, request: HttpRequest, queryset: QuerySet[Product]
    ) -> HttpResponse:
        """Change many by a rule, with a preview."""
        pks = queryset.order_by("pk").values_list("pk", flat=True)
        return self.price_page(request, list(pks[: MOST + 1]))

    @action(_("Set one price…"), permission="price")
    def change_price(
        self, request: HttpRequest, queryset: QuerySet[Product]
    ) -> HttpResponse:
        return self.ask(
            request,
            queryset,
            form=PriceForm,
            title=_("Change price"),
            do=lambda product, given: catalog.change_price(
                product_id=product.pk,
                price=given["price"],
                cause=given["reason"],
                actor_id=request.user.pk,
            ),
        )


@register(SynonymGroup)
class SynonymGroupAdmin(ModelAdmin[SynonymGroup]):
    """Words for the same thing: who searches for one finds all."""

    list_display = ["__str__"]
    search_fields = ["words"]

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest | None, **kwargs: Any
    ) -> forms.Field | None:
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if formfield is not None:
            formfield.widget.attrs["class"] = "vLargeTextField"
        return formfield


@register(FruitlessSearch)
class FruitlessSearchAdmin(ReadOnlyAdmin[FruitlessSearch]):
    """What shoppers look for in vain, the most frequent first. Nobody edits it."""

    list_display = ["text", "times", "last_at", "corrected_to", "remedy"]
    list_filter = [("corrected_to", EmptyFieldListFilter), "last_at"]
    search_fields = ["text"]
    ordering = ["-times", "-last_at"]
    date_hierarchy = "last_at"

    @display(description=_("remedy"))
    def remedy(self, search: FruitlessSearch) -> SafeString:
        words = urlencode({"words": search.text.replace(",", " ")})
        address = f"{reverse('admin:catalog_synonymgroup_add')}?{words}"
        return format_html('<a href="{}">{}</a>', address, _("Add synonyms"))
