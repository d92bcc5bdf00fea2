"""Where a parcel would go: the shopper's address, or a postal code they told us."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse

from catalog.texts import local
from common.memo import Memo
from delivery import selectors as deliveries
from delivery.promise import Promise, promise
from delivery.terms import DeliveryTerms
from shop import cookies

PLACE_COOKIE = "postcode"
LONGEST = 10

# What delivery costs is shown from here and charged from the table.
_ways: Memo[tuple[str, ...], list[DeliveryTerms]] = Memo(seconds=60, size=500)


@dataclass(frozen=True, slots=True)
class Place:
    """A postal code, with the name of its place if it is the shopper's address."""

    postal_code: str = ""
    city: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """What one way of delivery costs to a place, and when the parcel is there."""

    name: str
    cost: int
    free_from: int | None
    window: Promise


def place_of_request(
    request: HttpRequest, addresses: Sequence[Mapping[str, str]]
) -> Place:
    """Return the place that was told last, else the default address, else nowhere."""
    told = clean(request.COOKIES.get(PLACE_COOKIE, ""))
    if told:
        return Place(postal_code=told)
    return Place(**addresses[0]) if addresses else Place()


def ways_to(place: Place, *, weight: int, value: int, now: datetime) -> list[Way]:
    """Return each way that takes a parcel there; ``weight`` is in grams."""
    address = {"postal_code": place.postal_code, "country": place.country}
    return [
        Way(
            name=local(way.name),
            cost=cost,
            free_from=way.free_above(weight),
            window=promise(way.schedule, now=now),
        )
        for way in terms_to(address)
        if (cost := way.table_cost(weight, value)) is not None
    ]


def terms_to(address: Mapping[str, str]) -> list[DeliveryTerms]:
    """Return the ways of delivery to an address; they may be a minute old."""
    key = tuple(deliveries.place_of(address).values())
    return _ways.get_or_make(key, lambda: deliveries.ways(address))


def clean(text: str) -> str:
    """Return a postal code as it is typed, or nothing if it cannot be one."""
    code = " ".join(text.upper().split())
    is_code = code.replace(" ", "").replace("-", "").isalnum()
    return code if is_code and code.isascii() and len(code) <= LONGEST else ""


def remember(response: HttpResponse, postal_code: str) -> None:
    """Let this browser keep where parcels go; nothing forgets it."""
    if not postal_code:
        response.delete_cookie(PLACE_COOKIE, samesite="Lax")
        return
    cookies.remember(response, PLACE_COOKIE, postal_code, days=180)
