"""What the fault tests share: processes, a data platform, and the last word."""

from collections.abc import Iterator

import pytest

from tests.books import assert_books_balance
from tests.figures import note as note
from tests.figures import show_figures
from tests.running import platform as platform
from tests.running import running as running


@pytest.fixture(autouse=True)
def _books_balance_in_the_end(db: None) -> Iterator[None]:
    yield
    # A fault may leave letters undelivered on purpose; each test looks after its own.
    assert_books_balance(apart_from={"I13b"})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    show_figures(terminalreporter, "tests/faults")
