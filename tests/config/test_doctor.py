"""``manage.py doctor``: it finds what is wrong, and falls over nothing."""

import json
import re
import smtplib
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from analytics.models import RollupRun
from config import doctor
from config.celery import app
from config.doctor import Remark, Verdict, database, machine, running
from outbox.models import Event
from tests.config.test_production import production as production

pytestmark = pytest.mark.django_db

READ = re.compile(r"docs/operations\.md(?:#([\w-]+))?")


def verdicts(remarks: Iterator[Remark]) -> dict[str, str]:
    return {remark.subject: str(remark.verdict) for remark in remarks}


def only(remarks: Iterator[Remark]) -> Remark:
    (remark,) = remarks
    return remark


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PATIENCE", 0.2)


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Let a worker answer and a job have run; the tests' server may be lax."""
    RollupRun.objects.create(day=timezone.now().date(), computed_at=timezone.now())
    monkeypatch.setattr(
        app.control, "ping", lambda **_: [{"worker1@shop": {"ok": "pong"}}]
    )
    monkeypatch.setattr(
        database,
        "_settings",
        lambda: (
            dict.fromkeys(database.DURABLE, "on")
            | dict.fromkeys(database.TIMEOUTS, "0")
            | {"server_version": "18.4"}
        ),
    )


@pytest.mark.usefixtures("healthy")
def test_healthy_shop_ends_with_0() -> None:
    said = StringIO()

    call_command("doctor", "--json", stdout=said)

    told = json.loads(said.getvalue())
    wrong = [one for one in told["remarks"] if one["verdict"] == "bad"]
    assert (told["ok"], wrong) == (True, [])
    subjects = {one["subject"].partition(":")[0] for one in told["remarks"]}
    assert set(doctor.EXAMINATIONS) - subjects <= {"Others"}


@pytest.mark.usefixtures("healthy")
def test_people_see_marks_and_a_sum() -> None:
    said = StringIO()

    call_command("doctor", stdout=said, no_color=True)

    assert "✔ Migrations: all are applied" in said.getvalue()
    assert said.getvalue().splitlines()[-1].startswith("0 wrong, ")


def test_nothing_there_is_found_and_not_fallen_over(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    away = "unix:///nowhere/redis.sock"
    settings.REDIS_URL = away
    settings.CELERY_BROKER_URL = "redis+socket:///nowhere/redis.sock"
    settings.MEDIA_ROOT = tmp_path / "file" / "media"
    (tmp_path / "file").touch()
    monkeypatch.setattr(app.control, "ping", _refused)

    def dead(*_: Any, **__: Any) -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", dead)
    said = StringIO()

    with pytest.raises(SystemExit) as end:
        call_command("doctor", stdout=said, no_color=True)

    assert end.value.code == 1
    text = said.getvalue()
    for subject in ("PostgreSQL", "Redis", "Broker", "Workers", "Media"):
        assert f"✘ {subject}: " in text
    assert "· Migrations: not asked, as PostgreSQL does not answer" in text
    assert "Traceback" not in text


def test_address_that_is_none_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unusable(*_: Any, **__: Any) -> Any:
        raise ImproperlyConfigured("Please supply the NAME")

    monkeypatch.setattr(connection, "cursor", unusable)

    found = {remark.subject: remark for remark in doctor.examine()}

    assert found["PostgreSQL"].verdict == Verdict.BAD
    assert found["Role"].verdict == Verdict.SKIPPED


def _refused(**_: Any) -> Any:
    raise ConnectionRefusedError


def test_each_wrong_thing_says_why_what_to_do_and_where_to_read(
    settings: Settings,
) -> None:
    remarks = [remark for remark in doctor.examine() if remark.verdict == "bad"]

    assert "Beat" in {remark.subject for remark in remarks}
    for remark in remarks:
        assert remark.why, remark
        assert remark.do, remark
        assert READ.fullmatch(remark.read), remark


def test_pages_to_read_are_there(settings: Settings) -> None:
    sources = (settings.BASE_DIR / "config" / "doctor").glob("*.py")
    anchors = {
        anchor
        for source in sources
        for anchor in re.findall(r'read="([\w-]+)"', source.read_text())
    }
    text = (settings.BASE_DIR / "docs" / "operations.md").read_text()
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    there = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles
    }

    assert anchors - there == set()


@pytest.mark.usefixtures("production")
def test_each_rule_of_production_has_its_line(settings: Settings) -> None:
    settings.DEBUG = True

    found = verdicts(machine.production_rules())

    assert found["Settings: debug"] == "bad"
    assert found["Settings: secret_key"] == "good"
    assert len(found) > 10


def test_server_that_may_lose_orders_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    lax = dict.fromkeys(database.TIMEOUTS, "0") | {"server_version": "18.4"}
    lax |= {"fsync": "off", "full_page_writes": "on", "synchronous_commit": "local"}
    monkeypatch.setattr(database, "_settings", lambda: lax)

    assert verdicts(database.server())["Durability"] == "bad"


def test_old_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    old = dict.fromkeys([*database.DURABLE, *database.TIMEOUTS], "on")
    monkeypatch.setattr(database, "_settings", lambda: old | {"server_version": "13.9"})

    assert verdicts(database.server())["PostgreSQL"] == "bad"


def test_timeouts_must_be_on_the_role_behind_pgbouncer(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = dict(settings.DATABASES["default"]["OPTIONS"])
    options.pop("options")
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", options)
    none = dict.fromkeys(database.TIMEOUTS, "0")

    found = {remark.subject: remark for remark in database._timeouts(none)}

    assert found["Timeouts"].verdict == Verdict.BAD
    assert "statement_timeout" in found["Timeouts"].what


def test_trigger_that_was_switched_off_is_found() -> None:
    assert only(database.triggers()).verdict == Verdict.GOOD
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE outbox_event DISABLE TRIGGER USER")

    found = only(database.triggers())

    assert found.verdict == Verdict.BAD
    assert "outbox_event.pgtrigger_" in found.what


def test_migration_that_is_missing_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'wishlist'")

    found = only(database.migrations())

    assert found.verdict == Verdict.BAD
    assert "wishlist.0001_initial" in found.what


def test_clock_that_is_wrong_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert only(database.clock()).verdict == Verdict.GOOD
    ahead = timezone.now() + timedelta(minutes=2)
    monkeypatch.setattr(timezone, "now", lambda: ahead)

    assert only(database.clock()).verdict == Verdict.BAD


def test_full_server_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MOST_USED", 0)

    assert only(database.connections()).verdict == Verdict.BAD


@pytest.mark.parametrize(
    ("info", "verdict"),
    [
        ({"maxmemory_policy": "noeviction", "aof_enabled": 1}, "good"),
        ({"maxmemory_policy": "noeviction", "aof_enabled": 0}, "warning"),
        ({"maxmemory_policy": "allkeys-lru", "aof_enabled": 1}, "bad"),
    ],
)
def test_redis_that_forgets_tasks_is_found(
    info: dict[str, Any], verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        running, "_ask_redis", lambda _url: info | {"redis_version": "7"}
    )

    assert verdicts(running.redis())["Redis as broker"] == verdict


def test_silent_clock_and_workers_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.control, "ping", lambda **_: [])
    old = timezone.now() - timedelta(minutes=5)
    RollupRun.objects.create(day=old.date(), computed_at=old)

    assert only(running.beat()).verdict == Verdict.BAD
    assert only(running.workers()).verdict == Verdict.BAD


def test_outbox_that_nobody_empties_is_found() -> None:
    assert only(running.outbox()).verdict == Verdict.GOOD
    Event.objects.create(
        topic="order.paid",
        aggregate="order/1",
        payload={},
        occurred_at=timezone.now() - timedelta(minutes=1),
    )

    assert only(running.outbox()).verdict == Verdict.BAD


def test_mail_server_that_refuses_is_found(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"

    class Refusing:
        def open(self) -> None:
            raise smtplib.SMTPAuthenticationError(535, b"who are you?")

    monkeypatch.setattr(running, "get_connection", lambda **_: Refusing())

    found = only(running.mail())

    assert found.verdict == Verdict.BAD
    assert "who are you?" in found.what


def test_other_system_that_is_away_is_found(settings: Settings) -> None:
    settings.DATA_PLATFORM_URL = "http://127.0.0.1:9/events"

    assert verdicts(running.others()) == {"Data platform": "bad"}


def test_no_password_is_shown(settings: Settings) -> None:
    settings.REDIS_URL = "redis://:secret-word@127.0.0.1:9/0"

    found = only(running.redis())

    assert found.verdict == Verdict.BAD
    assert "secret-word" not in str(found)


def test_full_disk_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE", 1 << 60)

    assert set(verdicts(machine.disk()).values()) == {"bad"}


def test_missing_package_is_found() -> None:
    wrong = list(machine._wrong_packages("no-such-package==1.0\ndjango==1.0\n"))

    assert wrong[0] == "no-such-package is missing"
    assert wrong[1].startswith("django is 5.2")


@pytest.mark.usefixtures("production")
def test_static_files_that_nobody_collected_are_found(
    settings: Settings, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path

    assert only(machine.static_files()).verdict == Verdict.BAD
    (tmp_path / "staticfiles.json").write_text("{}")
    assert only(machine.static_files()).verdict == Verdict.GOOD


def test_examination_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[Remark]:
        raise ZeroDivisionError("nobody thought of it")

    monkeypatch.setitem(doctor.EXAMINATIONS, "Disk", broken)

    found = {remark.subject: remark for remark in doctor.examine()}

    assert found["Disk"].verdict == Verdict.BAD
    assert "nobody thought of it" in found["Disk"].what
