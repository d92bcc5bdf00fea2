"""What the shop and other systems tell each other of products: see docs/messages.md.

Outward go the facts of the outbox. Inward comes what a source says of a product, each
time with a version, by which what is old or doubled is recognised.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from catalog import services as catalog
from catalog.broker import Letter
from catalog.models import Product
from common.db import requires_transaction
from outbox.services import OutgoingEvent

LONGEST_BODY = 64 * 1024  # bytes
MAX_PRICE = 10**12  # minor units
MAX_STOCK = 10**9
MAX_VERSION = 2**63 - 1
# A clock over there may be wrong by so much; a count is from the future otherwise.
CLOCK_SKEW = timedelta(minutes=5)
OLDEST_COUNT = timedelta(days=30)
SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
SAID = ("price", "name", "stock")


class RefusedMessage(Exception):
    """A message that nobody can do anything with; ``reason`` says why.

    ``code`` is the same for all of a kind.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Update:
    """What a source says of a product; ``None`` is what it does not speak of.

    ``price`` is in minor units, ``stock`` in units that were there at ``counted_at``.
    """

    sku: str
    source: str
    version: int
    counted_at: datetime
    price: int | None = None
    name: str | None = None
    stock: int | None = None

    @property
    def aspects(self) -> list[str]:
        """What it speaks of."""
        return [aspect for aspect in SAID if getattr(self, aspect) is not None]

    @property
    def cause(self) -> str:
        """Say in a history who changed something."""
        return f"{self.source}, version {self.version}"


def changed_letter(event: OutgoingEvent) -> Letter:
    """Return the message of a ``product.changed``."""
    payload = event.payload
    facts = {
        "product_id": payload["product_id"],
        "sku": payload["sku"],
        "name": payload["name"],
        "price": payload["price"],
        "currency": settings.SHOP_CURRENCY,
        "is_on_sale": payload["is_on_sale"],
        "version": payload["version"],
    }
    return letter("product.changed", payload["sku"], str(event.id), facts)


def product_letter(product: Product) -> Letter:
    """Return the message that says what a product is now, as its last change did."""
    event_id = f"product/{product.pk}/{product.version}"
    facts = catalog.facts(product) | {"currency": settings.SHOP_CURRENCY}
    return letter("product.changed", product.sku, event_id, facts)


def letter(topic: str, sku: str, message_id: str, facts: dict[str, Any]) -> Letter:
    """Return a message whose routing key is the topic and the SKU."""
    body = json.dumps({"type": topic, **facts}, ensure_ascii=False).encode()
    return Letter(key=f"{topic}.{sku}", message_id=message_id, body=body)


def read_update(body: str | bytes, *, sent_at: datetime | None) -> Update:
    """Read a message, or raise ``RefusedMessage``; ``sent_at`` is from its envelope."""
    message = _read_json(body)
    update = Update(
        sku=_text(message, "sku", longest=40),
        source=_source(message),
        version=_number(message, "source_version", 1, MAX_VERSION),
        price=_optional(_number, message, "price", 1, MAX_PRICE),
        stock=_optional(_number, message, "stock", 0, MAX_STOCK),
        counted_at=_moment(message, sent_at),
        name=_optional(_text, message, "name", 200),
    )
    if not update.aspects:
        raise RefusedMessage("empty", f"it has none of {', '.join(SAID)}")
    return update


@requires_transaction
def apply_facts(update: Update, product: Product, aspects: Iterable[str]) -> None:
    """Set price and name of a locked product as staff would, if they differ."""
    if "price" in aspects and update.price not in (None, product.price):
        catalog.change_price(
            product_id=product.pk,
            price=update.price or 0,
            cause=update.cause,
            actor_id=None,
        )
    if "name" in aspects and update.name not in (None, product.name):
        catalog.rename(product_id=product.pk, name=update.name or "")


def _read_json(body: str | bytes) -> dict[str, Any]:
    if len(body) > LONGEST_BODY:
        raise RefusedMessage("too_long", f"it is longer than {LONGEST_BODY} bytes")
    try:
        message = json.loads(body if isinstance(body, str) else body.decode())
    except (ValueError, RecursionError) as error:
        raise RefusedMessage("not_json", f"it is no JSON: {error}") from None
    if not isinstance(message, dict):
        raise RefusedMessage("not_json", "it is no JSON object")
    return message


def _optional(read: Any, message: dict[str, Any], name: str, *limits: int) -> Any:
    return None if message.get(name) is None else read(message, name, *limits)


def _number(message: dict[str, Any], name: str, least: int, most: int) -> int:
    value = message.get(name)
    # True is an integer to Python, and 1.0 equals 1: to money neither does.
    if type(value) is not int:
        raise RefusedMessage(f"bad_{name}", f"{name} is no whole number")
    if not least <= value <= most:
        raise RefusedMessage(f"bad_{name}", f"{name} is not from {least} to {most}")
    return value


def _text(message: dict[str, Any], name: str, longest: int) -> str:
    value = message.get(name)
    # What cannot be printed (NUL, halves of characters) cannot be stored either.
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise RefusedMessage(f"bad_{name}", f"{name} is no text")
    if len(value) > longest:
        raise RefusedMessage(f"bad_{name}", f"{name} is longer than {longest}")
    return value.strip()


def _source(message: dict[str, Any]) -> str:
    source = _text(message, "source", longest=64)
    if not SOURCE.fullmatch(source):
        raise RefusedMessage("bad_source", "source is not of a-z, 0-9, dots, - and _")
    return source


def _moment(message: dict[str, Any], sent_at: datetime | None) -> datetime:
    now, value = timezone.now(), message.get("counted_at")
    if message.get("stock") is None:
        return now
    moment = _read_moment(value) if value is not None else sent_at or now
    if not now - OLDEST_COUNT <= moment <= now + CLOCK_SKEW:
        raise RefusedMessage("bad_counted_at", "counted_at is too old, or to come")
    return moment


def _read_moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
        # The zone's offset may lead out of the calendar.
        offset = moment.utcoffset()
        moment = moment.astimezone(timezone.get_default_timezone())
    except (TypeError, ValueError, OverflowError):
        raise RefusedMessage("bad_counted_at", "counted_at is no moment") from None
    if offset is None:
        raise RefusedMessage("bad_counted_at", "counted_at names no time zone")
    return moment
