"""Products entered, changed, priced and archived by staff."""

from typing import Any

from django.conf import settings
from django.contrib.admin.models import ADDITION, DELETION
from django.core.validators import validate_unicode_slug
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS

from api.conditions import NEEDED_IF_MATCH, change_if_match, tagged
from api.fields import (
    MAX_BIGINT,
    Id,
    Input,
    StrictBoolean,
    StrictInteger,
    StrictText,
    clean,
    clean_query,
)
from api.idempotency import once, once_silently
from api.schema import operation
from api.staff import demand, note
from api.typing import AuthenticatedRequest
from api.v1.product_lists import ProductListView
from api.v1.product_sheets import ProductSheetJson, read_sheet
from api.v1.products import ProductView
from api.views import PersonalView
from catalog import editing
from catalog.editing import FACTS, LocalText
from catalog.models import Product

MAY_ADD = "catalog.add_product"
MAY_CHANGE = "catalog.change_product"
MAY_PRICE = "catalog.change_price"
MAY_ARCHIVE = "catalog.delete_product"
MAX_PRICE = 10**12
MAX_WEIGHT = 2**31 - 1
MOST_OPTIONS = 20
LONGEST_OPTION = 60
LANGUAGES = [
    code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE
]
EXAMPLE = {
    "sku": "CUP-CELADON-S",
    "name": "Celadon cup, small",
    "description": "Thrown and glazed by hand.",
    "category_id": 1,
    "price": 24000,
    "options": {"size": "S"},
    "weight_grams": 220,
    "texts": {"ko": {"name": "청자 컵, 소"}, "ru": {"name": "Селадоновая чашка"}},
    "is_published": False,
    "reason": "autumn collection",
}


class OptionsField(serializers.DictField):
    """What tells the products of a group apart, e.g. ``{"colour": "red"}``."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().to_internal_value(data)
        lengths = [len(name) for name in cleaned]
        if len(lengths) > MOST_OPTIONS or max(lengths, default=1) > LONGEST_OPTION:
            raise ValidationError("There are too many options, or a name is too long.")
        return cleaned


class LocalTextInput(Input):
    name = StrictText(max_length=200)
    description = StrictText(max_length=20_000, allow_blank=True, required=False)


class TextsField(serializers.DictField):
    """Texts in the shop's other languages, by code; ``null`` removes one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(child=LocalTextInput(allow_null=True), **options)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().to_internal_value(data)
        if set(cleaned) - set(LANGUAGES):
            raise ValidationError(f"The other languages are {', '.join(LANGUAGES)}.")
        return cleaned


class ProductChangeInput(Input):
    """What changes of a product; the price has an address of its own."""

    sku = StrictText(max_length=40, required=False)
    slug = StrictText(
        max_length=200, required=False, validators=[validate_unicode_slug]
    )
    name = StrictText(max_length=200, required=False)
    description = StrictText(max_length=20_000, allow_blank=True, required=False)
    category_id = Id(required=False)
    group_id = Id(required=False, allow_null=True)
    options = OptionsField(child=StrictText(max_length=200), required=False)
    weight_grams = StrictInteger(max_value=MAX_WEIGHT, required=False)
    texts = TextsField(required=False)
    is_published = StrictBoolean(required=False, help_text="Whether it is on sale.")
    reason = StrictText(max_length=200, help_text="Kept in the staff's log.")


class ProductInput(ProductChangeInput):
    """A new product; a draft unless it says that it is published."""

    sku = StrictText(max_length=40)
    name = StrictText(max_length=200)
    category_id = Id()
    price = StrictInteger(min_value=1, max_value=MAX_PRICE, help_text="Minor units.")
    compare_at_price = StrictInteger(
        max_value=MAX_BIGINT, required=False, allow_null=True
    )


class PriceInput(Input):
    """A price, and the higher one that it is compared with, in minor units."""

    price = StrictInteger(min_value=1, max_value=MAX_PRICE)
    compare_at_price = StrictInteger(
        max_value=MAX_BIGINT,
        required=False,
        allow_null=True,
        help_text="What it cost before; absent or null: the product is not reduced.",
    )
    reason = StrictText(max_length=200, help_text="Kept with the price's history.")


class ArchiveQuery(Input):
    reason = serializers.CharField(max_length=200, help_text="Kept in the staff's log.")


PRODUCT = ProductInput()
CHANGE = ProductChangeInput()
PRICE = PriceInput()
ARCHIVE = ArchiveQuery()


class StaffWrite(PersonalView):
    """Reading is as it was, writing takes somebody who is signed in."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        if self._is_read():
            return super().get_authenticators()
        return [one() for one in PersonalView.authentication_classes]

    def get_permissions(self) -> Any:
        if self._is_read():
            return super().get_permissions()
        return [one() for one in PersonalView.permission_classes]

    def _is_read(self) -> bool:
        return getattr(self.request, "method", "") in SAFE_METHODS


class WritableProductsView(StaffWrite, ProductListView):
    """The products on sale, and new ones."""

    @operation(
        "products_create",
        "Enter a product",
        body=PRODUCT,
        example=EXAMPLE,
        reply={201: ProductSheetJson},
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Enter a product, as staff; a draft until it is published.

        It has no stock yet: take some in by `POST /products/{id}/stock-adjustments`.
        """
        demand(request, MAY_ADD)
        asked = clean(PRODUCT, request)

        def create() -> ProductSheetJson:
            made = editing.create(
                facts=_facts(asked),
                price=asked["price"],
                compare_at_price=asked.get("compare_at_price"),
                texts=_texts(asked),
                is_published=asked.get("is_published", False),
            )
            note(request, made, asked["reason"], flag=ADDITION)
            return read_sheet(made.pk)

        place = "/api/v1/product-sheets/{id}"
        return tagged(once(request, create, status=201, location=place))


class WritableProductView(StaffWrite, ProductView):
    """One product, and changes of it."""

    @operation(
        "products_update",
        "Change a product",
        body=CHANGE,
        example={"name": "Celadon cup", "is_published": True, "reason": "photos ready"},
        reply={200: ProductSheetJson},
        headers=[NEEDED_IF_MATCH],
        keyed="yes",
        problems=(412, 428),
    )
    def patch(self, request: AuthenticatedRequest, product_id: int) -> HttpResponse:
        """Change what is sent of a product, as staff.

        `If-Match` is the ETag of `GET /product-sheets/{id}`, which has no stock in it
        and does not move with each sale. Orders keep the name and price they had.
        """
        demand(request, MAY_CHANGE)
        asked = clean(CHANGE, request)

        def change() -> ProductSheetJson:
            changed = editing.change(
                product_id=product_id,
                facts=_facts(asked),
                texts=_texts(asked),
                is_published=asked.get("is_published"),
            )
            note(request, changed, asked["reason"])
            return read_sheet(product_id)

        return tagged(once(request, lambda: _if_match(request, product_id, change)))

    @operation(
        "products_delete",
        "Archive a product",
        query=ARCHIVE,
        reply={204: None},
        keyed="yes",
    )
    def delete(self, request: AuthenticatedRequest, product_id: int) -> HttpResponse:
        """Take a product off sale for good, as staff; twice is fine.

        Orders, invoices and reviews keep it. Shoppers get 410 from now on.
        """
        demand(request, MAY_ARCHIVE)
        reason = clean_query(ARCHIVE, request)["reason"]

        def archive() -> None:
            if editing.archive(product_id=product_id):
                product = Product.objects.get(pk=product_id)
                note(request, product, reason, flag=DELETION)

        return once_silently(request, archive)


class ProductPriceView(PersonalView):
    """What a product costs."""

    @operation(
        "products_set-price",
        "Set the price of a product",
        body=PRICE,
        example={"price": 19000, "compare_at_price": 24000, "reason": "winter sale"},
        reply={200: ProductSheetJson},
        headers=[NEEDED_IF_MATCH],
        keyed="yes",
        problems=(412, 428),
    )
    def put(self, request: AuthenticatedRequest, product_id: int) -> HttpResponse:
        """Set the price, as staff, and what it is compared with.

        The old price stays in the history, with who changed it and why. Orders that are
        placed keep theirs. `If-Match` is the ETag of `GET /product-sheets/{id}`.
        """
        demand(request, MAY_PRICE)
        asked = clean(PRICE, request)

        def change() -> ProductSheetJson:
            changed = editing.set_price(
                product_id=product_id,
                price=asked["price"],
                compare_at_price=asked.get("compare_at_price"),
                cause=asked["reason"],
                actor_id=request.user.pk,
            )
            note(request, changed, asked["reason"])
            return read_sheet(product_id)

        return tagged(once(request, lambda: _if_match(request, product_id, change)))


def _if_match(request: AuthenticatedRequest, product_id: int, change: Any) -> Any:
    return change_if_match(
        request,
        change,
        lock=Product.objects.filter(pk=product_id),
        read=lambda: read_sheet(product_id),
        required=True,
    )


def _facts(asked: dict[str, Any]) -> dict[str, Any]:
    return {name: asked[name] for name in FACTS if name in asked}


def _texts(asked: dict[str, Any]) -> dict[str, LocalText | None]:
    return {
        language: text if text is None else LocalText(**text)
        for language, text in asked.get("texts", {}).items()
    }
