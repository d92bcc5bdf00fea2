"""What the tests of reviews share."""

from pathlib import Path

import pytest
from pytest_django import Settings

from accounts.models import User
from catalog.models import Product
from tests.factories import ProductFactory
from tests.reviewing import buyer_of


@pytest.fixture(autouse=True)
def media(tmp_path: Path, settings: Settings) -> Path:
    """Keep pictures where the test ends with them."""
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def jar(db: None) -> Product:
    return ProductFactory.create(name="Moon jar", slug="moon-jar")


@pytest.fixture
def buyer(jar: Product) -> User:
    return buyer_of(jar)
