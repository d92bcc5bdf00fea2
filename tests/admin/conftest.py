import pytest
from django.test import Client

from accounts.models import User
from tests.factories import StaffFactory
from tests.shops import Shop, busy_shop


@pytest.fixture
def shop(db: None) -> Shop:
    return busy_shop()


@pytest.fixture
def boss(client: Client, db: None) -> User:
    boss = StaffFactory.create()
    client.force_login(boss)
    return boss
