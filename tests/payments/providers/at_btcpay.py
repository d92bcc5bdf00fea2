"""A shop that takes money by BTCPay, and invoices in each state."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from payments.gateways.btcpay import BTCPay
from tests.payments.providers.btcpay_server import BTCPayServer
from tests.payments.providers.conftest import Bill

gateway = BTCPay()


@pytest.fixture
def server(settings: Settings) -> Iterator[BTCPayServer]:
    settings.PROVIDER_TIMEOUT = 1.5
    with BTCPayServer() as server:
        server.configure(settings)
        yield server


@pytest.fixture
def invoice_id(server: BTCPayServer, bill: Bill) -> str:
    return gateway.start(bill()).reference


@pytest.fixture
def paid(server: BTCPayServer, invoice_id: str) -> str:
    server.pay(invoice_id)
    return invoice_id
