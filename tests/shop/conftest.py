"""What the pages' tests share."""

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.models import User
from catalog import cache
from delivery.models import DeliveryMethod
from shop.memo import Memo
from tests.factories import DeliveryMethodFactory, UserFactory


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Keep what this process remembers between pages from the next test."""
    Memo.clear_all()
    cache.forget_memory()
    yield
    Memo.clear_all()
    cache.forget_memory()


@pytest.fixture
def delivery(db: None) -> DeliveryMethod:
    return DeliveryMethodFactory.create()


@pytest.fixture
def shopper(db: None) -> User:
    return UserFactory.create(points=100_000)


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper)
    return client
