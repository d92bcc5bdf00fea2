"""``manage.py drill``, as an operator runs it."""

import importlib
import json
import os
import re
import signal
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from drill import conductor, database, engine
from drill.report import Report
from drill.scenarios import SCENARIOS
from tests.running import wait_for

# Name, attempts, winners, expected, verdict.
ROW = re.compile(r"^  (\S+) +([\d,]+) +([\d,]+) +([\d,–]+) .*  (. \w+)$", re.MULTILINE)
NAMES = [scenario.name for scenario in SCENARIOS]


@pytest.fixture(autouse=True)
def _template(django_db_setup: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the drill's databases the migrations, which others test."""
    template = settings.DATABASES["default"]["TEST"]["TEMPLATE"]
    monkeypatch.setattr(database, "TEMPLATE", template)


def drilled(**options: Any) -> tuple[int, str]:
    """Run the command; return its exit status and what it printed."""
    out = StringIO()
    status: Any = 0
    try:
        call_command("drill", stdout=out, **options)
    except SystemExit as end:
        status = end.code
    return status, out.getvalue()


def exists(name: str) -> bool:
    found = database._execute("SELECT 1 FROM pg_database WHERE datname = %s", name)
    return bool(found)


def name_in(text: str) -> str:
    found = re.search(rf"{database.PREFIX}\w+", text)
    assert found is not None, text
    return found[0]


# --- A whole drill -------------------------------------------------------------------


@pytest.mark.slow
def test_whole_drill_shows_each_race_and_leaves_nothing() -> None:
    status, text = drilled(attempts=4)

    assert status == 0, text
    rows = re.findall(
        r"^  (\S+) +([\d,]+) +([\d,]+) +([\d,–]+) .*  (.*)$", text, re.MULTILINE
    )
    assert [row[0] for row in rows] == NAMES
    assert {row[4] for row in rows} == {"✓ good"}
    figures = {name: (tried, won, bar) for name, tried, won, bar, _ in rows}
    assert figures["last-unit"] == ("4", "1", "1")
    assert figures["last-units"] == figures["coupon-drop"] == ("40", "8", "8")
    assert figures["expiry-capture"] == ("4", "2", "2")
    assert figures["worker-killed"] == ("20", "20", "20")
    assert "→ 3 insufficient_stock, 1 ok" in text
    assert "→ 4 ok; orders: 1, different replies: 1" in text
    assert "The books are right." in text
    assert "13 of 13 races ended as they must" in text
    assert "The database is gone again." in text
    assert not exists(name_in(text))


@pytest.mark.slow
def test_broken_guard_makes_the_drill_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conductor, "ENGINE", "tests.drill.broken")

    status, text = drilled(attempts=4, only=["one-key"], json=True)

    found = json.loads(text)
    [race] = found["races"]
    assert status == 1
    assert found["ok"] is race["ok"] is False
    assert (race["name"], race["attempts"], race["winners"]) == ("one-key", 4, 4)
    assert race["expected"] == [1, 1]
    assert "winners: 4, must be 1" in race["complaints"]
    # Four orders are a loss, but they are honest ones.
    assert found["verify"]["ok"] is True
    assert not exists(found["database"])


# --- Whatever comes in between -------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stopped_drill_leaves_neither_database_nor_process(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes: list[int] = []

    def stop(_report: Report, event: dict[str, Any]) -> None:
        processes.extend(event["processes"])
        os.kill(os.getpid(), number)

    # Elsewhere the signal would end the tests.
    assert threading.current_thread() is threading.main_thread()
    monkeypatch.setattr(conductor, "ENGINE", "tests.drill.endless")
    monkeypatch.setattr(Report, "take", stop)
    before = signal.getsignal(number)

    status, text = drilled()

    assert status == 130
    assert not exists(name_in(text))
    [child] = processes
    wait_for(lambda: not _runs(child), "the race's process ends", 10)
    assert signal.getsignal(number) is before


def _runs(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(") ")[2][0] != "Z"


def test_engine_that_breaks_off_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conductor, "ENGINE", "tests.drill.crashing")

    status, text = drilled()

    assert status == 1
    assert "0 of 13 races ended as they must" in text
    assert "They broke off (exit status 3)." in text
    assert not exists(name_in(text))


def test_database_is_kept_where_asked_for_and_dropped_when_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(conductor, "ENGINE", "tests.drill.crashing")
    _status, text = drilled(keep=True)
    name = name_in(text)
    assert "is kept" in text
    assert exists(name)

    status, text = drilled(clean=True)

    assert status == 0
    assert f"dropped {name}" in text
    assert not exists(name)


# --- Nobody else's data --------------------------------------------------------------


@pytest.mark.parametrize(
    "touch",
    [
        database.drop,
        database.enter,
        lambda name: engine.main([name, "--attempts", "4"]),
    ],
    ids=["drop", "enter", "engine"],
)
def test_foreign_database_is_left_alone(touch: Callable[[str], None]) -> None:
    name = str(connection.settings_dict["NAME"])

    with pytest.raises(database.NotOurs):
        touch(name)

    assert exists(name)
    assert connection.settings_dict["NAME"] == name


def test_name_alone_makes_no_database_a_drills() -> None:
    name = database.create()
    database._execute(f"COMMENT ON DATABASE {name} IS 'mine'")

    with pytest.raises(database.NotOurs):
        database.drop(name)

    assert exists(name)
    database._execute(f"DROP DATABASE {name}")


def test_database_of_a_running_drill_is_not_left_over() -> None:
    with database.throwaway() as name:
        running = database.left_over()
    assert name not in running
    assert not exists(name)


def test_settings_of_a_drill_reach_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        for key in list(os.environ):
            patch.setenv(key, os.environ[key])  # put back afterwards
        alone = importlib.import_module("config.settings_drill")

    assert alone.DATABASES.keys() == {"default"}
    assert "LocMem" in alone.CACHES["default"]["BACKEND"]
    assert "InMemory" in alone.CHANNEL_LAYERS["default"]["BACKEND"]
    assert alone.CELERY_BROKER_URL == "memory://"
    assert "dummy" in alone.EMAIL_BACKEND
    assert alone.PAYMENT_GATEWAYS == ["sandbox"]


# --- Its options ---------------------------------------------------------------------


def test_races_are_listed() -> None:
    status, text = drilled(list=True)

    assert status == 0
    assert [line.split()[0] for line in text.splitlines()] == NAMES


@pytest.mark.parametrize("attempts", [3, 501])
def test_attempts_have_limits(attempts: int) -> None:
    with pytest.raises(CommandError, match="4 to 500") as error:
        call_command("drill", attempts=attempts)

    assert error.value.returncode == 2


def test_full_server_is_left_in_peace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        database, "server", lambda: database.Server(version="18", room=20, cores=2)
    )

    with pytest.raises(CommandError, match="room for 20 more") as error:
        call_command("drill", attempts=50)

    assert error.value.returncode == 2


def test_role_without_the_right_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    role = f"poor_{os.getpid()}"
    database._execute(f"CREATE ROLE {role} LOGIN PASSWORD 'poor'")
    monkeypatch.setitem(connection.settings_dict, "USER", role)
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", "poor")

    try:
        with pytest.raises(CommandError, match=f"ALTER ROLE {role} CREATEDB") as error:
            call_command("drill", attempts=4)
    finally:
        monkeypatch.undo()
        database._execute(f"DROP ROLE {role}")

    assert error.value.returncode == 2
