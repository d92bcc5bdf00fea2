"""How the demo's parcels travel: ways, zones, prices, and where they can be fetched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from delivery import selectors as deliveries
from delivery.models import DeliveryKind, DeliveryMethod, PickupPoint, Rate, Zone
from promotions.pricing import DeliveryTerms, Item, weight_of

STANDARD, DAWN, PICK_UP = "standard", "dawn", "pick-up"
# How many of a hundred orders take each.
SHARES = {STANDARD: 78, DAWN: 16, PICK_UP: 6}
METHODS: tuple[dict[str, Any], ...] = (
    {
        "code": STANDARD,
        "name": "Standard delivery",
        "cost": 3_000,
        "free_from": 50_000,
        "carrier": "sandbox",
        "cut_off": time(15),
        "days_min": 1,
        "days_max": 3,
    },
    {
        "code": DAWN,
        "name": "Dawn delivery, before 7 a.m.",
        "kind": DeliveryKind.EXPRESS,
        "cost": 5_000,
        "carrier": "sandbox",
        "carrier_service": "express",
        "cut_off": time(22),
        "days_min": 1,
        "days_max": 1,
        "works_weekends": True,
    },
    {
        "code": PICK_UP,
        "name": "Pick-up at the shop",
        "kind": DeliveryKind.PICKUP,
        "cost": 0,
        "cut_off": time(17),
        "days_min": 1,
        "days_max": 2,
    },
)
KOREA, ISLANDS, ASIA, REST = "Korea", "Jeju and islands", "Asia", "Everywhere else"
ZONES: tuple[tuple[str, list[str], list[str]], ...] = (
    (KOREA, ["KR"], []),
    # Jeju and Ulleungdo.
    (ISLANDS, ["KR"], ["63", "402"]),
    (ASIA, ["CN", "HK", "JP", "MN", "SG", "TH", "TW", "VN"], []),
    (REST, [], []),
)
# Zone, up to how many grams, from which goods total, cost.
RATES: dict[str, tuple[tuple[str, int | None, int, int], ...]] = {
    STANDARD: (
        (KOREA, 10_000, 0, 3_000),
        (KOREA, None, 0, 6_000),
        (KOREA, None, 50_000, 0),
        (ISLANDS, 10_000, 0, 6_000),
        (ISLANDS, None, 0, 11_000),
        (ISLANDS, None, 50_000, 3_000),
        (ASIA, 2_000, 0, 18_000),
        (ASIA, 10_000, 0, 42_000),
        (ASIA, 30_000, 0, 98_000),
        (REST, 2_000, 0, 26_000),
        (REST, 10_000, 0, 74_000),
        (REST, 30_000, 0, 165_000),
    ),
    # No island is reached before breakfast.
    DAWN: ((KOREA, 10_000, 0, 5_000), (KOREA, 20_000, 0, 9_000)),
}
POINTS = (
    ("jongno", "Dojang Jongno", "03164", "19 Jong-ro", "Seoul", "10:00–20:00"),
    ("gangnam", "Dojang Gangnam", "06236", "152 Teheran-ro", "Seoul", "10:00–21:00"),
    ("haeundae", "Dojang Haeundae", "48094", "264 Haeundaehaebyeon-ro", "Busan", ""),
    ("dongseong", "Dojang Daegu", "41938", "25 Dongseong-ro", "Daegu", "11:00–20:00"),
)


@dataclass(slots=True)
class Ways:
    """The ways of delivery to each address, each found once."""

    _found: dict[tuple[str, ...], list[DeliveryTerms]] = field(default_factory=dict)

    def draw(
        self, address: Mapping[str, str], items: Sequence[Item], drawn: int
    ) -> DeliveryTerms | None:
        """Return the way that the ``drawn``-th of a hundred orders takes there."""
        weight = weight_of(items)
        value = sum(item.total for item in items)
        open_ways = [
            way
            for way in self._to(address)
            if way.table_cost(weight, value) is not None
        ]
        for way in open_ways:
            drawn -= SHARES.get(way.code, 0)
            if drawn < 0:
                return way
        return open_ways[0] if open_ways else None

    def _to(self, address: Mapping[str, str]) -> list[DeliveryTerms]:
        place = tuple(deliveries.place_of(address).values())
        if place not in self._found:
            self._found[place] = deliveries.ways(address)
        return self._found[place]


def offer_ways() -> Ways:
    """Write the ways of delivery, unless the shop has some of its own."""
    if not DeliveryMethod.objects.exists():
        _write()
    return Ways()


def _write() -> None:
    zones = {
        name: Zone.objects.create(
            name=name, countries=countries, postal_prefixes=prefixes, position=position
        )
        for position, (name, countries, prefixes) in enumerate(ZONES)
    }
    methods = {
        columns["code"]: DeliveryMethod.objects.create(position=position, **columns)
        for position, columns in enumerate(METHODS)
    }
    for code, rates in RATES.items():
        for zone, weight, value, cost in rates:
            Rate.objects.create(
                method=methods[code],
                zone=zones[zone],
                weight_up_to=weight,
                value_from=value,
                cost=cost,
            )
    for position, (code, name, postal_code, line1, city, hours) in enumerate(POINTS):
        PickupPoint.objects.create(
            method=methods[PICK_UP],
            code=code,
            name=name,
            postal_code=postal_code,
            line1=line1,
            city=city,
            opening_hours=hours,
            position=position,
        )
