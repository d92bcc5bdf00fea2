"""When a race is good, and what is said of one that is not."""

from types import SimpleNamespace

import pytest

from drill import crowd
from drill.crowd import Tally, merged
from drill.outcome import Outcome, errors, judged


def outcome(**changes: object) -> Outcome:
    values: dict[str, object] = {
        "attempts": 3,
        "winners": 1,
        "expected": (1, 1),
        "told": {"ok": 1, "sold_out": 2},
        "found": {"orders": 1, "left": 7},
        "wanted": {"orders": 1},
        "seconds": [0.3, 0.1, 0.2],
    }
    return Outcome(**{**values, **changes})  # type: ignore[arg-type]


def test_race_is_good_when_all_is_as_it_must_be() -> None:
    assert outcome().is_good
    assert outcome().complaints() == []


def test_too_many_winners_are_complained_of() -> None:
    assert outcome(winners=2).complaints() == ["winners: 2, must be 1"]
    assert outcome(winners=12, expected=(3, 11)).complaints() == [
        "winners: 12, must be 3–11"
    ]


def test_books_that_differ_are_complained_of() -> None:
    assert outcome(found={"orders": 2}).complaints() == ["orders: 2, must be 1"]


@pytest.mark.parametrize(("percent", "seconds"), [(1, 0.1), (50, 0.2), (99, 0.3)])
def test_percentile_is_an_attempt_that_was_made(percent: int, seconds: float) -> None:
    assert outcome().percentile(percent) == seconds


def test_race_without_attempts_took_no_time() -> None:
    assert outcome(seconds=[]).percentile(99) == 0


def test_what_callers_were_told_is_judged_where_it_is_certain() -> None:
    tally = Tally({"ok": 2}, [0.1, 0.1])

    judged_race = judged(
        tally, winners=1, expected=1, told={"ok": 1, "no": 1}, found={}, wanted={}
    )

    assert judged_race.attempts == 2
    assert judged_race.complaints() == ["told: {'ok': 2}, must be {'ok': 1, 'no': 1}"]


def test_refusals_are_no_errors() -> None:
    tally = Tally({"ok": 1, "sold_out": 2, "OperationalError": 3}, [])

    assert errors(tally, "sold_out") == {"OperationalError": 3}


def test_processes_are_added_up() -> None:
    one = {"told": {"ok": 1, "no": 1}, "seconds": [0.1, 0.2]}
    other = {"told": {"ok": 2}, "seconds": [0.3]}

    assert merged([one, other]) == Tally({"no": 1, "ok": 3}, [0.1, 0.2, 0.3])


def test_time_that_the_race_itself_takes_is_off_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The attempt begins, is held, goes on, and ends.
    moments = iter([0.0, 1.0, 101.0, 105.0])
    clock = SimpleNamespace(perf_counter=lambda: next(moments))
    monkeypatch.setattr(crowd, "time", clock)

    def wait(_number: int) -> str:
        with crowd.off_the_clock():
            return "done"

    assert crowd._attempt(wait, 0) == ("done", 5.0)
