"""A carrier for demonstrations: its parcels exist on paper, and arrive by the clock.

A tracking number holds the second at which its label was ordered, so that where a
parcel is follows from the number and the time, and nothing is remembered.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import orjson
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from delivery.carriers.base import (
    CarrierRefused,
    CarrierWebhookInvalid,
    Label,
    Offered,
    Parcel,
    ParcelState,
    Scan,
    Tracking,
)
from delivery.terms import country_of

PREFIX = "SB"
SECOND_DIGITS, MARK_DIGITS = 10, 8
NUMBER = re.compile(rf"{PREFIX}([0-9]{{{SECOND_DIGITS}}})[0-9]{{{MARK_DIGITS}}}")
SIGNATURE = "x-sandbox-signature"
# How long an order of a label is recognised.
REMEMBERED = 30 * 24 * 3600  # seconds
# What is asked per parcel and per kilogram begun, and in how many days it is there.
SERVICES = {"standard": (2_500, 300, 2), "express": (4_500, 500, 1)}
ABROAD_TIMES, ABROAD_DAYS = 6, 5
WAY = (
    (ParcelState.PACKED, "Packed at the shop", "Seoul"),
    (ParcelState.SHIPPED, "Handed over", "Seoul"),
    (ParcelState.IN_TRANSIT, "On its way", "Daejeon hub"),
    (ParcelState.OUT_FOR_DELIVERY, "In the van", "Close to you"),
    (ParcelState.DELIVERED, "Delivered", "At the door"),
)


class Sandbox:
    """Knows a price for everything, and loses nothing."""

    code = "sandbox"
    label = "Sandbox"

    def rates(self, parcel: Parcel) -> Sequence[Offered]:
        """Ask by the kilogram; abroad it is dearer and takes longer."""
        home = settings.SHOP_COUNTRY
        is_home = country_of(parcel.address, home) == home
        times, more_days = (1, 0) if is_home else (ABROAD_TIMES, ABROAD_DAYS)
        kilograms = -(-parcel.weight // 1000)
        return [
            Offered(service, times * (base + each * kilograms), days + more_days)
            for service, (base, each, days) in SERVICES.items()
        ]

    def label_for(self, parcel: Parcel, *, service: str, key: str) -> Label:
        """Make a label up; the same ``key`` gets the same one."""
        cost = {one.service: one.cost for one in self.rates(parcel)}.get(service)
        if cost is None:
            raise CarrierRefused(f"the sandbox has no service {service!r}")
        number = _number(key, timezone.now())
        kept = f"delivery:sandbox:{key}"
        if not cache.add(kept, number, REMEMBERED):
            number = cache.get(kept, number)
        url = f"{settings.SHOP_BASE_URL}/orders/"
        return Label(tracking_number=number, tracking_url=url, label_url="", cost=cost)

    def track(self, tracking_number: str) -> Tracking:
        """Tell where a parcel must be by now."""
        started = _started(tracking_number)
        now = timezone.now()
        step = timedelta(seconds=settings.SANDBOX_PARCEL_SECONDS)
        moments = [started + place * step for place in range(len(WAY))]
        scans = [
            Scan(f"{tracking_number}/{state}", state, text, place, happened_at)
            for (state, text, place), happened_at in zip(WAY, moments, strict=True)
            if happened_at <= now
        ]
        return Tracking(tracking_number, scans)

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Tracking | None:
        """Verify a message that names a parcel, and look where that is."""
        signed = headers.get(SIGNATURE, "")
        if not hmac.compare_digest(signed.encode(), signature(body).encode()):
            raise CarrierWebhookInvalid("the sandbox's signature does not fit")
        try:
            return self.track(orjson.loads(body)["tracking_number"])
        except (ValueError, LookupError, TypeError, CarrierRefused) as error:
            raise CarrierWebhookInvalid(
                "the sandbox's message is unreadable"
            ) from error


def signature(body: bytes) -> str:
    """Return how the sandbox signs a message."""
    secret = settings.SANDBOX_WEBHOOK_SECRET.encode()
    return hmac.new(secret, body, hashlib.sha256).hexdigest()


def _number(key: str, moment: datetime) -> str:
    seconds = f"{int(moment.timestamp()):0{SECOND_DIGITS}}"
    return f"{PREFIX}{seconds}{_mark(key)}"


def _mark(key: str) -> str:
    # Two parcels of one second are two.
    digest = int(hashlib.sha256(key.encode()).hexdigest(), 16)
    return f"{digest % 10**MARK_DIGITS:0{MARK_DIGITS}}"


def _started(tracking_number: str) -> datetime:
    ours = NUMBER.fullmatch(tracking_number)
    if ours is None:
        raise CarrierRefused("the sandbox has no such parcel")
    return datetime.fromtimestamp(int(ours[1]), UTC)
