"""A storm of everything that moves money, by many at once, on a few products.

Each thread throws dice of its own, so a seed gives the same wishes again, if not in the
same order. A wish that the shop refuses is a part of the storm; an error is not.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Now

from accounts.models import User
from catalog.models import Product
from checkout import paying, providers, returns
from checkout import services as checkout
from checkout.services import Purchase
from common.errors import DomainError
from orders.models import Order, OrderStatus, Return
from outbox import services as outbox
from outbox.models import Dispatch
from payments.gateways import sandbox
from payments.gateways.base import GatewayAway, GatewayRefused
from payments.gateways.sandbox import Script, Webhook
from payments.models import Payment, SandboxPayment
from tests.paying import RETURN_URL, deliver, make_due, set_out
from tests.races.stage import overdue

REFUSALS = (DomainError, GatewayAway, GatewayRefused)
# How often each thing is wished for, in relation to the others.
WISHES = {
    "place": 8,
    "buy": 4,
    "pay_with_points": 3,
    "set_out": 10,
    "decide": 10,
    "come_late": 3,
    "bring_message": 14,
    "come_back": 4,
    "sweep": 1,
    "cancel": 3,
    "expire": 2,
    "refund": 3,
    "send": 3,
    "arrive": 2,
    "ask_to_return": 3,
    "answer_return": 3,
    "take_return": 3,
    "buy_points": 2,
}


@dataclass
class Storm:
    """Who takes part, what has happened, and which messages are on their way."""

    seed: int
    users: list[User]
    products: list[Product]
    seconds: float
    # By wish: how often it was granted and how often refused.
    granted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    orders: list[tuple[User, UUID]] = field(default_factory=list)
    payments: list[UUID] = field(default_factory=list)
    post: list[Webhook] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def rage(self, number: int) -> None:
        """Wish, until the time is up."""
        dice = Random(f"{self.seed}/{number}")
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            [wish] = dice.choices(list(WISHES), list(WISHES.values()))
            action: Callable[[Random], object] = getattr(self, wish)
            try:
                action(dice)
            except REFUSALS:
                self.refused[wish] += 1
            except IndexError:
                continue  # There is nothing to choose from yet.
            else:
                self.granted[wish] += 1

    def relay(self) -> None:
        """Do as a worker: pass events on, to providers above all."""
        while not self.is_over.is_set():
            if not outbox.deliver_due():
                time.sleep(0.02)

    def calm_down(self) -> None:
        """Let the time of all orders be up, and all messages arrive."""
        deliver(self.post)
        pending = Order.objects.filter(status=OrderStatus.PENDING)
        pending.update(expires_at=F("placed_at"))
        Payment.objects.update(created_at=Now() - timedelta(hours=1))
        for _ in range(20):
            make_due()
            providers.ask_providers()
            checkout.expire_overdue()
            while outbox.deliver_due():
                pass
            waiting = Dispatch.objects.waiting()
            if not waiting.update(next_attempt_at=Now()) and not pending.exists():
                return
        raise AssertionError("it does not calm down")

    # --- Wishes

    def place(self, dice: Random) -> None:
        wish = self._wish(dice)
        order_id = checkout.place_order(wish).id
        self.orders.append((self._user(wish), order_id))

    def buy(self, dice: Random) -> None:
        wish = self._wish(dice)
        order_id = checkout.place_and_pay(wish).id
        self.orders.append((self._user(wish), order_id))

    def pay_with_points(self, dice: Random) -> None:
        user, order_id = dice.choice(self.orders[-20:])
        checkout.pay(user_id=user.pk, order_id=order_id)

    def set_out(self, dice: Random) -> None:
        user, order_id = dice.choice(self.orders[-20:])
        part = dice.choice([0, 0, 1, 3_000, 9_999])
        self.payments.append(set_out(user, order_id, points_part=part).pk)

    def decide(self, dice: Random) -> None:
        reference = self._reference(dice)
        script = dice.choice(list(Script))
        self._send(dice, sandbox.decide(reference, script))

    def come_late(self, dice: Random) -> None:
        late = SandboxPayment.objects.filter(script=Script.LATE)
        references = list(late.order_by("created_at").values_list("pk", flat=True))
        self._send(dice, sandbox.come_late(dice.choice(references)))

    def bring_message(self, dice: Random) -> None:
        message = dice.choice(self.post[:])
        deliver([message] * dice.choice([1, 1, 2]))
        # It may come again, much later.
        if dice.random() < 0.7 and message in self.post:
            self.post.remove(message)

    def come_back(self, dice: Random) -> None:
        providers.check(dice.choice(self.payments[-30:]))

    def sweep(self, _dice: Random) -> None:
        make_due()
        providers.ask_providers()

    def cancel(self, dice: Random) -> None:
        user, order_id = dice.choice(self.orders[-30:])
        checkout.cancel(
            order_id=order_id, user_id=user.pk, actor_id=user.pk, reason="changed"
        )

    def expire(self, dice: Random) -> None:
        _user, order_id = dice.choice(self.orders[-30:])
        pending = Order.objects.filter(pk=order_id, status=OrderStatus.PENDING)
        if pending.exists():
            checkout.expire(overdue(order_id))

    def refund(self, dice: Random) -> None:
        order = self._order(dice, OrderStatus.PAID, OrderStatus.PROCESSING)
        line = dice.choice(list(order.lines.order_by("pk")))
        checkout.refund(
            order_id=order.pk,
            quantities={line.pk: 1},
            restock={line.pk: dice.randint(0, 1)},
            reason="one is missing",
            actor_id=None,
            key=str(dice.randint(1, 3)),
        )

    def send(self, dice: Random) -> None:
        order = self._order(dice, OrderStatus.PAID, OrderStatus.PROCESSING)
        if order.status == OrderStatus.PAID:
            checkout.pack(order_id=order.pk, actor_id=None)
        line = dice.choice(list(order.lines.order_by("pk")))
        lines = dice.choice([None, {line.pk: 1}])
        checkout.ship(order_id=order.pk, carrier="Post", lines=lines, actor_id=None)

    def arrive(self, dice: Random) -> None:
        order = self._order(dice, OrderStatus.SHIPPED)
        checkout.deliver(order_id=order.pk, actor_id=None)

    def ask_to_return(self, dice: Random) -> None:
        order = self._order(dice, OrderStatus.SHIPPED, OrderStatus.DELIVERED)
        line = dice.choice(list(order.lines.order_by("pk")))
        returns.request(
            order_id=order.pk,
            user_id=order.user_id,
            quantities={line.pk: dice.randint(1, 2)},
            reason="too small",
        )

    def answer_return(self, dice: Random) -> None:
        answer = dice.choice([returns.approve, returns.approve, returns.reject])
        answer(return_id=self._return(dice).pk, answer="well")

    def take_return(self, dice: Random) -> None:
        asked = self._return(dice)
        lines = asked.lines.values_list("order_line_id", "quantity")
        returns.receive(
            return_id=asked.pk,
            restocked={pk: dice.randint(0, quantity) for pk, quantity in lines},
            actor_id=None,
        )

    def buy_points(self, dice: Random) -> None:
        user = dice.choice(self.users)
        payment = paying.start_charge(
            user_id=user.pk,
            email=user.email,
            amount=dice.choice([1_000, 30_000]),
            method="sandbox",
            key=f"key {dice.randint(1, 50)}",
            return_url=RETURN_URL,
            language="en",
        )
        self.payments.append(payment.pk)

    # --- What they choose from

    def _wish(self, dice: Random) -> Purchase:
        user = dice.choice(self.users)
        chosen = dice.sample(self.products, dice.randint(1, 2))
        return Purchase(
            user_id=user.pk,
            email=user.email,
            quantities={product.pk: dice.randint(1, 2) for product in chosen},
        )

    def _user(self, wish: Purchase) -> User:
        return next(user for user in self.users if user.pk == wish.user_id)

    def _reference(self, dice: Random) -> str:
        payment = Payment.objects.get(pk=dice.choice(self.payments[-15:]))
        return payment.provider_reference

    def _send(self, dice: Random, messages: list[Webhook]) -> None:
        self.post += messages
        dice.shuffle(self.post)

    def _order(self, dice: Random, *statuses: OrderStatus) -> Order:
        found = Order.objects.filter(status__in=statuses).order_by("-placed_at")
        return dice.choice(list(found[:10]))

    def _return(self, dice: Random) -> Return:
        return dice.choice(list(Return.objects.order_by("-pk")[:6]))
