"""PayPal by its Orders v2 API: approved there, authorised and captured by us.

An approved order moves no money until we ask for it. So ``capture`` authorises first
where that has not happened, and giving up an order that is only approved needs nothing.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import orjson
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common import http
from payments.gateways.amounts import as_decimal, from_decimal
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

# fmt: off
CURRENCIES = frozenset({
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS",
    "JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
})
# fmt: on
# Elsewhere the first two have decimals.
NO_DECIMALS = frozenset({"HUF", "TWD", "JPY"})
LOCALES = {"en": "en-US", "ko": "ko-KR", "ru": "ru-RU"}
MAX_DESCRIPTION = 127
# A token is replaced this many seconds before it ends.
MARGIN = 60

OPEN, AUTHORISED = ProviderState.OPEN, ProviderState.AUTHORISED
CAPTURED, FAILED = ProviderState.CAPTURED, ProviderState.FAILED
ORDER_STATES = {
    "APPROVED": AUTHORISED,
    "VOIDED": ProviderState.VOIDED,
}
AUTHORISATION_STATES = {
    "CREATED": AUTHORISED,
    "DENIED": FAILED,
    "EXPIRED": FAILED,
    "VOIDED": ProviderState.VOIDED,
}
CAPTURE_STATES = {
    "COMPLETED": CAPTURED,
    "PARTIALLY_REFUNDED": CAPTURED,
    "REFUNDED": CAPTURED,
    "DECLINED": FAILED,
    "FAILED": FAILED,
}
# What PayPal says when the payer's money cannot be had after all.
DECLINES = frozenset(
    {
        "INSTRUMENT_DECLINED",
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
        "PAYER_ACCOUNT_RESTRICTED",
        "PAYER_CANNOT_PAY",
        "TRANSACTION_LIMIT_EXCEEDED",
        "TRANSACTION_REFUSED",
    }
)
UNAUTHORISED, CONFLICT = 401, 409
IN_PROGRESS = "PREVIOUS_REQUEST_IN_PROGRESS"
SIGNED_BY = {
    name: f"paypal-{name.replace('_', '-')}"
    for name in (
        "auth_algo",
        "cert_url",
        "transmission_id",
        "transmission_sig",
        "transmission_time",
    )
}
APPROVED = "CHECKOUT.ORDER.APPROVED"
EVENT_STATES = {
    "PAYMENT.AUTHORIZATION.CREATED": AUTHORISED,
    "PAYMENT.AUTHORIZATION.VOIDED": ProviderState.VOIDED,
    "PAYMENT.CAPTURE.COMPLETED": CAPTURED,
    "PAYMENT.CAPTURE.PENDING": OPEN,
    "PAYMENT.CAPTURE.DENIED": FAILED,
    "PAYMENT.CAPTURE.DECLINED": FAILED,
}


class PayPalRefused(GatewayRefused):
    """A refusal with PayPal's own name for it."""

    def __init__(self, issue: str, words: str) -> None:
        super().__init__(f"PayPal: {issue} {words}".strip())
        self.issue = issue


class PayPal:
    """References are ids of PayPal's orders."""

    code = "paypal"
    label: str | Promise = _("PayPal")

    @one_deadline()
    def start(self, invoice: Invoice) -> Started:
        order = _ask(
            "POST", "/v2/checkout/orders", _order(invoice), key=invoice.call_key
        )
        with reading_answer("PayPal"):
            links = {link["rel"]: link["href"] for link in objects(order["links"])}
            url = links.get("payer-action") or links["approve"]
            return Started(text(order["id"]), text(url))

    @one_deadline()
    def capture(self, reference: str, *, amount: int, key: str) -> Sight:
        found = _look(reference)
        if found.sight.state != AUTHORISED:
            return found.sight
        taken = {"amount": _theirs(amount, found.sight.currency), "final_capture": True}
        try:
            authorisation = found.authorisation or _authorise(reference, key=key)
            path = f"/v2/payments/authorizations/{authorisation}/capture"
            _ask("POST", path, taken, key=f"{key}/capture")
        except PayPalRefused as refusal:
            if refusal.issue in DECLINES:
                return replace(found.sight, state=FAILED, reason=refusal.issue)
            return _changed(found, reference, refusal)
        return _look(reference).sight

    @one_deadline()
    def void(self, reference: str, *, key: str) -> Sight:
        found = _look(reference)
        if found.capture or found.sight.state not in {OPEN, AUTHORISED}:
            return found.sight
        # Without an authorisation there is nothing to void: only we could ask for it.
        if found.authorisation:
            path = f"/v2/payments/authorizations/{found.authorisation}/void"
            try:
                _ask("POST", path, {}, key=f"{key}/void")
            except PayPalRefused as refusal:
                return _changed(found, reference, refusal)
        return replace(found.sight, state=ProviderState.VOIDED, reason="")

    @one_deadline()
    def refund(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> Returned:
        capture = _look(reference).capture
        if not capture:
            raise GatewayRefused("PayPal has captured nothing of this order.")
        refund = _ask(
            "POST",
            f"/v2/payments/captures/{capture}/refund",
            {"amount": _theirs(amount, currency)},
            key=f"{key}/refund",
        )
        with reading_answer("PayPal"):
            if refund["status"] in {"FAILED", "CANCELLED"}:
                raise GatewayRefused(f"PayPal: the refund is {refund['status']}.")
            return Returned(text(refund["id"]))

    @one_deadline()
    def look_up(self, reference: str) -> Sight:
        return _look(reference).sight

    @one_deadline()
    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        event = message(body)
        with reading_webhook():
            notice = _notice(event)
        _verify(headers, body)
        return [notice]


@dataclass(frozen=True, slots=True)
class _Found:
    """An order as it stands, and the ids of its authorisation and capture, if any."""

    sight: Sight
    authorisation: str = ""
    capture: str = ""


def _order(invoice: Invoice) -> dict[str, Any]:
    if invoice.currency not in CURRENCIES:
        raise GatewayRefused(f"PayPal takes no {invoice.currency}.")
    context = {
        "return_url": invoice.return_url,
        "cancel_url": invoice.return_url,
        "brand_name": settings.SHOP_NAME,
        "user_action": "PAY_NOW",
        # The address is ours to ask for.
        "shipping_preference": "NO_SHIPPING",
        "locale": LOCALES.get(invoice.language, LOCALES["en"]),
    }
    unit = {
        "custom_id": invoice.key,
        "description": invoice.description[:MAX_DESCRIPTION],
        "amount": _theirs(invoice.amount, invoice.currency),
    }
    return {
        "intent": "AUTHORIZE",
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": context}},
    }


def _look(reference: str) -> _Found:
    order = _ask("GET", f"/v2/checkout/orders/{quote(reference, safe='')}")
    with reading_answer("PayPal"):
        return _found(order)


def _found(order: Mapping[str, Any]) -> _Found:
    [unit] = objects(order["purchase_units"])
    payments = unit.get("payments") or {}
    captures = objects(payments.get("captures"))
    authorisations = objects(payments.get("authorizations"))
    authorisation = text(authorisations[-1]["id"]) if authorisations else ""
    reference = text(order["id"])
    if captures:
        last = captures[-1]
        state = CAPTURE_STATES.get(last["status"], OPEN)
        sight = _sight(reference, state, last["amount"], last["status"])
        return _Found(sight, authorisation, text(last["id"]))
    if authorisations:
        last = authorisations[-1]
        state = AUTHORISATION_STATES.get(last["status"], OPEN)
        sight = _sight(reference, state, last["amount"], last["status"])
        return _Found(sight, authorisation)
    state = ORDER_STATES.get(order["status"], OPEN)
    return _Found(_sight(reference, state, unit["amount"], order["status"]))


def _changed(found: _Found, reference: str, refusal: PayPalRefused) -> Sight:
    """Say what is so by now if that is why PayPal refused; else raise it."""
    now = _look(reference).sight
    if now.state == found.sight.state:
        raise refusal
    return now


def _authorise(reference: str, *, key: str) -> str:
    try:
        order = _ask(
            "POST",
            f"/v2/checkout/orders/{quote(reference, safe='')}/authorize",
            {},
            key=f"{key}/authorize",
        )
    except PayPalRefused as refusal:
        if refusal.issue != "ORDER_ALREADY_AUTHORIZED":
            raise
        order = _ask("GET", f"/v2/checkout/orders/{quote(reference, safe='')}")
    with reading_answer("PayPal"):
        found = _found(order)
    if found.sight.state != AUTHORISED:
        raise PayPalRefused("INSTRUMENT_DECLINED", found.sight.reason)
    return found.authorisation


def _notice(event: Mapping[str, Any]) -> Notice:
    kind = text(event["event_type"])
    resource = event["resource"]
    units = objects(resource.get("purchase_units"))
    key = text((units[0] if units else resource).get("custom_id") or "")
    sight: Sight | None = None
    # What has no key is somebody else's: another shop may share the account.
    if key and units and kind == APPROVED:
        sight = _found(resource).sight
    elif key and kind in EVENT_STATES:
        related = (resource.get("supplementary_data") or {}).get("related_ids") or {}
        reference = text(related.get("order_id") or "")
        reason = resource.get("status")
        sight = _sight(reference, EVENT_STATES[kind], resource["amount"], reason)
    return Notice(event_id=text(event["id"]), kind=kind, sight=sight, key=key)


def _verify(headers: Mapping[str, str], body: bytes) -> None:
    signed = {name: headers.get(header, "") for name, header in SIGNED_BY.items()}
    if not settings.PAYPAL_WEBHOOK_ID or not all(signed.values()):
        raise WebhookInvalid("The message is not signed.")
    signed["webhook_id"] = settings.PAYPAL_WEBHOOK_ID
    # As it came: the signature is over these very bytes, which are JSON already.
    asked = orjson.dumps(signed)[:-1] + b',"webhook_event":' + body + b"}"
    try:
        answer = _ask("POST", "/v1/notifications/verify-webhook-signature", asked)
    except GatewayRefused as error:
        raise WebhookInvalid("PayPal cannot check the signature.") from error
    if answer.get("verification_status") != "SUCCESS":
        raise WebhookInvalid("The signature is not PayPal's.")


def _sight(
    reference: str, state: ProviderState, amount: Mapping[str, Any], reason: object
) -> Sight:
    currency = text(amount["currency_code"])
    return Sight(
        reference=reference,
        state=state,
        amount=from_decimal(amount["value"], currency),
        currency=currency,
        reason=text(reason or "") if state in {OPEN, FAILED} else "",
    )


def _theirs(amount: int, currency: str) -> dict[str, str]:
    places = 0 if currency in NO_DECIMALS else None
    try:
        value = as_decimal(amount, currency, places=places)
    except ValueError:
        raise GatewayRefused(f"PayPal takes no part of one {currency}.") from None
    return {"currency_code": currency, "value": value}


# --- The wire ------------------------------------------------------------------------


def _ask(
    method: str, path: str, body: bytes | dict[str, Any] | None = None, *, key: str = ""
) -> Mapping[str, Any]:
    """Make one call and return the JSON object in the answer, empty if there is none.

    A token that PayPal does not know any more is replaced once.
    """
    headers = {
        "Content-Type": "application/json",
        "Prefer": "return=representation",
    }
    if key:
        headers["PayPal-Request-Id"] = key
    data = orjson.dumps(body) if isinstance(body, dict) else body
    try:
        try:
            reply = _call(method, path, headers, data)
        except http.Refused as refusal:
            if refusal.status != UNAUTHORISED:
                raise
            _tokens.forget()
            reply = _call(method, path, headers, data)
        found = reply.json() if reply.body else {}
    except http.Away as error:
        raise GatewayAway(f"PayPal is away: {error}") from error
    except http.Refused as error:
        raise _refusal(error) from error
    if not isinstance(found, dict):
        raise GatewayAway("PayPal answered in another form")
    return found


def _call(
    method: str, path: str, headers: Mapping[str, str], data: bytes | None
) -> http.Reply:
    token = {"Authorization": f"Bearer {_tokens.current()}"}
    return http.call(
        method, settings.PAYPAL_API_URL + path, headers={**headers, **token}, data=data
    )


def _refusal(error: http.Refused) -> GatewayAway | PayPalRefused:
    issue, words = "", error.reply.words()
    try:
        problem = error.reply.json()
        detail = (problem.get("details") or [{}])[0]
        issue = str(detail.get("issue") or problem.get("name") or "")
        words = str(detail.get("description") or problem.get("message") or "")
    except (http.Away, AttributeError, LookupError, TypeError):
        pass  # Its words are all we have.
    if issue == IN_PROGRESS or error.status == CONFLICT:
        return GatewayAway("PayPal is still at the same request.")
    return PayPalRefused(issue or f"HTTP {error.status}", words[: http.WORDS])


class _Tokens:
    """The access token of this process, renewed before it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}

    def current(self) -> str:
        """Return a token that is good for a while; raise as ``http.call`` does."""
        account = (settings.PAYPAL_API_URL, settings.PAYPAL_CLIENT_ID)
        with self._lock:
            token, until = self._tokens.get(account, ("", 0.0))
        if time.monotonic() < until:
            return token
        token, seconds = _new_token()
        with self._lock:
            self._tokens[account] = (token, time.monotonic() + seconds - MARGIN)
        return token

    def forget(self) -> None:
        with self._lock:
            self._tokens.clear()


def _new_token() -> tuple[str, float]:
    reply = http.call(
        "POST",
        f"{settings.PAYPAL_API_URL}/v1/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(settings.PAYPAL_CLIENT_ID, settings.PAYPAL_CLIENT_SECRET),
    )
    with reading_answer("PayPal"):
        answer = reply.json()
        return text(answer["access_token"]), float(answer["expires_in"])


_tokens = _Tokens()
