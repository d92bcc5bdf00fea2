"""A backup of the whole shop: a folder with the database, the media and a manifest.

The database is dumped as of one instant, and the manifest counts its rows as of the
same. The folder has its name only once all of it is there.
"""

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from common.invariants import check
from common.progress import Progress
from config import pgtools
from config.invariants import INVARIANTS

FORMAT = 1
DUMP, MEDIA, MANIFEST = "database.dump", "media", "manifest.json"
BLOCK = 1024 * 1024  # bytes
TABLES_SQL = """
    SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1
"""
# The sum does not depend on the order in which the rows lie.
DIGEST_SQL = """
    SELECT count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
      FROM {table} AS row
"""


class BackupError(Exception):
    """A backup cannot be made or used; the message says why and what helps."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A folder, and what its manifest says."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def size(self) -> int:
        """Return how many bytes its files have."""
        return sum(int(file["bytes"]) for file in self.manifest["files"].values())


def default_folder() -> Path:
    """Return where a backup goes if nobody says where."""
    return settings.STATE_DIR / "backups" / f"shop-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"


def make(folder: Path, *, progress: Progress, with_media: bool = True) -> Backup:
    """Write a backup into a folder that is not there yet; raise ``BackupError``."""
    if folder.exists():
        raise BackupError(f"{folder} is there already; a backup never overwrites.")
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        draft.mkdir(parents=True, mode=0o700)
        manifest = _fill(draft, progress, with_media=with_media)
        _sync(draft)
        if folder.exists():
            raise BackupError(f"{folder} was made by somebody else meanwhile.")
        draft.rename(folder)
    except OSError as error:
        place = error.filename or draft
        raise BackupError(f"{place} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Backup(folder, manifest)


def tables() -> dict[str, dict[str, Any]]:
    """Return rows and a digest of each table, as this transaction sees them."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES_SQL)
        names = [name for (name,) in cursor.fetchall()]
        found = {}
        for name in names:
            cursor.execute(DIGEST_SQL.format(table=name))
            rows, digest = cursor.fetchone()
            found[name] = {"rows": rows, "digest": digest}
    return found


def describe(path: Path) -> dict[str, Any]:
    """Return a file's size and SHA-256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}


def media_files(folder: Path) -> list[Path]:
    """Return the files below a folder, as paths from there."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder) for path in found)


@contextmanager
def one_instant() -> Iterator[str]:
    """Read all as of one instant, for as long as it takes; give its name to others."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


def _fill(draft: Path, progress: Progress, *, with_media: bool) -> dict[str, Any]:
    pg_dump = pgtools.program("pg_dump")
    if with_media:
        # Before and after the dump: what a row names is there, whichever came first.
        _copy_media(draft / MEDIA, progress)
    with one_instant() as snapshot:
        progress.say("database …")
        _dump(pg_dump, draft / DUMP, snapshot)
        progress.say("counting rows, checking the books …")
        manifest = _manifest(pgtools.version(pg_dump))
    if with_media:
        _copy_media(draft / MEDIA, progress)
    manifest["with_media"] = with_media
    manifest["files"] = {
        str(path): describe(draft / path) for path in media_files(draft)
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True)
    (draft / MANIFEST).write_text(f"{text}\n")
    for name in (DUMP, MANIFEST):
        (draft / name).chmod(0o600)
    return manifest


def _dump(pg_dump: Path, target: Path, snapshot: str) -> None:
    pgtools.run(
        pg_dump,
        "--format=custom",
        "--no-password",
        f"--snapshot={snapshot}",
        f"--file={target}",
    )


def _copy_media(target: Path, progress: Progress) -> None:
    source = Path(settings.MEDIA_ROOT)
    target.mkdir(exist_ok=True, mode=0o700)
    missing = [path for path in media_files(source) if not (target / path).exists()]
    for path in progress.over("media", missing, len(missing)) if missing else ():
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source / path, target / path)
        except FileNotFoundError:  # deleted since we looked
            continue


def _manifest(pg_dump: str) -> dict[str, Any]:
    applied = MigrationRecorder(connection).applied_migrations()
    broken = {
        found.invariant.id: found.count
        for found in map(check, INVARIANTS)
        if found.count
    }
    return {
        "format": FORMAT,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "database": connection.settings_dict["NAME"],
        "versions": {
            "django": django.get_version(),
            "python": platform.python_version(),
            "postgresql": _server_version(),
            "pg_dump": pg_dump,
        },
        "migrations": sorted(f"{app}.{name}" for app, name in applied),
        "books": {"ok": not broken, "violations": broken},
        "tables": tables(),
    }


def _server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


def _sync(folder: Path) -> None:
    """Have all of it on the disk before it gets its name."""
    for path in [*(folder / name for name in media_files(folder)), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
