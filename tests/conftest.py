"""What every test runs on: real servers, a database of its own, a clean slate."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import translation
from pytest_django.plugin import DjangoDbBlocker

from config import embedded
from outbox import services as outbox
from tests.template import ensure_template

# Playwright keeps an event loop in the main thread, which Django takes for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"


def pytest_configure() -> None:
    """Start the servers before the first test asks for them."""
    embedded.ensure()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None,
    django_db_blocker: DjangoDbBlocker,
) -> None:
    """Copy the test database from a template instead of migrating it."""
    with django_db_blocker.unblock():
        template = ensure_template()
    settings.DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = template


@pytest.fixture(autouse=True)
def _clean_slate() -> Iterator[None]:
    """Keep what one test leaves in memory from the next."""
    cache.clear()
    outbox.breaker.forget()
    yield
    translation.activate(settings.LANGUAGE_CODE)
