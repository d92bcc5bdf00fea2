"""Carriers to be asked, and how they are reached."""

import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from delivery import live
from tests.delivery.easypost_server import KEY, SECRET, SENDER, EasyPostServer


def nobody_asks() -> None:
    """Wait until no question to a carrier is under way."""
    until = time.monotonic() + 10
    while live._places._value != live.MOST_ASKED:
        assert time.monotonic() < until, "a question never ends"
        time.sleep(0.01)


@pytest.fixture
def easypost(settings: Settings) -> Iterator[EasyPostServer]:
    """EasyPost, switched on; the shop sells for dollars from the United States."""
    with EasyPostServer() as server:
        settings.CARRIERS = ["easypost"]
        settings.EASYPOST_API_KEY = KEY
        settings.EASYPOST_SENDER = SENDER
        settings.EASYPOST_WEBHOOK_SECRET = SECRET
        settings.EASYPOST_API_URL = server.url
        settings.SHOP_CURRENCY = "USD"
        settings.SHOP_COUNTRY = "US"
        settings.PROVIDER_TIMEOUT = 2.0
        yield server
    # What is learnt late must not be found by the next test.
    nobody_asks()


@pytest.fixture(autouse=True)
def _carriers_are_forgotten() -> Iterator[None]:
    live.breaker.forget()
    yield
    live.breaker.forget()
