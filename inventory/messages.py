"""Tells other systems, by RabbitMQ, what products and stocks have become."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings

from catalog import broker
from catalog.broker import Letter
from catalog.messages import changed_letter, letter, product_letter
from catalog.models import Product
from inventory.models import Stock
from outbox.services import DELIVERED, Outcome, OutgoingEvent

CHUNK = 200


def announce(events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Tell of products and stocks that changed: a subscriber.

    What an order takes has no event of its own, since a purchase writes as little as it
    can: so orders are heard of, too. A stock is told as it is now, once per batch,
    however many sold it; its version says which of two messages is newer.

    Without a RabbitMQ there is nobody to tell, and nothing waits for one.
    """
    if not settings.RABBITMQ_URL:
        return [DELIVERED] * len(events)
    stocks = _stock_letters({pk for event in events for pk in _moved(event)})
    letters = [_letters(event, stocks) for event in events]
    # Each once, in the order of the events that ask for them.
    unsent = {item.message_id: item for own in letters for item in own}
    sent = dict(zip(unsent, broker.send(list(unsent.values())), strict=True))
    return [_outcome(sent[item.message_id] for item in own) for own in letters]


def announce_all(skus: Sequence[str] = ()) -> int:
    """Tell what all products, or some, are now; return how many could be told.

    For those who begin to listen, or who lost what they were told.
    """
    products = Product.objects.order_by("pk")
    if skus:
        products = products.filter(sku__in=skus)
    told, last = 0, 0
    while chunk := list(products.filter(pk__gt=last)[:CHUNK]):
        last = chunk[-1].pk
        stocks = _stock_letters({product.pk for product in chunk})
        letters = [product_letter(product) for product in chunk]
        outcomes = broker.send([*letters, *stocks.values()])
        if not all(outcome.is_delivered for outcome in outcomes):
            break
        told += len(chunk)
    return told


def _moved(event: OutgoingEvent) -> set[int]:
    """Return the products whose stock an event is about."""
    if event.topic == "product.changed":
        return set()
    if event.topic == "stock.changed":
        return {event.payload["product_id"]}
    return {line["product_id"] for line in event.payload["lines"]}


def _letters(event: OutgoingEvent, stocks: dict[int, Letter]) -> list[Letter]:
    if event.topic == "product.changed":
        return [changed_letter(event)]
    return [stocks[pk] for pk in sorted(_moved(event)) if pk in stocks]


def _stock_letters(product_ids: set[int]) -> dict[int, Letter]:
    stocks = Stock.objects.filter(pk__in=product_ids).select_related("product")
    return {stock.product_id: _stock_letter(stock) for stock in stocks}


def _stock_letter(stock: Stock) -> Letter:
    facts: dict[str, Any] = {
        "product_id": stock.product_id,
        "sku": stock.product.sku,
        "on_hand": stock.on_hand,
        "reserved": stock.reserved,
        "available": stock.available,
        "version": stock.version,
    }
    message_id = f"stock/{stock.product_id}/{stock.version}"
    return letter("stock.changed", stock.product.sku, message_id, facts)


def _outcome(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the first failure of what an event needed, if there is one."""
    failed = (outcome for outcome in outcomes if not outcome.is_delivered)
    return next(failed, DELIVERED)
