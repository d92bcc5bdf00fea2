"""Ways of delivery and their prices with the ORM, a question at a time."""

from collections.abc import Iterable, Iterator, Mapping

from django.conf import settings
from django.db.models import F, Q

from catalog.models import Product
from checkout.errors import DeliveryMethodUnavailable
from checkout.services import Purchase
from delivery.models import DeliveryMethod, Rate, Zone
from promotions.pricing import DeliveryTerms


def way_of(wish: Purchase, products: Iterable[Product]) -> DeliveryTerms | None:
    """Return the way that is asked for, or the first one that leads there.

    Its price is a plain one already. Raises ``DeliveryMethodUnavailable``.
    """
    pieces = [(product, wish.quantities[product.pk]) for product in products]
    weight = sum(product.weight_grams * quantity for product, quantity in pieces)
    value = sum(product.price * quantity for product, quantity in pieces)
    methods = DeliveryMethod.objects.offered()
    if wish.delivery_method is None and not methods:
        return None
    if wish.delivery_method is not None:
        methods = methods.filter(code=wish.delivery_method)
    for method in methods:
        cost = _cost(method, wish.address, weight, value)
        if cost is not None:
            return DeliveryTerms(method.code, method.name, cost, None)
    raise DeliveryMethodUnavailable


def _cost(
    method: DeliveryMethod, address: Mapping[str, str], weight: int, value: int
) -> int | None:
    if not method.rates.exists():
        free_from = method.free_from
        return 0 if free_from is not None and value >= free_from else method.cost
    takes = Q(weight_up_to=None) | Q(weight_up_to__gte=weight)
    rates = Rate.objects.filter(takes, method=method, value_from__lte=value)
    closest = rates.order_by("-value_from", F("weight_up_to").asc(nulls_last=True))
    rate = closest.filter(zone=_zone(address)).first()
    return rate.cost if rate else None


def _zone(address: Mapping[str, str]) -> Zone | None:
    country = address.get("country") or settings.SHOP_COUNTRY
    postal_code = address.get("postal_code", "").replace("-", "")
    for fits in _closeness(country, postal_code):
        zone = Zone.objects.filter(fits).order_by("position", "pk").first()
        if zone is not None:
            return zone
    return None


def _closeness(country: str, postal_code: str) -> Iterator[Q]:
    there = Q(countries__contains=[country])
    for length in range(len(postal_code), 0, -1):
        yield there & Q(postal_prefixes__contains=[postal_code[:length]])
    yield there & Q(postal_prefixes=[])
    yield Q(countries=[])
