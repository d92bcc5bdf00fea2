"""The whole shop, running, with something on its shelves."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher

from accounts.models import User
from catalog.models import Product
from coupons.models import CouponBatch
from tests.books import assert_books_balance
from tests.factories import (
    PASSWORD,
    CategoryFactory,
    CouponBatchFactory,
    DeliveryMethodFactory,
    ProductFactory,
    StaffFactory,
)
from tests.figures import note as note
from tests.figures import show_figures
from tests.running import Running, Web
from tests.running import platform as platform
from tests.running import running as running


@dataclass(frozen=True)
class Shelves:
    """What a journey meets in the shop."""

    teapot: Product
    cup: Product
    batch: CouponBatch
    staff: User


@pytest.fixture
def shelves(transactional_db: None) -> Shelves:
    return fill_shelves()


def fill_shelves() -> Shelves:
    """Put two products, coupons and somebody of the staff into an empty shop."""
    kitchen = CategoryFactory.create(name="Kitchen", slug="kitchen")
    DeliveryMethodFactory.create()
    staff = StaffFactory.create()
    # The servers hash passwords as in real life, the tests in a hurry.
    staff.password = Argon2PasswordHasher().encode(PASSWORD, "saltsaltsalt")
    staff.save(update_fields=["password"])
    return Shelves(
        teapot=ProductFactory.create(
            name="Celadon Teapot", slug="teapot", price=32_000, category=kitchen
        ),
        cup=ProductFactory.create(
            name="Tea Cup",
            slug="cup",
            price=9_000,
            category=kitchen,
            stock_on_hand=50,
        ),
        batch=CouponBatchFactory.create(name="Opening week", quantity=2),
        staff=staff,
    )


@pytest.fixture
def shop(running: Running, shelves: Shelves) -> Web:
    """Start all that a real shop runs."""
    return running.shop()


@pytest.fixture(autouse=True)
def _books_balance_in_the_end(db: None) -> Iterator[None]:
    yield
    assert_books_balance()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    show_figures(terminalreporter, "tests/journeys")
