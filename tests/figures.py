"""Figures that tests measure, shown at the end of the run."""

from collections.abc import Callable

import pytest

Note = Callable[..., None]


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Note a measured figure."""

    def note(**figures: object) -> None:
        for name, figure in figures.items():
            record_property(name, figure)

    return note


def show_figures(terminal: pytest.TerminalReporter, folder: str) -> None:
    """Write the figures of one folder's tests."""
    reports = [
        report
        for report in terminal.getreports("passed")
        if report.when == "call"
        and report.nodeid.startswith(folder)
        and report.user_properties
    ]
    if not reports:
        return
    terminal.section(f"measured in {folder}")
    for report in reports:
        figures = ", ".join(f"{name} {value}" for name, value in report.user_properties)
        terminal.line(f"{report.nodeid.partition('::')[2]}: {figures}")
