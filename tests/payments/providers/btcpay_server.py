"""A BTCPay Server, as far as invoices, refunds and webhooks of one store need it."""

import hashlib
import hmac
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pytest_django import Settings

from tests.servers import Answer, Call, LocalServer, dispatch

API_KEY = "f13658bfb0000000000000000000000000000000"
STORE_ID = "9CiNzKoANXxmk5ayZngSXrHTiVvvgCrwrpFQd4m2K776"
WEBHOOK_SECRET = "3sTjXQH2"


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = Answer(status, {"code": code, "message": message})


class BTCPayServer(LocalServer):
    """Invoices of one store; coins arrive through ``receive`` and ``confirm``."""

    def __init__(self) -> None:
        super().__init__()
        self.invoices: dict[str, dict[str, Any]] = {}
        # Payments by invoice.
        self.coins: dict[str, list[dict[str, str]]] = {}
        self.pulls: dict[str, dict[str, Any]] = {}
        self._count = 0

    def configure(self, settings: Settings) -> None:
        """Have the shop's adapter speak with this server."""
        settings.BTCPAY_URL = self.url + "/"
        settings.BTCPAY_STORE_ID = STORE_ID
        settings.BTCPAY_API_KEY = API_KEY
        settings.BTCPAY_WEBHOOK_SECRET = WEBHOOK_SECRET

    # --- The payer's side

    def receive(self, invoice_id: str, amount: str = "") -> None:
        """Let coins arrive, unconfirmed; the rest that is due unless told."""
        invoice = self.invoices[invoice_id]
        due = Decimal(invoice["amount"]) - Decimal(invoice["paidAmount"])
        worth = Decimal(amount or due)
        self.coins[invoice_id].append({"status": "Processing", "value": str(worth)})
        invoice["paidAmount"] = str(Decimal(invoice["paidAmount"]) + worth)
        self._count_coins(invoice)

    def confirm(self, invoice_id: str) -> None:
        """Let the chain confirm what arrived."""
        for coin in self.coins[invoice_id]:
            coin["status"] = "Settled"
        if self.invoices[invoice_id]["status"] == "Processing":
            self.invoices[invoice_id]["status"] = "Settled"

    def pay(self, invoice_id: str, amount: str = "") -> None:
        self.receive(invoice_id, amount)
        self.confirm(invoice_id)

    def let_expire(self, invoice_id: str) -> None:
        self.invoices[invoice_id]["status"] = "Expired"

    def lose(self, invoice_id: str) -> None:
        """Let unconfirmed coins never be confirmed."""
        self.invoices[invoice_id]["status"] = "Invalid"
        self.coins[invoice_id].clear()

    def mark(self, invoice_id: str, status: str) -> None:
        """Have the staff call an invoice settled or invalid."""
        self.invoices[invoice_id] |= {"status": status, "additionalStatus": "Marked"}

    # --- Webhooks

    def webhook(
        self, kind: str, invoice_id: str, *, delivery_id: str = "", **more: Any
    ) -> tuple[dict[str, str], bytes]:
        """Return the signed message of a kind."""
        name = delivery_id or self._id("delivery")
        event = {
            "deliveryId": name,
            "webhookId": "Nm1",
            "originalDeliveryId": name,
            "isRedelivery": False,
            "type": kind,
            "timestamp": 1_700_000_000,
            "storeId": STORE_ID,
            "invoiceId": invoice_id,
        }
        body = json.dumps(event | more, indent=2).encode()
        return sign(body), body

    # --- The API

    def answer(self, call: Call) -> Answer:
        if call.headers.get("authorization") != f"token {API_KEY}":
            return Refusal(401, "unauthenticated", "Authentication required").answer
        routes: dict[str, Callable[..., Any]] = {
            "POST invoices": lambda: self._create(call.json()),
            "GET invoices": lambda: self._list(call.query.get("orderId", [])),
            "GET invoices/([^/]+)": self._find,
            "GET invoices/([^/]+)/payment-methods": self._methods,
            "POST invoices/([^/]+)/status": lambda name: self._mark(name, call.json()),
            "POST invoices/([^/]+)/refund": lambda name: self._pull(name, call.json()),
            "GET pull-payments": lambda: list(self.pulls.values()),
        }
        try:
            found = dispatch(call, routes, under=f"/api/v1/stores/{STORE_ID}/")
        except Refusal as refusal:
            return refusal.answer
        if found is None:
            return Refusal(404, "not-found", "There is no such thing").answer
        return Answer(200, found)

    def _create(self, asked: dict[str, Any]) -> dict[str, Any]:
        if Decimal(asked["amount"]) <= 0:
            raise Refusal(422, "validation-error", "The amount should be positive")
        name = self._id("invoice")
        self.coins[name] = []
        self.invoices[name] = {
            "id": name,
            "storeId": STORE_ID,
            "amount": asked["amount"],
            "paidAmount": "0.0",
            "currency": asked["currency"],
            "type": "Standard",
            "checkoutLink": f"{self.url}/i/{name}",
            "createdTime": 1_700_000_000 + self._count,
            "status": "New",
            "additionalStatus": "None",
            "metadata": asked["metadata"],
            "checkout": asked["checkout"],
            "archived": False,
        }
        return self.invoices[name]

    def _list(self, keys: list[str]) -> list[dict[str, Any]]:
        every = list(self.invoices.values())[::-1]
        return [one for one in every if one["metadata"]["orderId"] in keys]

    def _find(self, name: str) -> dict[str, Any]:
        if name not in self.invoices:
            raise Refusal(404, "invoice-not-found", "The invoice was not found")
        return self.invoices[name]

    def _methods(self, name: str) -> list[dict[str, Any]]:
        self._find(name)
        return [
            {"paymentMethodId": "BTC-CHAIN", "payments": self.coins[name]},
            {"paymentMethodId": "BTC-LN", "payments": []},
        ]

    def _mark(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        invoice = self._find(name)
        if invoice["status"] not in {"New", "Processing", "Expired"}:
            words = "Cannot change the status of this invoice"
            raise Refusal(422, "unable-to-transition-invoice-status", words)
        self.mark(name, asked["status"])
        return invoice

    def _pull(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        invoice = self._find(name)
        if invoice["status"] not in {"Settled", "Expired", "Invalid"}:
            raise Refusal(422, "non-refundable", "Cannot refund this invoice")
        if len(asked["name"]) > 50:
            raise Refusal(422, "validation-error", "The name should be shorter")
        pull = self._id("pull")
        self.pulls[pull] = {
            "id": pull,
            "name": asked["name"],
            "description": asked["description"],
            "currency": asked["customCurrency"],
            "amount": asked["customAmount"],
            "archived": False,
            "viewLink": f"{self.url}/pull-payments/{pull}",
        }
        return self.pulls[pull]

    def _count_coins(self, invoice: dict[str, Any]) -> None:
        paid, asked = Decimal(invoice["paidAmount"]), Decimal(invoice["amount"])
        is_late = invoice["status"] == "Expired"
        if paid < asked:
            invoice["additionalStatus"] = "PaidPartial"
        elif is_late:
            invoice["additionalStatus"] = "PaidLate"
        elif invoice["status"] == "New":
            invoice["status"] = "Processing"
            invoice["additionalStatus"] = "PaidOver" if paid > asked else "None"

    def _id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:020d}"


def sign(body: bytes, *, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"btcpay-sig": f"sha256={digest}", "content-type": "application/json"}
