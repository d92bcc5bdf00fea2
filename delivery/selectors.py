"""Which ways lead to an address, what they cost, and when a parcel gets there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import orjson
from django.conf import settings

from common.db import run
from delivery import live
from delivery.carriers.base import Parcel
from delivery.errors import PickupPointUnavailable
from delivery.models import DeliveryKind, PickupPoint
from delivery.promise import Promise, promise
from delivery.terms import DeliveryTerms, country_of, postal_code_of, terms_from

# The zone that fits ``country`` and ``postal_code`` most closely; see ``Zone``.
ZONE_SQL = """
    SELECT zone.id
      FROM delivery_zone AS zone
      LEFT JOIN LATERAL (
           SELECT max(length(prefix)) AS length
             FROM unnest(zone.postal_prefixes) AS prefix
            WHERE starts_with(%(postal_code)s::text, prefix)) AS matched ON true
     WHERE (zone.countries = '{}' OR %(country)s::text = ANY(zone.countries))
       AND (zone.postal_prefixes = '{}' OR matched.length IS NOT NULL)
     ORDER BY matched.length DESC NULLS LAST, zone.countries = '{}',
              zone.position, zone.id
     LIMIT 1
"""
# A ``method`` with its rates for that zone, as ``read_way`` reads it. No rates at all
# are null, none for this zone an empty list.
WAY_SQL = f"""
    json_build_array(
        method.code, method.name, method.cost, method.free_from, method.kind,
        method.carrier, method.carrier_service, method.cut_off, method.days_min,
        method.days_max, method.works_weekends,
        (SELECT coalesce(
                    json_agg(json_build_array(weight_up_to, value_from, rate.cost))
                        FILTER (WHERE rate.zone_id = ({ZONE_SQL})), '[]')
           FROM delivery_rate AS rate
          WHERE rate.method_id = method.id HAVING count(*) > 0))::text
"""  # noqa: S608 — our own text
WAYS_SQL = f"""
    SELECT {WAY_SQL} FROM delivery_deliverymethod AS method
     WHERE method.is_active ORDER BY method.position, method.id
"""  # noqa: S608 — our own text


@dataclass(frozen=True, slots=True)
class DeliveryQuote:
    """A way of delivery for one parcel: its price in minor units, and when it is there.

    ``is_estimate`` says that the carrier did not answer and the shop's own price holds.
    """

    code: str
    name: str
    kind: str
    cost: int
    promise: Promise
    is_estimate: bool
    pickup_points: tuple[PickupPoint, ...] = ()


@lru_cache(maxsize=512)
def read_way(text: str) -> DeliveryTerms:
    """Read what ``WAY_SQL`` returned; most orders read the same few."""
    return terms_from(orjson.loads(text))


def place_of(address: Mapping[str, str]) -> dict[str, str]:
    """Return what ``WAY_SQL`` wants to know of an address; an empty one is at home."""
    return {
        "country": country_of(address, settings.SHOP_COUNTRY),
        "postal_code": postal_code_of(address.get("postal_code", "")),
    }


def ways(address: Mapping[str, str]) -> list[DeliveryTerms]:
    """Return every way that is offered, with its rates for ``address``, in order."""
    return [read_way(text) for (text,) in run(WAYS_SQL, place_of(address)).rows()]


def quotes(parcel: Parcel, *, now: datetime) -> list[DeliveryQuote]:
    """Return each way that takes ``parcel``, in order, with its price and its days.

    May ask carriers, so it is nothing for a transaction. It waits for them for
    ``live.DEADLINE`` seconds, then the shop's own prices stand in as estimates.
    """
    serving = [
        way
        for way in ways(parcel.address)
        if way.table_cost(parcel.weight, parcel.value) is not None
    ]
    unsure = [way for way in serving if _wants_asking(way, parcel)]
    told = live.ask(unsure, parcel) if unsure else {}
    asked = {way.code for way in unsure}
    points = _points_of(serving)
    return [
        DeliveryQuote(
            code=way.code,
            name=way.name,
            kind=way.kind,
            cost=way.cost_for(parcel.weight, parcel.value) or 0,
            promise=promise(way.schedule, now=now),
            is_estimate=way.code in asked - told.keys(),
            pickup_points=tuple(points.get(way.code, ())),
        )
        for way in (told.get(way.code, way) for way in serving)
    ]


def priced(terms: DeliveryTerms, parcel: Parcel) -> DeliveryTerms:
    """Return ``terms`` as an order takes them: with the carrier's price if it is known.

    Asks nobody; a way without a carrier's price costs nothing here.
    """
    return live.known(terms, parcel) if _wants_asking(terms, parcel) else terms


def pickup_address(
    address: Mapping[str, str], *, method: str, point: str
) -> dict[str, str]:
    """Return what an order freezes if it waits for its shopper at a pickup point.

    That is the point's address under the shopper's name and phone, and which point it
    is. Raises ``PickupPointUnavailable``.
    """
    open_points = PickupPoint.objects.open().filter(method__is_active=True)
    found = open_points.filter(method__code=method, code=point).first()
    if found is None:
        raise PickupPointUnavailable
    return {
        "recipient": address.get("recipient", ""),
        "phone": address.get("phone", ""),
        "postal_code": found.postal_code,
        "line1": found.line1,
        "line2": found.line2,
        "city": found.city,
        "country": found.country,
        "pickup_point": found.code,
        "pickup_name": found.name,
    }


def _wants_asking(way: DeliveryTerms, parcel: Parcel) -> bool:
    return way.is_live and bool(way.table_cost(parcel.weight, parcel.value))


def _points_of(serving: Sequence[DeliveryTerms]) -> dict[str, list[PickupPoint]]:
    codes = [way.code for way in serving if way.kind == DeliveryKind.PICKUP]
    found: dict[str, list[PickupPoint]] = {}
    if codes:
        points = PickupPoint.objects.open().filter(method__code__in=codes)
        for point in points.select_related("method"):
            found.setdefault(point.method.code, []).append(point)
    return found
