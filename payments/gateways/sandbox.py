"""A provider that is only a test: it takes no money, and misbehaves on request.

It keeps books of its own, as any provider does, and tells of them by signed webhooks.
How a payment goes is decided by a script, on its page or by a test.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.ids import uuid7
from payments.gateways.base import (
    GatewayAway,
    GatewayRefused,
    Invoice,
    Notice,
    ProviderState,
    Returned,
    Sight,
    Started,
    WebhookInvalid,
)
from payments.models import SandboxPayment, SandboxState

SIGNATURE = "x-sandbox-signature"
MAX_AGE = 300  # seconds


class Script(StrEnum):
    """How a payment goes."""

    SUCCESS = "success"
    DECLINE = "decline"
    # The money comes, but only after a while, and the payer is long back by then.
    LATE = "late"
    # The message comes twice.
    TWICE = "twice"
    # The message of the capture comes before that of the authorisation.
    OUT_OF_ORDER = "out_of_order"
    # No message ever comes.
    LOST = "lost"
    # The capture happens, but its answer does not come.
    TIMEOUT_AFTER_CAPTURE = "timeout_after_capture"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A message on its way to the shop, ``delay`` seconds from now."""

    headers: Mapping[str, str]
    body: bytes
    delay: int = 0


class Sandbox:
    """The test provider; it satisfies ``Gateway``."""

    code = "sandbox"
    label: str | Promise = _("Test card")

    def start(self, invoice: Invoice) -> Started:
        """Open a payment, once per key."""
        payment, _created = SandboxPayment.objects.get_or_create(
            key=invoice.key,
            defaults={
                "reference": f"sb_{uuid7().hex}",
                "amount": invoice.amount,
                "currency": invoice.currency,
                "description": invoice.description,
                "return_url": invoice.return_url,
            },
        )
        return Started(payment.reference, page_url(payment.reference))

    def capture(self, reference: str, *, amount: int, key: str) -> Sight:  # noqa: ARG002
        """Take held money; the script may keep the answer back."""
        with transaction.atomic():
            payment = _lock(reference)
            if payment.state == SandboxState.AUTHORISED:
                if amount != payment.amount:
                    raise GatewayRefused("only the whole amount can be captured")
                _move(payment, SandboxState.CAPTURED)
            script = payment.script
            if script == Script.TIMEOUT_AFTER_CAPTURE:
                SandboxPayment.objects.filter(pk=reference).update(
                    script=Script.SUCCESS
                )
        if script == Script.TIMEOUT_AFTER_CAPTURE:
            raise GatewayAway("no answer within the deadline")
        return _sight(payment)

    def void(self, reference: str, *, key: str) -> Sight:  # noqa: ARG002
        """Give up what is not captured."""
        with transaction.atomic():
            payment = _lock(reference)
            if payment.state in {SandboxState.OPEN, SandboxState.AUTHORISED}:
                _move(payment, SandboxState.VOIDED)
        return _sight(payment)

    def refund(
        self,
        reference: str,
        *,
        amount: int,
        currency: str,  # noqa: ARG002
        key: str,
    ) -> Returned:
        """Give back a part, once per key."""
        with transaction.atomic():
            payment = _lock(reference)
            if key not in payment.refunds:
                if payment.state != SandboxState.CAPTURED:
                    raise GatewayRefused("nothing was captured")
                if payment.refunded + amount > payment.amount:
                    raise GatewayRefused("more than was captured")
                payment.refunds[key] = amount
                payment.save(update_fields=["refunds"])
        return Returned(f"{reference}/{list(payment.refunds).index(key) + 1}")

    def look_up(self, reference: str) -> Sight:
        """Say how a payment stands."""
        payment = SandboxPayment.objects.filter(pk=reference).first()
        if payment is None:
            raise GatewayRefused("no such payment")
        return _sight(payment)

    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        """Verify by the signature over time and body, and read."""
        stamp, _comma, signature = headers.get(SIGNATURE, "").partition(",")
        if not hmac.compare_digest(signature.encode(), _signature(stamp, body)):
            raise WebhookInvalid("the signature is wrong")
        if not stamp.isdecimal() or abs(time.time() - int(stamp)) > MAX_AGE:
            raise WebhookInvalid("the signature is old")
        try:
            return [_notice(orjson.loads(body))]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise WebhookInvalid("the message cannot be read") from error


def page_url(reference: str) -> str:
    """Return the address of the page on which a payer decides."""
    return f"{settings.SHOP_BASE_URL}/sandbox/{reference}/"


def decide(reference: str, script: Script) -> list[Webhook]:
    """Let a payer decide; return what the shop is told of it, and when.

    A payment that is decided stays so.
    """
    with transaction.atomic():
        payment = _lock(reference)
        if payment.state != SandboxState.OPEN:
            return []
        payment.script = script
        if script == Script.DECLINE:
            _move(payment, SandboxState.FAILED)
        elif script == Script.LATE:
            payment.save(update_fields=["script"])
        else:
            _move(payment, SandboxState.AUTHORISED)
    return _told(payment, script)


def come_late(reference: str) -> list[Webhook]:
    """Let the money of a late payment arrive; return what the shop is told."""
    with transaction.atomic():
        payment = _lock(reference)
        if payment.state != SandboxState.OPEN:
            return []
        _move(payment, SandboxState.CAPTURED)
    return [webhook(payment)]


def webhook(
    payment: SandboxPayment, state: SandboxState | None = None, *, event_id: str = ""
) -> Webhook:
    """Make the signed message that tells of a payment (or of another state of it)."""
    body = json.dumps(
        {
            "id": event_id or f"evt_{uuid7().hex}",
            "type": f"payment.{state or payment.state}",
            "payment": {
                "reference": payment.reference,
                "key": payment.key,
                "state": state or payment.state,
                "amount": payment.amount,
                "currency": payment.currency,
            },
        }
    ).encode()
    return Webhook(headers=sign(body), body=body)


def sign(body: bytes) -> dict[str, str]:
    """Return the headers of a message that is sent now."""
    stamp = str(int(time.time()))
    return {SIGNATURE: f"{stamp},{_signature(stamp, body).decode()}"}


def _told(payment: SandboxPayment, script: Script) -> list[Webhook]:
    if script in {Script.LATE, Script.LOST}:
        return []
    message = webhook(payment)
    if script == Script.TWICE:
        return [message, message]
    if script == Script.OUT_OF_ORDER:
        with transaction.atomic():
            _move(_lock(payment.reference), SandboxState.CAPTURED)
        return [webhook(payment, SandboxState.CAPTURED), message]
    return [message]


def _signature(stamp: str, body: bytes) -> bytes:
    secret = settings.SANDBOX_WEBHOOK_SECRET.encode()
    signed = stamp.encode() + b"." + body
    return hmac.new(secret, signed, hashlib.sha256).hexdigest().encode()


def _notice(message: Any) -> Notice:
    payment = message["payment"]
    amount = payment["amount"]
    if type(amount) is not int:
        raise TypeError("amount")
    sight = Sight(
        reference=str(payment["reference"]),
        state=ProviderState(payment["state"]),
        amount=amount,
        currency=str(payment["currency"]),
    )
    return Notice(
        event_id=str(message["id"]),
        kind=str(message["type"]),
        sight=sight,
        key=str(payment["key"]),
    )


def _sight(payment: SandboxPayment) -> Sight:
    return Sight(
        reference=payment.reference,
        state=ProviderState(payment.state),
        amount=payment.amount,
        currency=payment.currency,
        reason="declined" if payment.state == SandboxState.FAILED else "",
    )


def _lock(reference: str) -> SandboxPayment:
    payment = (
        SandboxPayment.objects.select_for_update(no_key=True)
        .filter(pk=reference)
        .first()
    )
    if payment is None:
        raise GatewayRefused("no such payment")
    return payment


def _move(payment: SandboxPayment, state: SandboxState) -> None:
    payment.state = state
    payment.save(update_fields=["state", "script"])
