"""Structured data in the words of schema.org, as JSON-LD.

What is recommended for shops: https://developers.google.com/search/docs, "Merchant
listing structured data".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.urls import reverse

from checkout.standing import RETURN_DAYS
from common.money import to_major
from shop.seo.addresses import absolute
from shop.shelves import Shelf
from shop.storefront import HomeDelivery

CONTEXT = "https://schema.org"
Data = dict[str, Any]
# The names of options that schema.org and product feeds have a word for.
OPTION_WORDS = {"colour": "color", "size": "size", "material": "material"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """A product as its page shows it: addresses are paths, the price minor units."""

    path: str
    name: str
    description: str
    sku: str
    images: Sequence[str]
    price: int
    available: int
    ways: Sequence[HomeDelivery]
    options: Mapping[str, Any]
    rating_average: Decimal | None
    rating_count: int
    reviews: Sequence[Data] = ()


def organization() -> Data:
    """Describe the shop itself."""
    return {
        "@context": CONTEXT,
        "@type": "OnlineStore",
        "@id": absolute("/#shop"),
        "name": settings.SHOP_NAME,
        "legalName": settings.SHOP_LEGAL_NAME,
        "url": absolute("/"),
        "logo": absolute(f"{settings.STATIC_URL}img/icon-512.png"),
        "hasMerchantReturnPolicy": return_policy(),
    }


def website() -> Data:
    """Describe the site and how it is searched."""
    search = absolute(reverse("shop:search"))
    return {
        "@context": CONTEXT,
        "@type": "WebSite",
        "name": settings.SHOP_NAME,
        "url": absolute("/"),
        "potentialAction": {
            "@type": "SearchAction",
            "target": {
                "@type": "EntryPoint",
                "urlTemplate": f"{search}?q={{search_term_string}}",
            },
            "query-input": "required name=search_term_string",
        },
    }


def breadcrumbs(path: Sequence[Shelf], leaf: str = "") -> Data:
    """Describe where a page stands: the shop, its categories, and what it shows."""
    steps = [("/", settings.SHOP_NAME)]
    steps += [(reverse("shop:category", args=[one.slug]), one.name) for one in path]
    items: list[Data] = [
        {
            "@type": "ListItem",
            "position": position,
            "name": name,
            "item": absolute(address),
        }
        for position, (address, name) in enumerate(steps, 1)
    ]
    if leaf:
        # The page itself is the last step and needs no address.
        items.append({"@type": "ListItem", "position": len(items) + 1, "name": leaf})
    return {"@context": CONTEXT, "@type": "BreadcrumbList", "itemListElement": items}


def item_list(addresses: Iterable[str], *, first: int = 1) -> Data:
    """Describe a list of products by the paths of their pages, in order."""
    items = [
        {"@type": "ListItem", "position": position, "url": absolute(address)}
        for position, address in enumerate(addresses, first)
    ]
    return {
        "@context": CONTEXT,
        "@type": "ItemList",
        "numberOfItems": len(items),
        "itemListElement": items,
    }


def product(product: Described, category: str) -> Data:
    """Describe a product with its offer; ``category`` is the path to its shelf."""
    data: Data = {
        "@context": CONTEXT,
        "@type": "Product",
        "@id": absolute(f"{product.path}#product"),
        "name": product.name,
        "description": product.description or product.name,
        "sku": product.sku,
        "category": category,
        "brand": {"@type": "Brand", "name": settings.SHOP_NAME},
        "image": [absolute(image) for image in product.images],
        "offers": offer(product),
    }
    for key, value in product.options.items():
        if (word := OPTION_WORDS.get(key)) is not None:
            data[word] = str(value)
    if product.rating_count:
        data["aggregateRating"] = {
            "@type": "AggregateRating",
            "ratingValue": str(product.rating_average),
            "reviewCount": product.rating_count,
            "bestRating": 5,
            "worstRating": 1,
        }
    if product.reviews:
        data["review"] = list(product.reviews)
    return data


def offer(product: Described) -> Data:
    """Describe what a product costs, whether it can be had, and how it gets home."""
    state = "InStock" if product.available > 0 else "OutOfStock"
    return {
        "@type": "Offer",
        "url": absolute(product.path),
        "price": to_major(product.price),
        "priceCurrency": settings.SHOP_CURRENCY,
        "availability": f"{CONTEXT}/{state}",
        "itemCondition": f"{CONTEXT}/NewCondition",
        "seller": {"@id": absolute("/#shop")},
        "shippingDetails": [_shipping(way, product.price) for way in product.ways],
        "hasMerchantReturnPolicy": return_policy(),
    }


def review(*, author: str, stars: int, text: str, day: str) -> Data:
    """Describe a review; ``day`` as ISO 8601 writes it."""
    return {
        "@type": "Review",
        "author": {"@type": "Person", "name": author},
        "datePublished": day,
        "reviewBody": text,
        "reviewRating": {"@type": "Rating", "ratingValue": stars, "bestRating": 5},
    }


def return_policy() -> Data:
    """Describe how long and how things can be sent back."""
    return {
        "@type": "MerchantReturnPolicy",
        "applicableCountry": settings.SHOP_COUNTRY,
        "returnPolicyCategory": f"{CONTEXT}/MerchantReturnFiniteReturnWindow",
        "merchantReturnDays": RETURN_DAYS,
        "returnMethod": f"{CONTEXT}/ReturnByMail",
        "returnFees": f"{CONTEXT}/ReturnFeesCustomerResponsibility",
        "merchantReturnLink": absolute(reverse("shop:help", args=["returns"])),
    }


def _shipping(way: HomeDelivery, price: int) -> Data:
    is_free = way.free_from is not None and price >= way.free_from
    return {
        "@type": "OfferShippingDetails",
        "shippingRate": {
            "@type": "MonetaryAmount",
            "value": to_major(0 if is_free else way.cost),
            "currency": settings.SHOP_CURRENCY,
        },
        "shippingDestination": {
            "@type": "DefinedRegion",
            "addressCountry": settings.SHOP_COUNTRY,
        },
        "deliveryTime": {
            "@type": "ShippingDeliveryTime",
            "handlingTime": _days(0, 1),
            "transitTime": _days(way.days_min, way.days_max),
        },
    }


def _days(least: int, most: int) -> Data:
    return {
        "@type": "QuantitativeValue",
        "minValue": least,
        "maxValue": most,
        "unitCode": "DAY",
    }
