"""Cryptocurrency by a BTCPay Server of the shop's own, through its Greenfield API.

Coins cannot be held, nor refused: whoever sends them has paid, in time or late, enough
or not. What is told here is what arrived and is confirmed.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from babel.numbers import get_currency_precision
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common import http
from payments.gateways.amounts import as_decimal, from_decimal, parse
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
from payments.gateways.http import (
    message,
    objects,
    one_deadline,
    reading_answer,
    reading_webhook,
    text,
)

LANGUAGES = {"en": "en", "ko": "ko", "ru": "ru-RU"}
# Coins are seldom worth an amount to the last unit: one in so many is nothing.
ROUNDING = 1000
INVOICES = "/invoices"
# Paid, but not as asked for; the amount says how.
ODDLY_PAID = frozenset({"PaidLate", "PaidPartial"})
MARKED = "Marked"


class BTCPay:
    """References are ids of BTCPay's invoices."""

    code = "btcpay"
    label: str | Promise = _("Cryptocurrency")

    @one_deadline()
    def start(self, invoice: Invoice) -> Started:
        # Nothing over there keeps a second invoice of the same order from being made.
        if _first_of(invoice) is None:
            _ask("POST", INVOICES, json=_body(invoice))
        made = _first_of(invoice)
        if made is None:
            raise GatewayAway("BTCPay does not show the new invoice yet.")
        with reading_answer("BTCPay"):
            return Started(text(made["id"]), text(made["checkoutLink"]))

    @one_deadline()
    def capture(
        self,
        reference: str,
        *,
        amount: int,  # noqa: ARG002 — coins come by themselves
        key: str,  # noqa: ARG002
    ) -> Sight:
        return _look(reference)

    @one_deadline()
    def void(self, reference: str, *, key: str) -> Sight:  # noqa: ARG002 — ends once
        invoice = _get(reference)
        with reading_answer("BTCPay"):
            is_unpaid = invoice["status"] == "New"
        if not is_unpaid:
            # Coins that are under way are not stopped by calling the invoice invalid.
            return _sight_of(invoice)
        try:
            _ask("POST", f"{_path(reference)}/status", json={"status": "Invalid"})
        except GatewayRefused:
            now = _get(reference)
            if now["status"] == "New":
                raise
            return _sight_of(now)
        return _look(reference)

    @one_deadline()
    def refund(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> Returned:
        """Make a pull payment, which its payee claims to an address of their own."""
        sight = _look(reference)
        if sight.state != ProviderState.CAPTURED:
            raise GatewayRefused("BTCPay has received nothing for this invoice.")
        name, description = _name(key), f"Invoice {reference}"
        refunded = 0
        listed = _ask("GET", "/pull-payments", params={"includeArchived": "true"})
        with reading_answer("BTCPay"):
            for pull in objects(listed):
                if pull["name"] == name:
                    return Returned(text(pull["id"]))
                if pull.get("description") == description:
                    refunded += from_decimal(pull["amount"], currency)
        if refunded + amount > sight.amount:
            raise GatewayRefused("That is more than BTCPay has received.")
        wanted = {
            "name": name,
            "description": description,
            "refundVariant": "Custom",
            "customAmount": as_decimal(amount, currency),
            "customCurrency": currency,
        }
        made = _ask("POST", f"{_path(reference)}/refund", json=wanted)
        with reading_answer("BTCPay"):
            return Returned(text(made["id"]))

    @one_deadline()
    def look_up(self, reference: str) -> Sight:
        return _look(reference)

    @one_deadline()
    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        _verify(headers, body)
        event = message(body)
        with reading_webhook():
            kind = text(event["type"])
            event_id = text(event.get("originalDeliveryId") or event["deliveryId"])
            reference = text(event.get("invoiceId") or "")
            is_ours = text(event.get("storeId") or "") == settings.BTCPAY_STORE_ID
        if not (is_ours and reference and kind.startswith("Invoice")):
            return [Notice(event_id, kind, sight=None)]
        # The message has no amounts: the invoice has.
        try:
            invoice = _get(reference)
        except GatewayRefused:
            return [Notice(event_id, kind, sight=None)]
        with reading_answer("BTCPay"):
            return [Notice(event_id, kind, _sight_of(invoice), _key(invoice))]


def _body(invoice: Invoice) -> dict[str, Any]:
    return {
        "amount": as_decimal(invoice.amount, invoice.currency),
        "currency": invoice.currency,
        "metadata": {
            "orderId": invoice.key,
            "itemDesc": invoice.description,
            "buyerEmail": invoice.email or None,
        },
        "checkout": {
            "redirectURL": invoice.return_url,
            "redirectAutomatically": True,
            "defaultLanguage": LANGUAGES.get(invoice.language, LANGUAGES["en"]),
            "expirationMinutes": settings.PROVIDER_WINDOW_MINUTES,
        },
    }


def _first_of(invoice: Invoice) -> Mapping[str, Any] | None:
    """Return the payment's invoice; of two that were made at once, the first."""
    listed = _ask("GET", INVOICES, params={"orderId": invoice.key})
    with reading_answer("BTCPay"):
        found = [one for one in objects(listed) if _key(one) == invoice.key]
        if not found:
            return None
        first = min(found, key=lambda one: (one["createdTime"], one["id"]))
        asked = (from_decimal(first["amount"], invoice.currency), first["currency"])
    if asked != (invoice.amount, invoice.currency):
        raise GatewayRefused("This key was used for another amount.")
    return first


def _look(reference: str) -> Sight:
    return _sight_of(_get(reference))


def _get(reference: str) -> Mapping[str, Any]:
    found = _ask("GET", _path(reference))
    if not isinstance(found, dict):
        raise GatewayAway("BTCPay answered in another form")
    return found


def _sight_of(invoice: Mapping[str, Any]) -> Sight:
    with reading_answer("BTCPay"):
        reference, currency = text(invoice["id"]), text(invoice["currency"])
        asked = from_decimal(invoice["amount"], currency)
        state, reason = _state(invoice)
        amount = asked
        if state == ProviderState.CAPTURED:
            amount = _received(invoice, asked, currency)
    return Sight(reference, state, amount, currency, reason)


def _state(invoice: Mapping[str, Any]) -> tuple[ProviderState, str]:
    status, more = text(invoice["status"]), text(invoice["additionalStatus"])
    if status == "Settled":
        return ProviderState.CAPTURED, ""
    if status not in {"Expired", "Invalid"}:
        return ProviderState.OPEN, "unconfirmed" if status == "Processing" else ""
    if more in ODDLY_PAID or (more == MARKED and parse(invoice["paidAmount"])):
        if _is_confirmed(text(invoice["id"])):
            return ProviderState.CAPTURED, more
        return ProviderState.OPEN, "unconfirmed"
    if more == MARKED:
        return ProviderState.VOIDED, ""
    return ProviderState.FAILED, status.lower()


def _received(invoice: Mapping[str, Any], asked: int, currency: str) -> int:
    if invoice["status"] == "Settled" and invoice["additionalStatus"] != "PaidOver":
        # BTCPay or the staff has decided that it is enough.
        return asked
    paid = parse(invoice["paidAmount"]).scaleb(get_currency_precision(currency))
    is_as_asked = abs(paid - asked) * ROUNDING <= asked
    return asked if is_as_asked else int(paid)


def _is_confirmed(reference: str) -> bool:
    """Say whether every payment that counts is settled; those cannot be taken back."""
    methods = objects(_ask("GET", f"{_path(reference)}/payment-methods"))
    states = {pay["status"] for way in methods for pay in objects(way["payments"])}
    return states == {"Settled"}


def _key(invoice: Mapping[str, Any]) -> str:
    return text((invoice.get("metadata") or {}).get("orderId") or "")


def _name(key: str) -> str:
    # Names are short over there, and keys need not be.
    return f"Refund {hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _verify(headers: Mapping[str, str], body: bytes) -> None:
    secret = settings.BTCPAY_WEBHOOK_SECRET.encode()
    expected = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    given = headers.get("btcpay-sig", "")
    if not secret or not hmac.compare_digest(given.encode(), expected.encode()):
        raise WebhookInvalid("The signature is not BTCPay's.")


def _path(reference: str) -> str:
    return f"{INVOICES}/{quote(reference, safe='')}"


def _ask(
    method: str,
    path: str,
    *,
    json: Mapping[str, Any] | None = None,
    params: Mapping[str, str] | None = None,
) -> Any:
    """Make one call about the shop's store and return what JSON it answers."""
    store = quote(settings.BTCPAY_STORE_ID, safe="")
    url = f"{settings.BTCPAY_URL.rstrip('/')}/api/v1/stores/{store}{path}"
    headers = {"Authorization": f"token {settings.BTCPAY_API_KEY}"}
    try:
        return http.call(method, url, headers=headers, params=params, json=json).json()
    except http.Away as error:
        raise GatewayAway(f"BTCPay is away: {error}") from error
    except http.Refused as error:
        raise GatewayRefused(f"BTCPay: {error}") from error
