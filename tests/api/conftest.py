"""Whom the API's tests act as."""

from collections.abc import Iterator

import pytest

from accounts.models import User
from common.memo import Memo
from orders.models import Order
from tests.api.client import Api
from tests.api.paying import order_of
from tests.factories import StaffFactory, UserFactory


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    Memo.clear_all()
    yield
    Memo.clear_all()


@pytest.fixture
def user() -> User:
    return UserFactory.create(points=1_000_000)


@pytest.fixture
def api(user: User) -> Api:
    """The shopper."""
    return Api(user)


@pytest.fixture
def other() -> Api:
    """Somebody else."""
    return Api(UserFactory.create(points=1_000_000))


@pytest.fixture
def staff() -> Api:
    return Api(StaffFactory.create())


@pytest.fixture
def guest() -> Api:
    return Api()


@pytest.fixture
def order(user: User) -> Order:
    """The shopper's, not paid yet."""
    return order_of(user)
