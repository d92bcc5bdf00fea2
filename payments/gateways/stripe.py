"""Cards and wallets by Stripe: a Checkout Session on Stripe's own page.

The card is authorised there and captured by us, so that an order which cannot be
fulfilled any more costs its shopper nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import stripe
from babel.numbers import get_currency_precision
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common import http
from payments.gateways.amounts import rescale
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

# Counts of calls are sent along otherwise, and a file is written to remember by.
stripe.enable_telemetry = False
# The library is generated for this one; Stripe keeps answering in it.
VERSION = "2026-10-28.endive"
# Seconds by which a signature may be late: Stripe signs each delivery anew.
TOLERANCE = 300
# Our payment's id in Stripe's metadata.
KEY = "payment"
INTENT = "pi_"

# Stripe counts some currencies in other units than the rest of the world.
# fmt: off
NO_DECIMALS = frozenset({
    "BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV",
    "XAF", "XOF", "XPF",
})
# fmt: on
THREE_DECIMALS = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])
# Documented with no decimals and with two: nobody is to pay a hundred times too much.
UNCLEAR = frozenset({"UGX"})


# 4xx that are no refusals: under way by the same key, or too many.
PASSING = frozenset({408, 409, 425, 429})
INTENT_STATES = {
    "requires_capture": ProviderState.AUTHORISED,
    "succeeded": ProviderState.CAPTURED,
    "canceled": ProviderState.VOIDED,
}
AMOUNTS = {
    ProviderState.AUTHORISED: "amount_capturable",
    ProviderState.CAPTURED: "amount_received",
}
# Cancelled by Stripe: a hold lapses after days, an unused intent with its session.
LAPSED = frozenset({"automatic", "expired"})
SESSION_ENDED = "checkout.session.expired"
SESSION_DONE = "checkout.session.completed"
INTENT_EVENTS = frozenset(
    f"payment_intent.{name}"
    for name in ("amount_capturable_updated", "succeeded", "payment_failed", "canceled")
)


class Stripe:
    """References are ids of Checkout Sessions: an open one has no intent yet.

    Webhooks about an intent do not name its session, so an intent's id does as well.
    """

    code = "stripe"
    label: str | Promise = _("Card or wallet")

    @one_deadline()
    def start(self, invoice: Invoice) -> Started:
        with _speaking():
            session = _client().v1.checkout.sessions.create(
                _session(invoice), {"idempotency_key": invoice.call_key}
            )
        with reading_answer("Stripe"):
            return Started(text(session.id), text(session.url))

    @one_deadline()
    def capture(self, reference: str, *, amount: int, key: str) -> Sight:
        found = _look(reference)
        if found.sight.state != ProviderState.AUTHORISED:
            return found.sight

        def take() -> Sight:
            with _speaking():
                taken = _client().v1.payment_intents.capture(
                    found.intent,
                    {"amount_to_capture": _theirs(amount, found.sight.currency)},
                    _once(key, "capture"),
                )
            with reading_answer("Stripe"):
                return _of_intent(taken.to_dict(), reference)

        return _unless_changed(found, take)

    @one_deadline()
    def void(self, reference: str, *, key: str) -> Sight:  # noqa: ARG002 — ends once
        found = _look(reference)
        if found.sight.state == ProviderState.OPEN and not found.intent_only:
            # Whoever pays at this moment completes the session, and then it stays so.
            sight = _unless_changed(found, lambda: _expire(found))
            if sight.state != ProviderState.AUTHORISED:
                return sight
            found = _look(reference)
        if found.sight.state in {ProviderState.OPEN, ProviderState.AUTHORISED}:
            return _unless_changed(found, lambda: _cancel(found))
        return found.sight

    @one_deadline()
    def refund(
        self, reference: str, *, amount: int, currency: str, key: str
    ) -> Returned:
        intent = _look(reference).intent
        if not intent:
            raise GatewayRefused("Nobody has paid this session.")
        # Stripe forgets an idempotency key after a day; a refund may be retried longer.
        made = _find_refund(intent, key)
        if made is None:
            with _speaking():
                refund = _client().v1.refunds.create(
                    {
                        "payment_intent": intent,
                        "amount": _theirs(amount, currency),
                        "metadata": {KEY: key},
                    },
                    _once(key, "refund"),
                )
            made = refund.to_dict()
        with reading_answer("Stripe"):
            if made["status"] in {"failed", "canceled"}:
                raise GatewayRefused(f"The refund has {made['status']}.")
            return Returned(text(made["id"]))

    @one_deadline()
    def look_up(self, reference: str) -> Sight:
        return _look(reference).sight

    @one_deadline()
    def read_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[Notice]:
        try:
            stripe.WebhookSignature.verify_header(
                body,
                headers.get("stripe-signature"),
                settings.STRIPE_WEBHOOK_SECRET,
                TOLERANCE,
            )
        except (stripe.StripeError, TypeError, ValueError) as error:
            raise WebhookInvalid("The signature is not Stripe's, or is old.") from error
        event = message(body)
        with reading_webhook():
            return [_notice(event)]


@dataclass(frozen=True, slots=True)
class _Found:
    """A payment as it stands, and the id of its intent if it has one."""

    reference: str
    sight: Sight
    intent: str = ""

    @property
    def intent_only(self) -> bool:
        return self.reference == self.intent


def _session(invoice: Invoice) -> Any:
    metadata = {KEY: invoice.key}
    product = {
        "currency": invoice.currency.lower(),
        "unit_amount": _theirs(invoice.amount, invoice.currency),
        "product_data": {"name": invoice.description},
    }
    params = {
        "mode": "payment",
        "client_reference_id": invoice.key,
        "metadata": metadata,
        "payment_intent_data": {"capture_method": "manual", "metadata": metadata},
        "line_items": [{"quantity": 1, "price_data": product}],
        # What is shown in another currency would be held in another one.
        "adaptive_pricing": {"enabled": False},
        "success_url": invoice.return_url,
        "cancel_url": invoice.return_url,
        "locale": invoice.language,
    }
    # No expires_at: a repetition has to ask for the same to be given the same.
    return params | ({"customer_email": invoice.email} if invoice.email else {})


def _look(reference: str) -> _Found:
    if reference.startswith(INTENT):
        with _speaking():
            paid = _client().v1.payment_intents.retrieve(reference)
        with reading_answer("Stripe"):
            sight = _of_intent(paid.to_dict(), reference)
            return _Found(reference, sight, reference)
    with _speaking():
        asked = _client().v1.checkout.sessions.retrieve(
            reference, {"expand": ["payment_intent"]}
        )
    with reading_answer("Stripe"):
        session = asked.to_dict()
        intent = session["payment_intent"]
        if intent is None or session["status"] == "expired":
            return _Found(reference, _of_session(session))
        return _Found(reference, _of_intent(intent, reference), text(intent["id"]))


def _expire(found: _Found) -> Sight:
    with _speaking():
        _client().v1.checkout.sessions.expire(found.reference)
    return replace(found.sight, state=ProviderState.VOIDED)


def _cancel(found: _Found) -> Sight:
    with _speaking():
        _client().v1.payment_intents.cancel(found.intent)
    return replace(found.sight, state=ProviderState.VOIDED)


def _unless_changed(found: _Found, act: Callable[[], Sight]) -> Sight:
    """Act, or say what is so by now if somebody was quicker."""
    try:
        return act()
    except GatewayRefused:
        now = _look(found.reference).sight
        if now.state == found.sight.state:
            raise
        return now


def _find_refund(intent: str, key: str) -> Mapping[str, Any] | None:
    with _speaking():
        listed = _client().v1.refunds.list({"payment_intent": intent, "limit": 100})
    with reading_answer("Stripe"):
        for refund in objects(listed.to_dict()["data"]):
            if (refund["metadata"] or {}).get(KEY) == key:
                return refund
    return None


def _notice(event: Mapping[str, Any]) -> Notice:
    kind = text(event["type"])
    subject = event["data"]["object"]
    key = text((subject.get("metadata") or {}).get(KEY, ""))
    sight: Sight | None = None
    if kind == SESSION_ENDED:
        sight = _of_session(subject)
    elif kind in INTENT_EVENTS:
        sight = _of_intent(subject, text(subject["id"]))
    elif kind == SESSION_DONE and key:
        # The session does not tell whether its money is held or still on its way.
        sight = _seen(text(subject["id"]))
    return Notice(event_id=text(event["id"]), kind=kind, sight=sight, key=key)


def _seen(reference: str) -> Sight | None:
    try:
        return _look(reference).sight
    except GatewayRefused:
        return None


def _of_session(session: Mapping[str, Any]) -> Sight:
    is_open = session["status"] == "open"
    currency = text(session["currency"]).upper()
    return Sight(
        reference=text(session["id"]),
        state=ProviderState.OPEN if is_open else ProviderState.FAILED,
        amount=_ours(session["amount_total"], currency),
        currency=currency,
        reason="" if is_open else "the session has expired",
    )


def _of_intent(intent: Mapping[str, Any], reference: str) -> Sight:
    # A declined card leaves the intent open: its payer may take another.
    state = INTENT_STATES.get(intent["status"], ProviderState.OPEN)
    reason = (intent.get("last_payment_error") or {}).get("message") or ""
    if state == ProviderState.VOIDED:
        reason = intent.get("cancellation_reason") or ""
        if reason in LAPSED:
            state = ProviderState.FAILED
    currency = text(intent["currency"]).upper()
    amount = intent[AMOUNTS.get(state, "amount")]
    return Sight(reference, state, _ours(amount, currency), currency, text(reason))


def _places(currency: str) -> int:
    if currency in NO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def _theirs(amount: int, currency: str) -> int:
    places = _places(currency)
    own = get_currency_precision(currency)
    scaled = rescale(amount, places=own, to=places)
    is_refused = currency in UNCLEAR or (currency in THREE_DECIMALS and amount % 10)
    if scaled is None or is_refused:
        raise GatewayRefused(f"Stripe takes no {amount} minor units of {currency}.")
    return scaled


def _ours(amount: object, currency: str) -> int:
    if type(amount) is not int or amount < 0:
        raise TypeError("not an amount")
    own = get_currency_precision(currency)
    return amount * int(10**own) // int(10 ** _places(currency))


def _once(key: str, step: str) -> "stripe.RequestOptions":
    return {"idempotency_key": f"{key}/{step}"}


@contextmanager
def _speaking() -> Iterator[None]:
    try:
        with reading_answer("Stripe"):
            yield
    except stripe.StripeError as error:
        status = error.http_status or 0
        said = f"Stripe: {type(error).__name__} {status}"
        if status not in http.CLIENT_ERROR or status in PASSING:
            raise GatewayAway(said) from error
        words = (error.user_message or "")[: http.WORDS]
        raise GatewayRefused(f"{said} {words}") from error


def _client() -> stripe.StripeClient:
    return _made(
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_URL, settings.PROVIDER_TIMEOUT
    )


@lru_cache(maxsize=4)
def _made(secret: str, url: str, seconds: float) -> stripe.StripeClient:
    return stripe.StripeClient(
        secret,
        base_addresses={"api": url},
        stripe_version=VERSION,
        # Retries are the caller's, who remembers them.
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=seconds, session=http.session()),
    )
