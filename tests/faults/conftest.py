"""What the fault tests share: processes, a data platform, and the last word."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from demo.receiver import DataPlatform
from tests.books import assert_books_balance
from tests.running import SECRET, Running

Record = Callable[[str, object], None]


@pytest.fixture
def platform(tmp_path: Path, settings: Settings) -> Iterator[DataPlatform]:
    """Receive what this process's relay sends."""
    settings.DATA_PLATFORM_SECRET = SECRET
    with DataPlatform(secret=SECRET, path=tmp_path / "events.jsonl") as platform:
        settings.DATA_PLATFORM_URL = platform.url
        yield platform


@pytest.fixture
def running(
    tmp_path: Path, platform: DataPlatform, transactional_db: None
) -> Iterator[Running]:
    """Start the shop's processes, which send to the same platform."""
    with Running(
        tmp_path / "running", {"DATA_PLATFORM_URL": platform.url}
    ) as processes:
        yield processes


@pytest.fixture(autouse=True)
def _books_balance_in_the_end(db: None) -> Iterator[None]:
    yield
    # A fault may leave letters undelivered on purpose; each test looks after its own.
    assert_books_balance(apart_from={"I13b"})


@pytest.fixture
def note(
    record_property: Record, request: pytest.FixtureRequest
) -> Callable[..., None]:
    """Note a measured figure; all are shown at the end of the run."""

    def note(**figures: object) -> None:
        for name, figure in figures.items():
            record_property(name, figure)

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what was measured."""
    reports = [
        report
        for report in terminalreporter.getreports("passed")
        if report.when == "call" and report.user_properties
    ]
    if not reports:
        return
    terminalreporter.section("measured under faults")
    for report in reports:
        figures = ", ".join(f"{name} {value}" for name, value in report.user_properties)
        terminalreporter.line(f"{report.nodeid.partition('::')[2]}: {figures}")
