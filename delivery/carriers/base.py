"""What the shop needs from whoever carries its parcels.

An adapter speaks with one carrier and knows nothing of orders. Its calls go over the
network: none is made inside a transaction, each ends within ``PROVIDER_TIMEOUT``
seconds. Amounts are integers in minor units of the shop's currency, weights in grams.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class ParcelState(StrEnum):
    """How far a parcel has come; it only moves on, in this order."""

    PACKED = "packed"
    SHIPPED = "shipped"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is to travel, and where to (keys as in an address's snapshot)."""

    weight: int
    value: int
    address: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Offered:
    """What a carrier asks for a parcel; ``days`` are its working days, if it says."""

    service: str
    cost: int
    days: int | None


@dataclass(frozen=True, slots=True)
class Label:
    """A parcel that a carrier expects from us."""

    tracking_number: str
    tracking_url: str
    label_url: str
    cost: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One line of a parcel's way. ``event_id`` makes a repetition recognisable."""

    event_id: str
    state: ParcelState
    text: str
    place: str
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class Tracking:
    """What a carrier says of one parcel, oldest scan first."""

    tracking_number: str
    scans: Sequence[Scan]


class CarrierError(Exception):
    """The carrier did not do what was asked."""


class CarrierAway(CarrierError):
    """No answer, or none that says anything. It may work later."""


class CarrierRefused(CarrierError):
    """A definite no, as for an address it does not serve."""


class CarrierWebhookInvalid(CarrierError):
    """The message cannot be read, or is not signed by the carrier."""


class Carrier(Protocol):
    """One carrier of parcels."""

    code: str
    label: str

    def rates(self, parcel: Parcel) -> Sequence[Offered]:
        """Ask what it would cost."""

    def label_for(self, parcel: Parcel, *, service: str, key: str) -> Label:
        """Order a label; the same ``key`` orders one only."""

    def track(self, tracking_number: str) -> Tracking:
        """Ask where a parcel is."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Tracking | None:
        """Verify and read a message; ``None`` if it is about something else.

        ``headers`` have lower-case names. Raises ``CarrierWebhookInvalid``.
        """
