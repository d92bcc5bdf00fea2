"""A shop that takes money by PayPal, and orders in each state."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from payments.gateways.paypal import PayPal
from tests.payments.providers.conftest import Bill
from tests.payments.providers.paypal_server import PayPalServer

gateway = PayPal()


@pytest.fixture
def server(settings: Settings) -> Iterator[PayPalServer]:
    settings.PROVIDER_TIMEOUT = 1.5
    with PayPalServer() as server:
        server.configure(settings)
        yield server


@pytest.fixture
def order_id(server: PayPalServer, bill: Bill) -> str:
    return gateway.start(bill()).reference


@pytest.fixture
def approved(server: PayPalServer, order_id: str) -> str:
    server.approve(order_id)
    return order_id


@pytest.fixture
def captured(approved: str) -> str:
    gateway.capture(approved, amount=12_500, key="capture")
    return approved
