"""What carriers ask at the moment, kept for a while.

Only a look at what delivery would cost asks a carrier, and waits for it briefly. An
order takes what such a look has found, and never calls anybody.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.core.cache import cache

from common.breaker import Breaker
from delivery.carriers import carrier
from delivery.carriers.base import Carrier, CarrierError, CarrierRefused, Parcel
from delivery.terms import DeliveryTerms, country_of, postal_code_of

logger = logging.getLogger(__name__)

# Seconds a page waits for all carriers together.
DEADLINE = 1.5
# Seconds for which a price is not asked again, and for which it holds. An order that
# follows a look finds the price that was shown.
FRESH, KEPT = 600, 3600
# Grams. Carts that differ by a little share a price.
WEIGHT_STEP = 100
# Questions under way in this process; further ones are answered by the tables.
MOST_ASKED = 8

breaker = Breaker()
_pool = ThreadPoolExecutor(max_workers=MOST_ASKED, thread_name_prefix="carrier")
_places = threading.BoundedSemaphore(MOST_ASKED)


@dataclass(frozen=True, slots=True)
class Told:
    """A carrier's prices and days by service; when it told them, in Unix seconds."""

    told_at: float
    services: dict[str, tuple[int, int | None]]

    @property
    def is_fresh(self) -> bool:
        return time.time() - self.told_at < FRESH


def known(terms: DeliveryTerms, parcel: Parcel) -> DeliveryTerms:
    """Return ``terms`` with the carrier's price if it is known. Asks nobody."""
    told = _recall(terms.carrier, parcel)
    return _apply(terms, told)


def ask(ways: Sequence[DeliveryTerms], parcel: Parcel) -> dict[str, DeliveryTerms]:
    """Return those ``ways``, by code, that their carriers have a price for.

    Asks the carriers whose prices are not fresh, all at once, and waits ``DEADLINE``
    seconds at most. What comes later is there for the next look.
    """
    told: dict[str, Told | None] = {}
    asked: dict[str, Future[Told | None]] = {}
    for code in {way.carrier for way in ways}:
        told[code] = _recall(code, parcel)
        if (known_now := told[code]) is None or not known_now.is_fresh:
            future = _send(code, parcel)
            asked |= {code: future} if future else {}
    _done, late = wait(asked.values(), timeout=DEADLINE)
    for code, future in asked.items():
        if future in late:
            breaker.failed(code)
        elif (news := future.result()) is not None:
            told[code] = news
    found = [_apply(way, told[way.carrier]) for way in ways]
    return {way.code: way for way in found if way.live_cost is not None}


def _send(code: str, parcel: Parcel) -> "Future[Told | None] | None":
    adapter = carrier(code)
    if adapter is None or not breaker.may_try(code):
        return None
    if not _places.acquire(blocking=False):
        return None
    return _pool.submit(_ask, adapter, _rounded(parcel))


def _ask(adapter: Carrier, parcel: Parcel) -> Told | None:
    try:
        told = _learn(adapter, parcel)
        if told is not None:
            kept = (told.told_at, told.services)
            cache.set(_key(adapter.code, parcel), kept, KEPT)
        return told
    finally:
        _places.release()


def _learn(adapter: Carrier, parcel: Parcel) -> Told | None:
    services: dict[str, tuple[int, int | None]] = {}
    try:
        services = {one.service: (one.cost, one.days) for one in adapter.rates(parcel)}
    except CarrierRefused as error:
        logger.warning("%s has no price: %s", adapter.code, error)
    except CarrierError as error:
        logger.warning("%s is away: %s", adapter.code, error)
        breaker.failed(adapter.code)
        return None
    except Exception:
        # A shopper is waiting: whatever is wrong, there are the tables.
        logger.exception("%s could not be asked", adapter.code)
        breaker.failed(adapter.code)
        return None
    breaker.answered(adapter.code)
    return Told(time.time(), services)


def _recall(code: str, parcel: Parcel) -> Told | None:
    kept: Any = cache.get(_key(code, _rounded(parcel)))
    return None if kept is None else Told(*kept)


def _apply(terms: DeliveryTerms, told: Told | None) -> DeliveryTerms:
    found = told.services.get(terms.service) if told else None
    return terms if found is None else terms.told(*found)


def _rounded(parcel: Parcel) -> Parcel:
    steps = max(1, -(-parcel.weight // WEIGHT_STEP))
    return replace(parcel, weight=steps * WEIGHT_STEP)


def _key(code: str, parcel: Parcel) -> str:
    address = parcel.address
    # Some countries have no postal codes.
    place = postal_code_of(address.get("postal_code", "")) or address.get("city", "")
    text = f"{country_of(address, settings.SHOP_COUNTRY)} {place.strip().casefold()}"
    digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return f"delivery:{code}:{parcel.weight}:{digest}"
