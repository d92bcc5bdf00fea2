"""A running shop that takes money by Stripe, PayPal and BTCPay, and who pays there."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import UUID

import urllib3
from django.db import connection
from django.db.models import Sum
from django.db.models.functions import Now

from accounts.models import User
from api import tokens
from catalog.models import Product
from config.celery import app
from orders.models import Order, OrderStatus
from outbox.models import Dispatch
from payments.models import LegState, Payment, PaymentState, RefundLeg
from tests.factories import ProductFactory, UserFactory
from tests.faults.providers import SIDES, Books, Message, Provider
from tests.running import (
    BEAT_IS_READY,
    WORKER_IS_READY,
    Process,
    Running,
    Web,
    free_port,
    wait_for,
)
from tests.strangers import Answer, Stranger

PATIENCE = 2.0  # seconds that a provider has to answer; ten in a real shop
LOOKS_A_SWEEP = 300  # each a hundredth of a second, and what the look itself takes
LEASE = "3"  # seconds; thirty in a real shop
PRICE = 12_500
BUSY_SQL = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'dojang-%'
       AND state <> 'idle' AND pid <> pg_backend_pid()
"""


@dataclass
class Shop:
    """The processes, which live through many tests, and where others listen."""

    running: Running
    ports: dict[str, int]
    name: str = field(init=False)
    web: Web = field(init=False)
    worker: Process = field(init=False)
    beat: Process = field(init=False)

    def open(self) -> None:
        # All at once, and without those that hold no money.
        self.worker, self.beat = self.running._worker(2), self.running._beat()
        self.web = self.running.web(workers=2)
        self.name = self.web.url
        self.worker.wait_until_it_says(WORKER_IS_READY)
        self.beat.wait_until_it_says(BEAT_IS_READY)

    def replace_worker(self) -> None:
        """Kill the worker and all its children; start another."""
        self.worker.kill()
        self.worker = self.running.worker(concurrency=2)

    def replace_web(self) -> None:
        """Kill the web server and all its children; start another."""
        self.web.kill()
        # Known by the same name, as behind a proxy.
        self.web = self.running.web(workers=2, SHOP_BASE_URL=self.name)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Let the worker and the clock run during a test, and stand still after it.

        Else they would hold locks while the tables are emptied.
        """
        self.worker.resume()
        self.beat.resume()
        try:
            yield
        finally:
            self.beat.pause()
            app.control.purge()
            wait_for(self._stands_still, "the work is done", 30)

    def _stands_still(self) -> bool:
        self.worker.pause()
        if _nobody_is_busy():
            return True
        self.worker.resume()
        return False


@contextmanager
def open_shop(
    folder: Path, ports: dict[str, int], environment: dict[str, str]
) -> Iterator[Shop]:
    """Start the shop's processes for a module's tests."""
    short = {"PROVIDER_TIMEOUT": str(PATIENCE), "OUTBOX_LEASE_SECONDS": LEASE}
    with Running(folder, short | environment) as running:
        shop = Shop(running, ports)
        shop.open()
        shop.beat.pause()
        yield shop


@contextmanager
def open_cashdesk(folder: Path) -> Iterator[Shop]:
    """Start a shop that takes money by all providers."""
    ports = {code: free_port() for code in SIDES}
    # In a currency that all of them take.
    environment = {"PAYMENT_GATEWAYS": ",".join(SIDES), "SHOP_CURRENCY": "USD"}
    for code, side in SIDES.items():
        environment |= side.environment(f"http://127.0.0.1:{ports[code]}")
    with open_shop(folder, ports, environment) as shop:
        yield shop


@dataclass
class Payer(Stranger):
    """A shopper at the API who wants one product, and pays for it at a provider."""

    shop: Shop = field(kw_only=True)
    provider: Provider = field(kw_only=True)
    user: User = field(kw_only=True)
    product: Product = field(kw_only=True)

    def place(self) -> UUID:
        body = {"items": [{"product_id": self.product.pk, "quantity": 1}]}
        answer = self.post("/api/v1/orders", body)
        assert answer.status == 201, answer
        return UUID(answer.body["id"])

    def ask_to_pay(self, order_id: UUID) -> Answer:
        """Ask to be sent to the provider; the same key each time, as clients do."""
        body = {"order_id": str(order_id), "method": self.provider.code}
        return self.post("/api/v1/payments", body, key=f"pay-{order_id}")

    def set_out(self, order_id: UUID) -> Payment:
        """Go to the provider's page."""
        answer = self.ask_to_pay(order_id)
        assert answer.status == 201, answer
        assert answer.body["next_action"]["url"]
        return Payment.objects.get(pk=answer.body["id"])

    def pay(self, order_id: UUID) -> Payment:
        """Go there and pay; the shop has not heard of it yet."""
        payment = self.set_out(order_id)
        self.provider.pay(payment)
        return payment

    def come_back(self, payment: Payment) -> Answer:
        return self.post(f"/api/v1/payments/{payment.pk}/check", {})

    def buy(self, product_id: int = 0, *, key: str = "") -> Answer:
        return super().buy(product_id or self.product.pk, key=key)

    def paid_order(self) -> tuple[UUID, Payment]:
        """Order and pay, without any trouble."""
        order_id = self.place()
        payment = self.pay(order_id)
        self.tell(self.provider.news(payment))
        wait_until_paid(order_id)
        return order_id, payment

    def cancel(self, order_id: UUID) -> None:
        answer = self.post(f"/api/v1/orders/{order_id}/cancel", {})
        assert answer.status == 200, answer

    def tell(self, messages: list[Message]) -> list[int]:
        """Bring the provider's messages to the shop; return how it answered."""
        url = f"{self.shop.web.url}/api/v1/payments/webhooks/{self.provider.code}"
        statuses = []
        for headers, body in messages:
            reply = urllib3.request(
                "POST", url, body=body, headers=headers, retries=False
            )
            statuses.append(reply.status)
        return statuses


def payer(shop: Shop, provider: Provider, *, stock: int = 10) -> Payer:
    """Return a shopper, and a product on the shelf."""
    user = UserFactory.create(points=1_000_000)
    product = ProductFactory.create(price=PRICE, stock_on_hand=stock)
    return Payer(
        shop.web.url,
        headers=signed_in(user),
        shop=shop,
        provider=provider,
        user=user,
        product=product,
    )


def signed_in(user: User) -> dict[str, str]:
    """Return the headers by which the API knows somebody."""
    return {"authorization": f"Bearer {tokens.sign_in(user).access}"}


def status_of(order_id: UUID) -> str:
    found: str = Order.objects.values_list("status", flat=True).get(pk=order_id)
    return found


def wait_until_paid(order_id: UUID) -> float:
    """Wait until an order is paid; return the seconds."""
    return wait_for(
        lambda: status_of(order_id) == OrderStatus.PAID, "the order is paid", 60
    )


def wait_until_refunded() -> float:
    """Wait until no refund is on its way any more; return the seconds."""
    pending = RefundLeg.objects.filter(state=LegState.PENDING)
    return wait_for(lambda: not pending.exists(), "the money is back", 30)


def sweep() -> None:
    """Let all silent payments be asked after, as the clock does in a while."""
    Payment.objects.filter(next_look_at__isnull=False).update(next_look_at=Now())
    app.send_task("checkout.tasks.ask_providers")


def sweep_until(condition: Callable[[], object], what: str) -> float:
    """Sweep now and every few seconds until something holds; return the seconds.

    A sweep that is still under way puts off what it has seen, from those after it too.
    """
    looks = count()

    def holds() -> object:
        if next(looks) % LOOKS_A_SWEEP == 0:
            sweep()
        return condition()

    return wait_for(holds, what)


def sweep_until_paid(order_id: UUID) -> float:
    """Sweep until an order is paid; return the seconds."""
    return sweep_until(lambda: status_of(order_id) == OrderStatus.PAID, "it is paid")


def assert_same_books(provider: Provider) -> None:
    """Fail unless a provider has taken and given back what our books say."""
    money = Dispatch.objects.waiting().filter(
        subscriber__startswith="checkout.providers"
    )
    wait_for(lambda: not money.exists(), "the providers know all", 30)
    assert provider.books() == our_books(provider.code)


def our_books(method: str) -> Books:
    """Return what our books say of a provider, as its own are written."""
    captured = Payment.objects.filter(method=method, state=PaymentState.CAPTURED)
    legs = RefundLeg.objects.filter(state=LegState.DONE)
    return {
        str(payment.pk): (
            payment.amount,
            legs.filter(payment=payment).aggregate(sum=Sum("amount"))["sum"] or 0,
        )
        for payment in captured
    }


def _nobody_is_busy() -> bool:
    time.sleep(0.05)
    with connection.cursor() as cursor:
        cursor.execute(BUSY_SQL)
        found: int = cursor.fetchone()[0]
        return found == 0
