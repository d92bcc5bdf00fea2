"""What a drill prints."""

import json
from io import StringIO
from typing import Any

from django.core.management.base import OutputWrapper
from django.core.management.color import no_style

from drill.database import Server
from drill.report import Report, Ticker

RACE = {
    "name": "last-unit",
    "title": "all buy the last unit",
    "attempts": 1_000,
    "winners": 1,
    "expected": [1, 1],
    "p50_ms": 9.94,
    "p99_ms": 1_234.0,
    "told": {"insufficient_stock": 999, "ok": 1},
    "became": "orders: 1",
    "complaints": [],
    "ok": True,
    "seconds": 2.0,
}
RIGHT = {"ok": True, "invariants": 57, "violations": [], "orders": 1_234}
WRONG = {
    "ok": False,
    "invariants": 57,
    "violations": [
        {
            "id": "I3",
            "title": "Stock is the sum of its movements",
            "violations": 1,
            "examples": [{"key": "7", "text": "4 on hand, 5 moved"}],
            "hint": "Look.",
        }
    ],
    "orders": 3,
}


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def report_of(
    *events: dict[str, Any], status: int = 0, is_json: bool = False
) -> tuple[Report, str]:
    out = StringIO()
    report = Report(OutputWrapper(out), StringIO(), no_style(), is_json=is_json)
    report.begin("dojang_drill_1", Server("18.4", 150, 2), attempts=50, races=1)
    for event in events:
        report.take(event)
    report.end(status)
    report.conclude("dojang_drill_1", is_kept=False)
    return report, out.getvalue()


def test_race_is_a_line_of_a_table() -> None:
    report, text = report_of({"ready": True}, {"race": RACE}, {"verify": RIGHT})

    header, _rule, row, title, told = text.splitlines()[3:8]
    assert header.split() == [
        "race", "attempts", "winners", "expected", "p50", "p99", "verdict",
    ]  # fmt: skip
    assert row.split() == [
        "last-unit", "1,000", "1", "1", "9.9", "ms", "1.2", "s", "✓", "good",
    ]  # fmt: skip
    assert title == "    all buy the last unit"
    assert told == "    → 999 insufficient_stock, 1 ok; orders: 1"
    assert "verify: 57 invariants hold for all 1,234 orders." in text
    assert "1 of 1 races ended as they must" in text
    assert max(len(line) for line in text.splitlines()) <= 80
    assert report.is_good


def test_broken_race_says_what_should_have_been() -> None:
    broken = {**RACE, "ok": False, "complaints": ["winners: 2, must be 1"]}

    report, text = report_of({"race": broken}, {"verify": RIGHT})

    assert "✗ BROKEN" in text
    assert "    ✗ winners: 2, must be 1" in text
    assert "0 of 1 races ended as they must" in text
    assert not report.is_good


def test_wrong_books_are_no_success() -> None:
    report, text = report_of({"race": RACE}, {"verify": WRONG})

    assert "verify: the books are wrong." in text
    assert "I3 Stock is the sum of its movements: 1" in text
    assert "7: 4 on hand, 5 moved" in text
    assert not report.is_good


def test_race_that_is_missing_is_no_success() -> None:
    assert not report_of({"verify": RIGHT})[0].is_good
    assert not report_of({"race": RACE})[0].is_good
    assert not report_of({"race": RACE}, {"verify": RIGHT}, status=1)[0].is_good


def test_json_is_all_that_is_printed_for_a_script() -> None:
    report, text = report_of(
        {"ready": True}, {"race": RACE}, {"verify": WRONG}, is_json=True
    )

    found = json.loads(text)
    assert found["ok"] is report.is_good is False
    assert (found["database"], found["postgresql"]) == ("dojang_drill_1", "18.4")
    assert found["races"] == [RACE]
    assert found["verify"] == WRONG


def test_progress_is_shown_to_people_only() -> None:
    screen, log = Screen(), StringIO()
    for stream in (screen, log):
        with Ticker(stream) as ticker:
            ticker.start("1 of 13: last-unit")

    assert "1 of 13: last-unit … 0 s" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")
    assert log.getvalue() == ""
