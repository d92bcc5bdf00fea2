"""What the pages' tests share."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from catalog import cache
from catalog.models import Product
from common.memo import Memo
from delivery.models import DeliveryMethod
from payments import tasks
from tests.factories import DeliveryMethodFactory, ProductFactory, UserFactory


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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what workers are asked to do, instead of asking them."""
    asked: list[Any] = []
    monkeypatch.setattr(tasks.send_webhooks, "delay", asked.append)
    monkeypatch.setattr(
        tasks.arrive_late, "apply_async", lambda *args, **kw: asked.append((args, kw))
    )
    return asked


@pytest.fixture
def moon_jar(db: None) -> Product:
    return ProductFactory.create(name="Moon jar", price=18_500)


@pytest.fixture
def filled_cart(signed_in: Client, moon_jar: Product) -> Client:
    """Return the shopper's browser with a cup in the cart: ₩21,500 with delivery."""
    signed_in.post("/cart/add/", {"product": moon_jar.pk, "quantity": 1})
    return signed_in


@pytest.fixture
def guest(client: Client, moon_jar: Product) -> Client:
    client.post("/cart/add/", {"product": moon_jar.pk, "quantity": 1})
    return client
