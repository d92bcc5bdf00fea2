"""What the page of a product shows of it, read in as few statements as can be."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.core.files.storage import default_storage
from django.db.models import F, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from accounts.models import Address
from catalog.models import Product
from catalog.texts import local, local_description, local_name
from common.languages import reader_language
from shop.cards import all_photos, first_photo, photo_url
from shop.facets import option_label
from shop.price_history import known_changes


@dataclass(frozen=True)
class Sibling:
    """Another size or colour of the same thing."""

    id: int
    slug: str
    label: str
    photo: dict[str, Any] | None
    photo_url: str


def with_facts(user_id: int | None) -> QuerySet[Product]:
    """Annotate all that the page shows of a product and of where it would go."""
    return Product.objects.with_available().annotate(
        reserved=F("stock__reserved"),
        shown_name=local_name(),
        shown_description=local_description(),
        pictures=ArraySubquery(all_photos()),
        others=ArraySubquery(_siblings()),
        changes=known_changes(),
        address=ArraySubquery(_addresses(user_id)),
    )


def pictures(product: Any) -> list[dict[str, Any]]:
    """Return the pictures with their addresses.

    What they show is told in the shop's own language; others are told the name.
    """
    is_own = reader_language() == settings.LANGUAGE_CODE
    told = {} if is_own else {"alt": product.shown_name}
    return [
        photo | {"url": default_storage.url(photo["image"])} | told
        for photo in product.pictures
    ]


def siblings(product: Any) -> list[Sibling]:
    """Return the variants, this one among them; none if there is only this one."""
    telling = _telling_options(product.others)
    found = [
        Sibling(
            id=row["id"],
            slug=row["slug"],
            label=", ".join(
                local(str(value))
                for name, value in row["options"].items()
                if name in telling
            )
            or row["name"],
            photo=row["photo"],
            photo_url=photo_url(row["photo"]),
        )
        for row in product.others
    ]
    return found if len(found) > 1 else []


def specifications(product: Product) -> list[tuple[str, str]]:
    """Return the properties by which a product is chosen, in words."""
    return [
        (option_label(name), local(str(value)))
        for name, value in product.options.items()
    ]


def _telling_options(variants: list[dict[str, Any]]) -> set[str]:
    """Return the names of the options that are not the same for all variants."""
    values: dict[str, set[str]] = {}
    for variant in variants:
        for name, value in variant["options"].items():
            values.setdefault(name, set()).add(str(value))
    return {name for name, found in values.items() if len(found) > 1}


def _siblings() -> QuerySet[Product, Any]:
    row = JSONObject(
        id="id", slug="slug", name=local_name(), options="options", photo=first_photo()
    )
    others = Product.objects.on_sale().filter(group=OuterRef("group"))
    return others.order_by("id").values(json=row)


def _addresses(user_id: int | None) -> QuerySet[Address, Any]:
    own = Address.objects.filter(user=user_id) if user_id else Address.objects.none()
    place = JSONObject(postal_code="postal_code", city="city", country="country")
    return own.order_by("-is_default", "-pk").values(json=place)[:1]
