"""Stripe, PayPal and BTCPay seen from over there: their payers, books and messages."""

from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from payments.models import Payment
from tests.payments.providers import btcpay_server, paypal_server, stripe_server
from tests.payments.providers.btcpay_server import BTCPayServer
from tests.payments.providers.paypal_server import PayPalServer
from tests.payments.providers.stripe_server import StripeServer
from tests.servers import LocalServer

# A signed webhook: its headers and its body.
Message = tuple[dict[str, str], bytes]
# What was captured and what of it was given back, in minor units, by our payment.
Books = dict[str, tuple[int, int]]
CENTS = 100


@dataclass(frozen=True)
class Step:
    """One call of the adapter, as a fault can wait for it."""

    method: str
    path: str

    def of(self, server: LocalServer) -> int:
        """Count such calls."""
        return len(server.calls_to(self.path, method=self.method))


class Provider(ABC):
    """One provider, with the calls that move its money."""

    code: str
    opens: Step
    # After which the money is ours, and only the answer tells so.
    takes: Step
    refunds: Step
    server: LocalServer

    def start(self, port: int) -> None:
        """Open for business with empty books, at an address that is known already."""
        self.server._port = port
        self.server.start()

    @classmethod
    @abstractmethod
    def environment(cls, url: str) -> dict[str, str]:
        """Return the settings by which the shop finds it."""

    @abstractmethod
    def pay(self, payment: Payment) -> None:
        """Do what the payer does on the provider's page."""

    @abstractmethod
    def news(self, payment: Payment) -> list[Message]:
        """Return the messages that are sent when a payment has come so far."""

    @abstractmethod
    def opened(self, payment: Payment) -> int:
        """Count what was opened for a payment."""

    @abstractmethod
    def books(self) -> Books:
        """Return all that was captured over there."""


class StripeSide(Provider):
    code = "stripe"
    opens = Step("POST", "/v1/checkout/sessions")
    takes = Step("POST", "/capture")
    refunds = Step("POST", "/v1/refunds")

    def __init__(self) -> None:
        self.server: StripeServer = StripeServer()

    @classmethod
    def environment(cls, url: str) -> dict[str, str]:
        return {
            "STRIPE_API_URL": url,
            "STRIPE_SECRET_KEY": stripe_server.SECRET_KEY,
            "STRIPE_WEBHOOK_SECRET": stripe_server.WEBHOOK_SECRET,
        }

    def pay(self, payment: Payment) -> None:
        self.server.pay(self._session(payment)["id"])

    def news(self, payment: Payment) -> list[Message]:
        session = self._session(payment)
        intent = self.server.intent_of(session["id"])
        if intent["status"] == "succeeded":
            return [self.server.webhook("payment_intent.succeeded", intent)]
        held = "payment_intent.amount_capturable_updated"
        return [
            self.server.webhook(held, intent),
            self.server.webhook("checkout.session.completed", session),
        ]

    def opened(self, payment: Payment) -> int:
        key = str(payment.pk)
        sessions = self.server.sessions.values()
        return sum(session["client_reference_id"] == key for session in sessions)

    def books(self) -> Books:
        found: Books = {}
        for intent in self.server.intents.values():
            if intent["amount_received"]:
                refunds = self.server._list(intent["id"])["data"]
                back = sum(refund["amount"] for refund in refunds)
                found[intent["metadata"]["payment"]] = intent["amount_received"], back
        return found

    def _session(self, payment: Payment) -> dict[str, Any]:
        return self.server.session_of(str(payment.pk))


class PayPalSide(Provider):
    code = "paypal"
    opens = Step("POST", "/v2/checkout/orders")
    takes = Step("POST", "/capture")
    refunds = Step("POST", "/refund")

    def __init__(self) -> None:
        self.server: PayPalServer = PayPalServer()

    @classmethod
    def environment(cls, url: str) -> dict[str, str]:
        return {
            "PAYPAL_API_URL": url,
            "PAYPAL_CLIENT_ID": paypal_server.CLIENT_ID,
            "PAYPAL_CLIENT_SECRET": paypal_server.CLIENT_SECRET,
            "PAYPAL_WEBHOOK_ID": paypal_server.WEBHOOK_ID,
        }

    def pay(self, payment: Payment) -> None:
        self.server.approve(self._order(payment)["id"])

    def news(self, payment: Payment) -> list[Message]:
        order = self._order(payment)
        if order["status"] == "APPROVED":
            kind = "CHECKOUT.ORDER.APPROVED"
            return [self.server.webhook(kind, deepcopy(order))]
        kinds = ("authorizations", "captures")
        held, taken = (self.server.resource(order["id"], kind) for kind in kinds)
        return [
            self.server.webhook("PAYMENT.AUTHORIZATION.CREATED", held),
            self.server.webhook("PAYMENT.CAPTURE.COMPLETED", taken),
        ]

    def opened(self, payment: Payment) -> int:
        return len(self._orders(payment))

    def books(self) -> Books:
        found: Books = {}
        for order_id, order in self.server.orders.items():
            captures = self.server.payments_of(order_id).get("captures", [])
            if captures:
                refunds = self.server.refunds.values()
                key = order["purchase_units"][0]["custom_id"]
                found[key] = (
                    sum(_cents(capture["amount"]["value"]) for capture in captures),
                    sum(
                        _cents(refund["amount"]["value"])
                        for refund in refunds
                        if refund["order"] == order_id
                    ),
                )
        return found

    def _order(self, payment: Payment) -> dict[str, Any]:
        [order] = self._orders(payment)
        return order

    def _orders(self, payment: Payment) -> list[dict[str, Any]]:
        key = str(payment.pk)
        orders = self.server.orders.values()
        return [one for one in orders if one["purchase_units"][0]["custom_id"] == key]


class BTCPaySide(Provider):
    code = "btcpay"
    opens = Step("POST", "/invoices")
    # Coins come by themselves; the shop can only look.
    takes = Step("GET", "/invoices/")
    refunds = Step("POST", "/refund")

    def __init__(self) -> None:
        self.server: BTCPayServer = BTCPayServer()

    @classmethod
    def environment(cls, url: str) -> dict[str, str]:
        return {
            "BTCPAY_URL": url,
            "BTCPAY_STORE_ID": btcpay_server.STORE_ID,
            "BTCPAY_API_KEY": btcpay_server.API_KEY,
            "BTCPAY_WEBHOOK_SECRET": btcpay_server.WEBHOOK_SECRET,
        }

    def pay(self, payment: Payment) -> None:
        self.server.pay(self._invoice(payment)["id"])

    def news(self, payment: Payment) -> list[Message]:
        name = self._invoice(payment)["id"]
        kinds = ("InvoiceReceivedPayment", "InvoiceProcessing", "InvoiceSettled")
        return [self.server.webhook(kind, name) for kind in kinds]

    def opened(self, payment: Payment) -> int:
        return len(self._invoices(payment))

    def books(self) -> Books:
        found: Books = {}
        for name, invoice in self.server.invoices.items():
            if paid := _cents(invoice["paidAmount"]):
                pulls = self.server.pulls.values()
                back = sum(
                    _cents(pull["amount"])
                    for pull in pulls
                    if pull["description"] == f"Invoice {name}"
                )
                found[invoice["metadata"]["orderId"]] = paid, back
        return found

    def _invoice(self, payment: Payment) -> dict[str, Any]:
        [invoice] = self._invoices(payment)
        return invoice

    def _invoices(self, payment: Payment) -> list[dict[str, Any]]:
        return self.server._list([str(payment.pk)])


SIDES: dict[str, type[Provider]] = {
    side.code: side for side in (StripeSide, PayPalSide, BTCPaySide)
}


def forged(message: Message) -> Message:
    """Return a message that its sender has not signed."""
    headers, body = message
    bad = {
        name: value[:-3] + "bad" if "sig" in name else value
        for name, value in headers.items()
    }
    return bad, body


def _cents(amount: str) -> int:
    return int(Decimal(amount) * CENTS)
