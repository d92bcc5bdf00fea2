"""What every test runs on: real servers, a database of its own, a clean slate."""

import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import translation
from pytest_django.plugin import DjangoDbBlocker

from config import embedded
from outbox import services as outbox
from payments.gateways import guard
from tests import flushing
from tests.network import no_network_in_transactions
from tests.template import ensure_template

# Playwright keeps an event loop in the main thread, which Django takes for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers before the first test asks for them."""
    embedded.ensure()
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # WhiteNoise looks there
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        # All processes will wait for it; until then they look for their tests.
        making = [sys.executable, "-m", "tests.template"]
        subprocess.Popen(making, cwd=settings.BASE_DIR)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Start with the longest files where they are shared out among processes.

    Those are the ones that wait, then the ones of many tests. Or the last process would
    be alone with one of them in the end.
    """
    if not hasattr(config, "workerinput"):
        return
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    tests = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, -tests[item.path]))


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """Copy the test database from a template instead of migrating it."""
    with django_db_blocker.unblock():
        template = ensure_template()
    settings.DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = template


@pytest.fixture(autouse=True, scope="session")
def _no_internet() -> Iterator[None]:
    """Refuse connections that leave this machine: no test may depend on another."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and not is_here(address[0]):
            raise OSError(f"A test tried to reach {address[0]}.")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(autouse=True, scope="session")
def _tables_are_emptied_quickly() -> Iterator[None]:
    """Empty what has rows after a test, and nothing else."""
    with flushing.quickly():
        yield


@pytest.fixture(scope="session", autouse=True)
def _words_are_read_at_once() -> Iterator[None]:
    """Read the catalogue's words where a shop would have a thread do it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("catalog.wordlists.start", lambda build: build())
        yield


@pytest.fixture(scope="session", autouse=True)
def _transactions_wait_for_nobody() -> Iterator[None]:
    """Fail what opens a network connection while it holds a transaction."""
    with no_network_in_transactions():
        yield


def is_here(host: str) -> bool:
    """Say whether a host is this machine, or an address set apart for examples."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or (address.is_private and not address.is_global)


@pytest.fixture(autouse=True)
def _clean_slate() -> Iterator[None]:
    """Keep what one test leaves in memory from the next."""
    cache.clear()
    outbox.breaker.forget()
    outbox._in_trouble.clear()
    guard.breaker.forget()
    yield
    translation.activate(settings.LANGUAGE_CODE)
