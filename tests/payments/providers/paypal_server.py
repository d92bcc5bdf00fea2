"""PayPal, as far as an order that is authorised and captured needs it."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pytest_django import Settings

from tests.servers import Answer, Call, LocalServer, dispatch

CLIENT_ID, CLIENT_SECRET = "AZ-local", "EL-local"
WEBHOOK_ID = "8PT597110X687430LKGECATA"
SIGNATURE = "kl/local+signature=="


class Refusal(Exception):
    def __init__(self, status: int, issue: str, words: str = "") -> None:
        super().__init__(issue)
        names = {404: "RESOURCE_NOT_FOUND", 422: "UNPROCESSABLE_ENTITY"}
        body = {
            "name": names.get(status, "INVALID_REQUEST"),
            "message": "The requested action could not be performed.",
            "debug_id": "90957fca61718",
            "details": [{"issue": issue, "description": words}],
        }
        self.answer = Answer(status, body)


class PayPalServer(LocalServer):
    """Orders, authorisations, captures, refunds; payers ``approve`` them."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        # PayPal-Request-Id → the request, and its answer.
        self.replays: dict[str, tuple[str, Answer]] = {}
        # Those that are good; a test may revoke them.
        self.tokens: list[str] = []
        # The issue that the next authorisation is refused with.
        self.decline_with = ""
        # What it says of a webhook's signature, beside checking it.
        self.seen_webhooks: list[bytes] = []
        self._count = 0

    def configure(self, settings: Settings) -> None:
        """Have the shop's adapter speak with this server."""
        settings.PAYPAL_API_URL = self.url
        settings.PAYPAL_CLIENT_ID = CLIENT_ID
        settings.PAYPAL_CLIENT_SECRET = CLIENT_SECRET
        settings.PAYPAL_WEBHOOK_ID = WEBHOOK_ID

    # --- The payer's side

    def approve(self, order_id: str) -> None:
        self.orders[order_id]["status"] = "APPROVED"

    def payments_of(self, order_id: str) -> dict[str, Any]:
        [unit] = self.orders[order_id]["purchase_units"]
        found: dict[str, Any] = unit.setdefault("payments", {})
        return found

    def lapse(self, order_id: str, status: str = "EXPIRED") -> None:
        """End an authorisation otherwise than by a capture."""
        self.payments_of(order_id)["authorizations"][-1]["status"] = status

    # --- Webhooks

    def webhook(
        self, kind: str, resource: Mapping[str, Any], *, event_id: str = ""
    ) -> tuple[dict[str, str], bytes]:
        """Return the signed message about something as it stands."""
        event = {
            "id": event_id or self._id("WH"),
            "event_version": "1.0",
            "create_time": "2026-01-25T02:28:15.165Z",
            "resource_type": kind.split(".")[1].lower(),
            "event_type": kind,
            "resource": resource,
        }
        # As they write it, which is not as anybody would write it again.
        return signed(), json.dumps(event, indent=1, ensure_ascii=True).encode()

    def resource(self, order_id: str, kind: str) -> dict[str, Any]:
        """Return the last authorisation or capture of an order as webhooks have it."""
        last: dict[str, Any] = self.payments_of(order_id)[kind][-1]
        related = {"related_ids": {"order_id": order_id}}
        return last | {"supplementary_data": related}

    # --- The API

    def answer(self, call: Call) -> Answer:
        if call.path == "/v1/oauth2/token":
            return self._token(call)
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            words = {"error": "invalid_token", "error_description": "Token expired"}
            return Answer(401, words)
        key = call.headers.get("paypal-request-id", "")
        if not key:
            return self._work(call)
        request = f"{call.path} {call.body.decode()}"
        if key in self.replays:
            before, answer = self.replays[key]
            if before != request:
                return Refusal(422, "DUPLICATE_REQUEST_ID").answer
            return Answer(200, answer.body)
        answer = self._work(call)
        if answer.status < 300:
            self.replays[key] = (request, Answer(answer.status, answer.content()))
        return answer

    def _token(self, call: Call) -> Answer:
        asked = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if call.headers.get("authorization") != f"Basic {asked}":
            words = "Client Authentication failed"
            return Answer(401, {"error": "invalid_client", "error_description": words})
        assert call.form() == {"grant_type": "client_credentials"}
        self.tokens.append(self._id("A21AA"))
        body = {"access_token": self.tokens[-1], "token_type": "Bearer"}
        return Answer(200, body | {"expires_in": 32_400})

    def _work(self, call: Call) -> Answer:
        body = call.body
        routes: dict[str, Callable[..., Answer]] = {
            "POST v2/checkout/orders": lambda: self._create(call),
            "GET v2/checkout/orders/(.+)": lambda name: Answer(200, self._order(name)),
            "POST v2/checkout/orders/(.+)/authorize": self._authorise,
            "POST v2/payments/authorizations/(.+)/capture": lambda name: self._capture(
                name, json.loads(body)
            ),
            "POST v2/payments/authorizations/(.+)/void": self._void,
            "POST v2/payments/captures/(.+)/refund": lambda name: self._refund(
                name, json.loads(body)
            ),
            "POST v1/notifications/verify-webhook-signature": lambda: self._check(body),
        }
        try:
            return dispatch(call, routes) or Refusal(404, "INVALID_RESOURCE_ID").answer
        except Refusal as refusal:
            return refusal.answer

    def _create(self, call: Call) -> Answer:
        if "paypal-request-id" not in call.headers:
            raise Refusal(400, "PAYPAL_REQUEST_ID_REQUIRED")
        order = call.json()
        context = order.pop("payment_source")["paypal"]["experience_context"]
        assert context["return_url"]
        assert context["cancel_url"]
        order["id"] = self._id("ORDER")
        order["status"] = "PAYER_ACTION_REQUIRED"
        order["links"] = [
            {"rel": "self", "href": f"{self.url}/v2/checkout/orders/{order['id']}"},
            {
                "rel": "payer-action",
                "href": f"https://www.paypal.com/checkoutnow?token={order['id']}",
            },
        ]
        self.orders[order["id"]] = order
        return Answer(201, order)

    def _order(self, name: str) -> dict[str, Any]:
        if name not in self.orders:
            raise Refusal(404, "INVALID_RESOURCE_ID", "Specified resource ID not found")
        return self.orders[name]

    def _authorise(self, name: str) -> Answer:
        order = self._order(name)
        if self.payments_of(name).get("authorizations"):
            raise Refusal(422, "ORDER_ALREADY_AUTHORIZED")
        if order["status"] != "APPROVED":
            raise Refusal(422, "ORDER_NOT_APPROVED", "Payer has not yet approved.")
        if self.decline_with:
            raise Refusal(422, self.decline_with, "The instrument was declined.")
        [unit] = order["purchase_units"]
        authorisation = {
            "id": self._id("AUTH"),
            "status": "CREATED",
            "amount": unit["amount"],
            "custom_id": unit["custom_id"],
        }
        self.payments_of(name)["authorizations"] = [authorisation]
        order["status"] = "COMPLETED"
        return Answer(201, order)

    def _part(self, kind: str, name: str) -> tuple[str, dict[str, Any]]:
        for order_id in self.orders:
            for part in self.payments_of(order_id).get(kind, []):
                if part["id"] == name:
                    return order_id, part
        raise Refusal(404, "INVALID_RESOURCE_ID")

    def _capture(self, name: str, asked: dict[str, Any]) -> Answer:
        order_id, authorisation = self._part("authorizations", name)
        if authorisation["status"] == "CAPTURED":
            raise Refusal(422, "AUTHORIZATION_ALREADY_CAPTURED")
        if authorisation["status"] != "CREATED":
            raise Refusal(422, f"AUTHORIZATION_{authorisation['status']}")
        amount = asked.get("amount", authorisation["amount"])
        if Decimal(amount["value"]) > Decimal(authorisation["amount"]["value"]):
            raise Refusal(422, "MAX_CAPTURE_AMOUNT_EXCEEDED", "Too much.")
        capture = {
            "id": self._id("CAPTURE"),
            "status": "COMPLETED",
            "amount": amount,
            "custom_id": authorisation["custom_id"],
            "final_capture": True,
        }
        authorisation["status"] = "CAPTURED"
        self.payments_of(order_id)["captures"] = [capture]
        return Answer(201, capture)

    def _void(self, name: str) -> Answer:
        _order_id, authorisation = self._part("authorizations", name)
        if authorisation["status"] == "CAPTURED":
            raise Refusal(422, "PREVIOUSLY_CAPTURED")
        if authorisation["status"] != "CREATED":
            raise Refusal(422, "PREVIOUSLY_VOIDED")
        authorisation["status"] = "VOIDED"
        return Answer(200, authorisation)

    def _refund(self, name: str, asked: dict[str, Any]) -> Answer:
        order_id, capture = self._part("captures", name)
        amount = asked["amount"]
        before = [r for r in self.refunds.values() if r["capture"] == name]
        gone = sum(Decimal(refund["amount"]["value"]) for refund in before)
        left = Decimal(capture["amount"]["value"]) - gone
        if Decimal(amount["value"]) > left:
            raise Refusal(422, "REFUND_AMOUNT_EXCEEDED", "More than was captured.")
        is_all = Decimal(amount["value"]) == left
        capture["status"] = "REFUNDED" if is_all else "PARTIALLY_REFUNDED"
        refund = {"id": self._id("REFUND"), "status": "COMPLETED", "amount": amount}
        self.refunds[refund["id"]] = refund | {"capture": name, "order": order_id}
        return Answer(201, refund)

    def _check(self, body: bytes) -> Answer:
        asked = json.loads(body)
        # The bytes between "webhook_event": and the last brace, as they were signed.
        raw = body[body.index(b'"webhook_event":') + len(b'"webhook_event":') : -1]
        self.seen_webhooks.append(raw)
        headers = signed()
        is_good = asked["webhook_id"] == WEBHOOK_ID and all(
            asked[name.removeprefix("paypal-").replace("-", "_")] == value
            for name, value in headers.items()
            if name != "paypal-transmission-time"
        )
        return Answer(200, {"verification_status": "SUCCESS" if is_good else "FAILURE"})

    def _id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:013d}"


def signed(**changes: str) -> dict[str, str]:
    """Return the headers of a webhook, with other values where told."""
    headers = {
        "paypal-auth-algo": "SHA256withRSA",
        "paypal-cert-url": "https://api.paypal.com/v1/notifications/certs/CERT-360",
        "paypal-transmission-id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "paypal-transmission-sig": SIGNATURE,
        "paypal-transmission-time": datetime.now(UTC).isoformat(),
    }
    return headers | {f"paypal-{n.replace('_', '-')}": v for n, v in changes.items()}
