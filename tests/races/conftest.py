"""After every race the books are checked, but after those with a guard taken out."""

from collections.abc import Iterator

import pytest

from tests.books import assert_books_balance

MUTANT = "mutant_is_caught"


@pytest.fixture(autouse=True)
def _books(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    yield
    if MUTANT not in request.node.name:
        assert_books_balance()
