"""``manage.py backup`` and ``manage.py restore``, with PostgreSQL's own programs."""

import json
import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import Settings
from pytest_django.plugin import DjangoDbBlocker

from common.progress import Progress
from config import backups, pgtools, restoring
from config.backups import DUMP, MANIFEST, Backup, BackupError
from orders.models import Order
from tests.books import assert_books_balance
from tests.shops import busy_shop

PASSWORD = "correct-horse"


def quiet() -> Progress:
    return Progress(StringIO())


def run(*words: str) -> tuple[int, Any]:
    """Return the exit code and what the command's JSON says."""
    said, code = StringIO(), 0
    try:
        call_command(*words, "--json", stdout=said, stderr=StringIO())
    except SystemExit as end:
        code = int(str(end.code))
    return code, json.loads(said.getvalue())


@pytest.fixture(scope="module")
def empty_backup(
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """Return a backup of a shop that nobody has used."""
    folder = tmp_path_factory.mktemp("backups") / "empty"
    with django_db_blocker.unblock():
        backups.make(folder, progress=quiet(), with_media=False)
        connection.close()
    return folder


@pytest.fixture
def copy(empty_backup: Path, tmp_path: Path) -> Path:
    """Return a copy of it that may be spoilt."""
    return Path(shutil.copytree(empty_backup, tmp_path / "copy"))


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    (folder / "reviews").mkdir(parents=True)
    (folder / "reviews" / "a.webp").write_bytes(b"a picture")
    settings.MEDIA_ROOT = folder
    return folder


@pytest.fixture
def spare(transactional_db: None) -> Iterator[str]:
    """Return the name of a database that may be made, and is gone afterwards."""
    name = f"{connection.settings_dict['NAME']}_restored"
    yield name
    with connection.cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def test_busy_shop_comes_back_as_it_was(
    media: Path, spare: str, tmp_path: Path
) -> None:
    busy_shop()
    with transaction.atomic():
        before = backups.tables()
    folder = tmp_path / "backup"

    code, made = run("backup", str(folder))

    assert (code, made["folder"], made["books"]["ok"]) == (0, str(folder), True)
    manifest = json.loads((folder / MANIFEST).read_text())
    assert manifest["tables"] == before
    assert sorted(manifest["files"]) == [DUMP, "media/reviews/a.webp"]
    assert "checkout" not in manifest["versions"]
    assert not list(tmp_path.glob(".*"))

    code, told = run("restore", str(folder), "--into", spare)

    assert (code, told["ok"]) == (0, True)
    assert (told["differing_tables"], told["violations"]) == ([], {})
    assert connection.settings_dict["NAME"] != spare

    # In place: what has happened since is gone, and nothing else is.
    _spoil_the_books()
    (media / "reviews" / "a.webp").unlink()
    with pytest.raises(CommandError, match="has tables") as refused:
        run("restore", str(folder))
    assert refused.value.returncode == 2
    assert Order.objects.filter(total=1).exists()

    code, told = run("restore", str(folder), "--force")

    assert (code, told["ok"]) == (0, True)
    with transaction.atomic():
        assert backups.tables() == before
    assert (media / "reviews" / "a.webp").read_bytes() == b"a picture"
    assert_books_balance()


def test_older_backup_is_brought_up_to_date(spare: str, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    call_command("migrate", "wishlist", "0001", verbosity=0)
    try:
        run("backup", str(folder), "--no-media")
    finally:
        call_command("migrate", "wishlist", verbosity=0)

    code, told = run("restore", str(folder), "--into", spare)

    assert (code, told["ok"], told["migrations_applied"]) == (0, True, 1)
    assert told["differing_tables"] == []


def test_books_that_were_wrong_are_wrong_again(spare: str, tmp_path: Path) -> None:
    busy_shop()
    _spoil_the_books()
    folder = tmp_path / "backup"

    code, made = run("backup", str(folder), "--no-media")

    assert (code, made["books"]["ok"]) == (1, False)
    code, told = run("restore", str(folder), "--into", spare)
    assert (code, told["ok"], told["differing_tables"]) == (1, False, [])
    assert told["violations"] == made["books"]["violations"]


def _spoil_the_books() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM orders_orderevent")
        cursor.execute(
            "UPDATE orders_order SET total = 1, subtotal = 1, discount = 0,"
            " delivery_cost = 0"
        )
        cursor.execute("SET session_replication_role = origin")


def test_backup_is_whole(empty_backup: Path) -> None:
    code, told = run("restore", str(empty_backup), "--check")

    assert (code, told["ok"], told["files"]) == (0, True, 1)
    assert empty_backup.stat().st_mode & 0o077 == 0


def test_backup_never_overwrites(copy: Path) -> None:
    before = backups.describe(copy / DUMP)

    with pytest.raises(CommandError, match="already") as refused:
        run("backup", str(copy))

    assert refused.value.returncode == 2
    assert backups.describe(copy / DUMP) == before


def test_backup_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    monkeypatch.setenv("SHOP_PG_BIN", str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", "")

    with pytest.raises(CommandError, match="No pg_dump for PostgreSQL"):
        run("backup", str(tmp_path / "backup"), "--no-media")

    assert list(tmp_path.iterdir()) == []


def _flip_a_byte(folder: Path) -> None:
    path = folder / DUMP
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def _cut_off(folder: Path) -> None:
    path = folder / DUMP
    path.write_bytes(path.read_bytes()[:-1])


def _change_manifest(folder: Path, **changes: Any) -> None:
    path = folder / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


SPOILT: dict[str, Callable[[Path], Any]] = {
    "SHA-256 differs": _flip_a_byte,
    "its size or": _cut_off,
    "is missing": lambda folder: (folder / DUMP).unlink(),
    "is no backup": lambda folder: (folder / MANIFEST).unlink(),
    "cannot be read": lambda folder: (folder / MANIFEST).write_text("{"),
    "not a manifest": lambda folder: (folder / MANIFEST).write_text("[]"),
    "has format 99": lambda folder: _change_manifest(folder, format=99),
    "newer version": lambda folder: _change_manifest(
        folder, migrations=["orders.9999_from_the_future"]
    ),
    "leads out of": lambda folder: _change_manifest(
        folder, files={DUMP: {}, "../../etc/passwd": {}}
    ),
}


def _touch(*_: Any, **__: Any) -> None:
    pytest.fail("The database was touched.")


@pytest.mark.parametrize("message", SPOILT)
def test_spoilt_backup_is_refused_before_anything_is_touched(
    message: str, copy: Path, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    SPOILT[message](copy)
    monkeypatch.setattr(restoring, "restore", _touch)

    with pytest.raises(CommandError, match=message) as refused:
        run("restore", str(copy), "--force")

    assert refused.value.returncode == 1


def test_dump_that_breaks_off_leaves_the_database_as_it_is(
    copy: Path, spare: str
) -> None:
    """Its hash is right: whoever made it made it so."""
    dump = copy / DUMP
    dump.write_bytes(dump.read_bytes()[:2_000])
    _change_manifest(copy, files={DUMP: backups.describe(dump)})

    with pytest.raises(CommandError, match="Not restored: pg_restore failed"):
        run("restore", str(copy), "--into", spare)

    assert connection.settings_dict["NAME"] != spare


def test_other_media_under_the_same_name_are_not_replaced(
    copy: Path, media: Path
) -> None:
    (copy / "media" / "reviews").mkdir(parents=True)
    (copy / "media" / "reviews" / "a.webp").write_bytes(b"another")
    manifest = json.loads((copy / MANIFEST).read_text())
    file = backups.describe(copy / "media" / "reviews" / "a.webp")
    manifest["files"]["media/reviews/a.webp"] = file

    assert restoring.clashing_media(Backup(copy, manifest), media) == ["reviews/a.webp"]


def test_password_is_in_no_command_line() -> None:
    told = pgtools.environment(
        {
            "HOST": "db.example",
            "PORT": 5433,
            "USER": "shop",
            "PASSWORD": PASSWORD,
            "NAME": "shop",
            "OPTIONS": {"sslmode": "verify-full", "application_name": "dojang"},
        }
    )

    assert told["PGPASSWORD"] == PASSWORD
    assert (told["PGHOST"], told["PGPORT"], told["PGSSLMODE"]) == (
        "db.example",
        "5433",
        "verify-full",
    )
    assert "DATABASE_URL" not in told


def test_program_gets_no_password_in_its_arguments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    spy = tmp_path / "pg_dump"
    spy.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\n')
    spy.chmod(0o755)
    monkeypatch.setitem(connection.settings_dict, "PASSWORD", PASSWORD)

    backups._dump(spy, tmp_path / DUMP, "00000003-1")

    assert PASSWORD not in (tmp_path / "arguments").read_text()


def test_older_program_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, db: None
) -> None:
    old = tmp_path / "pg_dump"
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n")
    old.chmod(0o755)
    monkeypatch.setenv("SHOP_PG_BIN", str(tmp_path))
    monkeypatch.setenv("PATH", "/bin")

    with pytest.raises(pgtools.ToolError, match=r"pg_dump \(9\)"):
        pgtools.program("pg_dump")


def test_database_that_is_there_is_not_restored_into(copy: Path, db: None) -> None:
    with pytest.raises(BackupError, match="already"):
        restoring.use_database("postgres")
