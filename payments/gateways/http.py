"""What the adapters share: one deadline a call, and the words for what goes wrong."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from django.conf import settings

from common import http
from payments.gateways.base import GatewayAway, WebhookInvalid

# What reading a structure that is not as documented raises.
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@contextmanager
def one_deadline() -> Iterator[None]:
    """Let everything that one call of the interface needs end within its time."""
    with http.within(settings.PROVIDER_TIMEOUT):
        yield


@contextmanager
def reading_answer(provider: str) -> Iterator[None]:
    """Take an answer that cannot be read for none: the work may have been done."""
    try:
        yield
    except UNREADABLE as error:
        raise GatewayAway(f"{provider} answered in another form") from error


@contextmanager
def reading_webhook() -> Iterator[None]:
    """Refuse a message that cannot be read."""
    try:
        yield
    except UNREADABLE as error:
        raise WebhookInvalid("The message is not in its form.") from error


def message(body: bytes) -> Mapping[str, Any]:
    """Return a webhook's JSON object, or raise ``WebhookInvalid``."""
    with reading_webhook():
        found = orjson.loads(body)
        if not isinstance(found, dict):
            raise TypeError
    return found


def text(value: object) -> str:
    """Return a string that has to be one, and that a database can keep."""
    if not isinstance(value, str) or "\0" in value:
        raise TypeError("not a text")
    return value


def objects(value: object) -> Sequence[Mapping[str, Any]]:
    """Return a list of JSON objects that has to be one; nothing counts as empty."""
    found = value or []
    if not isinstance(found, list) or not all(isinstance(o, dict) for o in found):
        raise TypeError("not a list of objects")
    return found
