"""Orders and everything that hangs on them, written as time goes by."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from random import Random
from uuid import UUID

from django.conf import settings

from delivery.promise import promise
from demo.seed import cards, tables
from demo.seed.cards import Card
from demo.seed.coupons import Held, Wallets
from demo.seed.delivery import Ways
from demo.seed.fates import Step, Story, Teller
from demo.seed.goods import Goods
from demo.seed.moments import aware, uuid7_at
from demo.seed.outbox import Outbox
from demo.seed.people import People
from demo.seed.plan import Plan
from demo.seed.points import Ledger
from demo.seed.promotions import Promotions
from demo.seed.stock import Warehouse
from orders import events
from orders import services as orders
from orders.drafts import Draft
from orders.models import DEAD, OrderStatus, ParcelStage
from payments.models import LegState, PaymentState
from payments.services import method_for, use_key
from promotions.pricing import DeliveryTerms, Item, Quote, quote

COUPON_SHARE = 0.1
CARRIERS = ("Nuri Parcel", "Baram Express", "Post")


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that orders are written into."""

    writer: tables.Writer
    people: People
    goods: Goods
    ledger: Ledger
    warehouse: Warehouse
    wallets: Wallets
    outbox: Outbox
    ways: Ways
    promotions: Promotions


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was written, for what happens to it later."""

    plan: Plan
    story: Story
    quote: Quote
    held: Held | None
    payment_id: UUID
    card: Card
    first_line: int

    @property
    def points_part(self) -> int:
        """What points pay of it."""
        return self.quote.total - self.card.amount


class OrderBook:
    """Writes orders in the order of time; ``now`` is when the story ends."""

    def __init__(self, books: Books, rng: Random, now: int) -> None:
        self._books = books
        self._add = books.writer.add
        self._rng = rng
        self._now = now
        self._teller = Teller(books.people, rng, now)
        self._next_line = 1
        self._refund_ids = count(1)
        self._card_refunds = count(1)
        self._parcel_ids = count(1)
        self._invoice_numbers = count(1)
        # What is still to come: payments, expiries, refunds. The number breaks ties.
        self._later: list[tuple[int, int, Callable[[], None]]] = []
        self._tie = count()

    def place(self, plan: Plan) -> None:
        """Write one order, after all that happened before it."""
        self._catch_up(plan.at)
        story = self._teller.tell(plan)
        items = [self._item(place, units) for place, units in plan.items.items()]
        held = None if plan.is_scripted else self._coupon(plan, items)
        to, drawn = self._books.people.addresses[plan.user], self._rng.randrange(100)
        way = self._books.ways.draw(to, items, drawn)
        priced = quote(
            items,
            promotions=self._books.promotions.terms(plan.at),
            coupon=held.terms() if held else None,
            delivery=way,
        )
        is_dead = story.status in DEAD
        self._books.promotions.give(story.id, priced, plan.at, is_dead=is_dead)
        payment_id = uuid7_at(story.paid or plan.at, self._rng)
        card = cards.draw(plan, story, priced.total, self._rng)
        placed = Placed(plan, story, priced, held, payment_id, card, self._next_line)
        self._next_line += len(items)
        if held:
            held.order_id = story.id
        self._write(placed, way)
        self._act(placed)

    def finish(self) -> None:
        """Let happen what was still to come."""
        self._catch_up(self._now)

    # --- What it costs ---------------------------------------------------------------

    def _item(self, place: int, quantity: int) -> Item:
        goods = self._books.goods
        return Item(
            goods.first_id + place,
            goods.skus[place],
            goods.names[place],
            goods.prices[place],
            quantity,
            goods.weights[place],
        )

    def _coupon(self, plan: Plan, items: list[Item]) -> Held | None:
        subtotal = sum(item.total for item in items)
        held = self._books.wallets.usable(plan.user, plan.at, subtotal)
        return held if self._rng.random() < COUPON_SHARE else None

    # --- Rows ------------------------------------------------------------------------

    def _write(self, placed: Placed, way: DeliveryTerms | None) -> None:
        plan, story, held = placed.plan, placed.story, placed.held
        people, priced = self._books.people, placed.quote
        self._add(
            tables.ORDERS,
            (
                story.id,
                story.number,
                people.id_of(plan.user),
                people.emails[plan.user],
                story.status.value,
                priced.subtotal,
                priced.discount,
                priced.delivery_cost,
                priced.total,
                settings.SHOP_CURRENCY,
                json.dumps(people.addresses[plan.user]),
                way.code if way else "",
                promise(way.schedule, now=aware(plan.at)).latest if way else None,
                held.id if held else None,
                held.batch.name if held else "",
                json.dumps(orders.adjustments_of(priced)),
                aware(plan.at),
                # The deadline goes once the order is paid.
                None if story.paid else aware(plan.at + self._teller.window),
                _time(story.paid),
                _time(story.closed),
            ),
        )
        self._write_lines(placed)
        self._write_timeline(placed)
        if story.paid:
            self._write_payment(placed)

    def _write_lines(self, placed: Placed) -> None:
        order_id, paid = placed.story.id, _time(placed.story.paid)
        for number, line in enumerate(placed.quote.lines, placed.first_line):
            item = line.item
            row = (number, order_id, item.product_id, item.sku, item.name)
            money = (item.unit_price, item.quantity, line.discount_share)
            self._add(tables.LINES, (*row, *money, paid))

    def _write_timeline(self, placed: Placed) -> None:
        story = placed.story
        before = ""
        for step in story.steps:
            row = (story.id, before, step.status.value, step.reason, step.actor)
            self._add(tables.TIMELINE, (*row, aware(step.at)))
            before = step.status.value
            if step.status == OrderStatus.SHIPPED:
                self._write_parcel(placed, step)

    def _write_parcel(self, placed: Placed, shipped: Step) -> None:
        story = placed.story
        is_there = story.status == OrderStatus.DELIVERED
        arrived = aware(story.steps[-1].at) if is_there else None
        carrier = self._rng.choice(CARRIERS)
        tracking = str(self._rng.randrange(10**11, 10**12))
        stage = ParcelStage.DELIVERED if is_there else ParcelStage.IN_TRANSIT
        number = next(self._parcel_ids)
        row = (number, story.id, carrier, tracking, "", "", stage.value)
        self._add(tables.PARCELS, (*row, aware(shipped.at), arrived))
        for line_id, line in enumerate(placed.quote.lines, placed.first_line):
            self._add(tables.PARCEL_LINES, (number, line_id, line.item.quantity))

    def _write_payment(self, placed: Placed) -> None:
        story, paid = placed.story, _time(placed.story.paid)
        if placed.card.amount:
            leg = next(self._card_refunds)
            cards.write(self._books.writer, placed.card, story, story.number, leg=leg)
        if placed.card.amount and not placed.points_part:
            return
        amount = placed.points_part
        refunded = amount if story.closed else 0
        row = (placed.payment_id, story.id, method_for(amount).value, amount)
        state = PaymentState.CAPTURED.value
        self._add(tables.PAYMENTS, (*row, refunded, state, "", paid, paid, paid))

    # --- Stock, points and events, in the order of time ------------------------------

    def _act(self, placed: Placed) -> None:
        plan, story = placed.plan, placed.story
        if story.paid == plan.at:
            self._books.warehouse.sell(plan.items, story.id, plan.at)
            self._pay(placed, plan.at)
        else:
            self._books.warehouse.reserve(plan.items, story.id, plan.at)
            if story.paid:
                self._at(story.paid, lambda: self._pay_later(placed))
        if story.closed:
            self._at(story.closed, lambda: self._give_up(placed))

    def _at(self, time: int, act: Callable[[], None]) -> None:
        heappush(self._later, (time, next(self._tie), act))

    def _catch_up(self, time: int) -> None:
        while self._later and self._later[0][0] <= time:
            heappop(self._later)[2]()

    def _pay_later(self, placed: Placed) -> None:
        at = placed.story.paid or 0
        self._books.warehouse.commit(placed.plan.items, placed.story.id, at)
        self._pay(placed, at)

    def _pay(self, placed: Placed, at: int) -> None:
        story, user_id = placed.story, self._books.people.id_of(placed.plan.user)
        if amount := placed.points_part:
            is_mixed = placed.card.amount > 0
            key = f"hold/{placed.payment_id}" if is_mixed else use_key(story.id)
            self._books.ledger.use(
                user_id, amount, reference=story.number, key=key, at=at
            )
        if placed.held:
            placed.held.used = at
        payload = events.draft_payload(
            self._draft(placed, user_id), settings.SHOP_CURRENCY
        )
        self._books.outbox.order_paid(story.id, payload, at)
        invoice = (story.id, next(self._invoice_numbers), aware(at))
        self._add(tables.INVOICES, invoice)

    def _draft(self, placed: Placed, user_id: int) -> Draft:
        """Return as much of the paid order as its event tells."""
        return Draft(
            id=placed.story.id,
            number=placed.story.number,
            user_id=user_id,
            email=self._books.people.emails[placed.plan.user],
            quote=placed.quote,
            address={},
            delivery_method="",
            coupon_id=placed.held.id if placed.held else None,
            coupon_name="",
            status=OrderStatus.PAID,
            placed_at=aware(placed.plan.at),
        )

    def _give_up(self, placed: Placed) -> None:
        plan, story, held = placed.plan, placed.story, placed.held
        at = story.closed or 0
        if held:
            held.order_id = held.used = None
        if not story.paid:
            self._books.warehouse.release(plan.items, story.id, at)
            return
        self._books.warehouse.take_back(plan.items, story.id, at)
        self._refund(placed, at)

    def _refund(self, placed: Placed, at: int) -> None:
        story, user_id = placed.story, self._books.people.id_of(placed.plan.user)
        number, time, key = next(self._refund_ids), aware(at), f"cancel/{story.id}"
        total, reason = placed.quote.total, story.steps[-1].reason
        delivery = placed.quote.delivery_cost
        row = (number, story.id, total, delivery, reason, user_id, key, time)
        self._add(tables.REFUNDS, row)
        for payment_id, amount in (
            (placed.card.payment_id, placed.card.amount),
            (placed.payment_id, placed.points_part),
        ):
            if amount:
                leg = (number, payment_id, amount, LegState.DONE.value, time)
                self._add(tables.REFUND_LEGS, leg)
        for line_id, line in enumerate(placed.quote.lines, placed.first_line):
            item = line.item
            amount = item.total - line.discount_share
            goods = (item.product_id, item.quantity, amount)
            self._add(tables.REFUND_LINES, (number, line_id, *goods, time))
        if amount := placed.points_part:
            key = f"refund/{key}"
            self._books.ledger.refund(
                user_id, amount, reference=story.number, key=key, at=at
            )


def _time(at: int | None) -> datetime | None:
    return None if at is None else aware(at)
