"""A shop that takes money by Stripe, and sessions in each state."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from payments.gateways.stripe import Stripe
from tests.payments.providers.conftest import Bill
from tests.payments.providers.stripe_server import StripeServer

gateway = Stripe()


@pytest.fixture
def server(settings: Settings) -> Iterator[StripeServer]:
    settings.PROVIDER_TIMEOUT = 1.5
    with StripeServer() as server:
        server.configure(settings)
        yield server


@pytest.fixture
def session_id(server: StripeServer, bill: Bill) -> str:
    return gateway.start(bill()).reference


@pytest.fixture
def paid(server: StripeServer, session_id: str) -> str:
    server.pay(session_id)
    return session_id


@pytest.fixture
def captured(paid: str) -> str:
    gateway.capture(paid, amount=12_500, key="capture")
    return paid
