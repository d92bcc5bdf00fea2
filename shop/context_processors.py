"""What every template may use."""

from django.http import HttpRequest

from shop.storefront import Storefront, storefront_of


def storefront(request: HttpRequest) -> dict[str, Storefront]:
    """Offer the surroundings of the page; nothing is read until it is shown."""
    return {"storefront": storefront_of(request)}
