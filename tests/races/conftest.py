"""After every race the books are checked, but after those with a guard taken out."""

from collections.abc import Iterator

import pytest

from tests.books import assert_books_balance
from tests.figures import note as note
from tests.figures import show_figures

MUTANT = "mutant_is_caught"


@pytest.fixture(autouse=True)
def _books(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    yield
    if MUTANT not in request.node.name:
        assert_books_balance()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    show_figures(terminalreporter, "tests/races")
