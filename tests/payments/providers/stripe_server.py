"""Stripe, as far as a Checkout Session with manual capture needs it."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import stripe
from pytest_django import Settings

from tests.servers import Answer, Call, LocalServer, dispatch

SECRET_KEY = "sk_test_51Local"
WEBHOOK_SECRET = "whsec_local"
DECLINED = "Your card was declined."


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str, kind: str = "") -> None:
        super().__init__(message)
        error = {
            "type": kind or "invalid_request_error",
            "code": code,
            "message": message,
        }
        self.answer = Answer(status, {"error": error})


class StripeServer(LocalServer):
    """Sessions, intents and refunds; payers act through ``pay`` and ``decline``."""

    def __init__(self) -> None:
        super().__init__()
        self.sessions: dict[str, dict[str, Any]] = {}
        self.intents: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        # Idempotency key → what it was used for, and the answer.
        self.replays: dict[str, tuple[str, Answer]] = {}
        self._count = 0

    def configure(self, settings: Settings) -> None:
        """Have the shop's adapter speak with this server."""
        settings.STRIPE_API_URL = self.url
        settings.STRIPE_SECRET_KEY = SECRET_KEY
        settings.STRIPE_WEBHOOK_SECRET = WEBHOOK_SECRET

    # --- The payer's side

    def pay(self, session_id: str) -> None:
        """Pay on the page: the card is authorised."""
        session, intent = self._on_page(session_id)
        intent["status"] = "requires_capture"
        intent["amount_capturable"] = intent["amount"]
        session["status"] = "complete"
        session["url"] = None

    def decline(
        self, session_id: str, *, message: str = "Your card was declined."
    ) -> None:
        """Try a card that is declined; the page stays open for another."""
        _session, intent = self._on_page(session_id)
        intent["status"] = "requires_payment_method"
        intent["last_payment_error"] = {"code": "card_declined", "message": message}

    def let_expire(self, session_id: str) -> None:
        """Let the page's time run out."""
        self._expire(self.sessions[session_id])

    def lapse(self, intent_id: str) -> None:
        """Let a hold run out that nobody captured."""
        self._cancel(self.intents[intent_id], reason="automatic")

    def intent_of(self, session_id: str) -> dict[str, Any]:
        return self.intents[self.sessions[session_id]["payment_intent"]]

    def session_of(self, key: str) -> dict[str, Any]:
        """Return the one session of our payment."""
        [found] = [s for s in self.sessions.values() if s["client_reference_id"] == key]
        return found

    # --- Webhooks

    def webhook(
        self, kind: str, subject: Mapping[str, Any], *, event_id: str = ""
    ) -> tuple[dict[str, str], bytes]:
        """Return the signed message about an object as it stands."""
        event = {
            "id": event_id or self._id("evt"),
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": int(time.time()),
            "livemode": False,
            "type": kind,
            "data": {"object": subject},
        }
        body = json.dumps(event).encode()
        return sign(body), body

    # --- The API

    def answer(self, call: Call) -> Answer:
        if call.headers.get("authorization") != f"Bearer {SECRET_KEY}":
            return Refusal(401, "", "Invalid API Key provided").answer
        key = call.headers.get("idempotency-key", "")
        if not key or call.method == "GET":
            return self._work(call)
        request = f"{call.method} {call.path} {call.body.decode()}"
        if key in self.replays:
            before, answer = self.replays[key]
            if before != request:
                words = "Keys can only be used with the same parameters."
                return Refusal(400, "", words, "idempotency_error").answer
            return Answer(answer.status, answer.body, {"Idempotent-Replayed": "true"})
        answer = self._work(call)
        # As it stands now; the object goes on.
        self.replays[key] = (request, Answer(answer.status, answer.content()))
        return answer

    def _work(self, call: Call) -> Answer:
        form = nested(call.body)
        routes: dict[str, Callable[..., dict[str, Any]]] = {
            "POST checkout/sessions": lambda: self._create(form),
            "GET checkout/sessions/(.+)": self._show,
            "POST checkout/sessions/(.+)/expire": self._end,
            "GET payment_intents/(.+)": lambda name: self._find(self.intents, name),
            "POST payment_intents/(.+)/(capture|cancel)": lambda name, step: self._move(
                self._find(self.intents, name), step, form
            ),
            "POST refunds": lambda: self._refund(form),
            "GET refunds": lambda: self._list(call.query["payment_intent"][0]),
        }
        try:
            found = dispatch(call, routes, under="/v1/")
        except Refusal as refusal:
            return refusal.answer
        if found is None:
            return Refusal(404, "", f"Unrecognized request URL ({call.path})").answer
        return Answer(200, found)

    def _create(self, form: dict[str, Any]) -> dict[str, Any]:
        price = form["line_items"]["0"]["price_data"]
        if int(price["unit_amount"]) < 1:
            raise Refusal(400, "parameter_invalid_integer", "Amount is too small")
        session: dict[str, Any] = {
            "id": self._id("cs_test"),
            "object": "checkout.session",
            "mode": form["mode"],
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "amount_total": int(price["unit_amount"]),
            "currency": price["currency"],
            "client_reference_id": form["client_reference_id"],
            "metadata": form["metadata"],
            "success_url": form["success_url"],
        }
        session["url"] = f"https://checkout.stripe.com/c/pay/{session['id']}"
        session["_data"] = form["payment_intent_data"]
        self.sessions[session["id"]] = session
        return session

    def _on_page(self, session_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
        session = self.sessions[session_id]
        assert session["status"] == "open", "the page is closed"
        if session["payment_intent"] is None:
            intent = {
                "id": self._id("pi"),
                "object": "payment_intent",
                "status": "requires_payment_method",
                "amount": session["amount_total"],
                "amount_capturable": 0,
                "amount_received": 0,
                "currency": session["currency"],
                "capture_method": session["_data"]["capture_method"],
                "metadata": session["_data"]["metadata"],
                "last_payment_error": None,
                "cancellation_reason": None,
            }
            self.intents[intent["id"]] = intent
            session["payment_intent"] = intent["id"]
        return session, self.intents[session["payment_intent"]]

    def _show(self, name: str) -> dict[str, Any]:
        session = self._find(self.sessions, name)
        intent = self.intents.get(session["payment_intent"])
        return session | {"payment_intent": intent}

    def _end(self, name: str) -> dict[str, Any]:
        session = self._find(self.sessions, name)
        if session["status"] != "open":
            words = "Only Checkout Sessions with a status of open can be expired."
            raise Refusal(400, "", words)
        self._expire(session)
        return session

    def _expire(self, session: dict[str, Any]) -> None:
        session["status"] = "expired"
        session["url"] = None
        if session["payment_intent"] is not None:
            self._cancel(self.intents[session["payment_intent"]], reason="automatic")

    def _move(
        self, intent: dict[str, Any], step: str, form: dict[str, Any]
    ) -> dict[str, Any]:
        if intent["status"] != "requires_capture":
            words = f"This PaymentIntent's status is {intent['status']}."
            raise Refusal(400, "payment_intent_unexpected_state", words)
        if step == "cancel":
            return self._cancel(intent, reason="requested_by_customer")
        amount = int(form.get("amount_to_capture", intent["amount_capturable"]))
        if amount > intent["amount_capturable"]:
            words = "The requested capture amount is greater than the amount you can."
            raise Refusal(400, "amount_too_large", words)
        intent |= {
            "status": "succeeded",
            "amount_received": amount,
            "amount_capturable": 0,
        }
        return intent

    def _cancel(self, intent: dict[str, Any], *, reason: str) -> dict[str, Any]:
        intent["status"] = "canceled"
        intent["cancellation_reason"] = reason
        intent["amount_capturable"] = 0
        return intent

    def _refund(self, form: dict[str, Any]) -> dict[str, Any]:
        intent = self._find(self.intents, form["payment_intent"])
        gone = sum(r["amount"] for r in self._list(intent["id"])["data"])
        amount = int(form["amount"])
        if gone + amount > intent["amount_received"]:
            words = f"Refund amount ({amount}) is greater than unrefunded amount."
            raise Refusal(400, "amount_too_large", words)
        refund = {
            "id": self._id("re"),
            "object": "refund",
            "amount": amount,
            "currency": intent["currency"],
            "payment_intent": intent["id"],
            "metadata": form.get("metadata", {}),
            "status": "succeeded",
        }
        self.refunds[refund["id"]] = refund
        return refund

    def _list(self, intent_id: str) -> dict[str, Any]:
        mine = [r for r in self.refunds.values() if r["payment_intent"] == intent_id]
        return {
            "object": "list",
            "data": mine[::-1],
            "has_more": False,
            "url": "/v1/refunds",
        }

    def _find(self, among: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
        if name not in among:
            raise Refusal(404, "resource_missing", f"No such object: '{name}'")
        return among[name]

    def _id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._count:024d}"


def sign(body: bytes, *, secret: str = WEBHOOK_SECRET, age: int = 0) -> dict[str, str]:
    """Return the headers of a webhook that was signed ``age`` seconds ago."""
    header = stripe.WebhookSignature.generate_signature_header(
        body.decode(), secret, timestamp=int(time.time()) - age
    )
    return {"stripe-signature": header, "content-type": "application/json"}


def nested(body: bytes) -> dict[str, Any]:
    """Read a form whose names are paths: ``a[b][0]=c``."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        *path, last = name.replace("]", "").split("[")
        place = tree
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return tree
