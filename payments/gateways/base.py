"""What the shop needs from whoever takes money for it.

An adapter speaks with one provider and knows nothing of orders. Its calls go over the
network: none is made inside a transaction, each ends within ``PROVIDER_TIMEOUT``
seconds, and each may be repeated with the same ``key`` without doing anything twice.
All amounts are integers in minor units of ``currency``.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from django.utils.functional import Promise


class ProviderState(StrEnum):
    """How far a payment has come in the provider's own books."""

    OPEN = "open"  # the payer has not decided yet, or the provider is checking
    AUTHORISED = "authorised"  # the money is held for us, and ours to capture
    CAPTURED = "captured"
    FAILED = "failed"  # declined, abandoned or expired over there
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Invoice:
    """What is to be paid. ``key`` is our payment's id; it names this attempt for ever.

    ``return_url`` is where the provider sends the payer afterwards, however it went.
    """

    key: str
    amount: int
    currency: str
    description: str
    email: str
    return_url: str
    language: str = "en"

    @property
    def call_key(self) -> str:
        """Name the call that opens it: providers refuse a known key with other words.

        Whoever asks again in another language, or from another page, gets another key.
        Another amount has to be refused.
        """
        words = (self.description, self.email, self.return_url, self.language)
        digest = hashlib.sha256("\n".join(words).encode()).hexdigest()
        return f"{self.key}/start/{digest[:16]}"


@dataclass(frozen=True, slots=True)
class Started:
    """A payment that waits at the provider for its payer, who goes to ``url``."""

    reference: str
    url: str


@dataclass(frozen=True, slots=True)
class Sight:
    """What a provider says of a payment; ``amount`` is what it holds or has taken.

    While it has nothing yet, ``amount`` is what it was asked for. Both it and
    ``currency`` are checked against ours before anything is believed.
    """

    reference: str
    state: ProviderState
    amount: int
    currency: str
    # A word on why it failed, for the log and the staff.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Returned:
    """A refund that the provider has accepted."""

    reference: str


@dataclass(frozen=True, slots=True)
class Notice:
    """One message of a verified webhook. ``event_id`` is the provider's own.

    ``key`` is our payment's id where the provider repeats it, else empty. ``sight`` is
    ``None`` for a message that says nothing about a payment's state.
    """

    event_id: str
    kind: str
    sight: Sight | None
    key: str = ""


class GatewayError(Exception):
    """The provider did not do what was asked."""


class GatewayAway(GatewayError):
    """No answer, or none that says anything: it may have happened, or not.

    Repeating the call with the same key is safe and finds out.
    """


class GatewayRefused(GatewayError):
    """A definite no: nothing has happened over there, and asking again is useless."""


class WebhookInvalid(GatewayError):
    """The message cannot be read, or is not signed by the provider."""


class Gateway(Protocol):
    """One provider of payments."""

    # As in ``PAYMENT_GATEWAYS`` and in the webhook's address.
    code: str
    # What shoppers choose.
    label: str | Promise

    def start(self, invoice: Invoice) -> Started:
        """Open a payment over there; the same ``invoice.key`` opens one only."""

    def capture(self, reference: str, *, amount: int, key: str) -> Sight:
        """Take held money. Where nothing is held first, say what is so."""

    def void(self, reference: str, *, key: str) -> Sight:
        """Give up an unpaid or held payment, so that it cannot be captured any more.

        Says what is so if it is captured already.
        """

    def refund(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> Returned:
        """Send back a part or all of what was captured."""

    def look_up(self, reference: str) -> Sight:
        """Ask how a payment stands."""

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        """Verify a webhook by its signature over the raw body, and read it.

        ``headers`` have lower-case names. Raises ``WebhookInvalid``.
        """
