"""Bringing a shop back from a backup: checked first, restored whole or not at all."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from common.progress import Progress
from config import backups, pgtools
from config.backups import DUMP, FORMAT, MANIFEST, MEDIA, Backup, BackupError

NEEDED = {"format", "made_at", "migrations", "tables", "files", "versions"}
# As it is in a database that nobody has used: the next dump does not mention it.
EMPTY_SQL = """
    SET LOCAL lock_timeout = '30s';
    DROP SCHEMA IF EXISTS public CASCADE;
    CREATE SCHEMA public AUTHORIZATION pg_database_owner;
    GRANT USAGE ON SCHEMA public TO PUBLIC;
    COMMENT ON SCHEMA public IS 'standard public schema';
"""
ERASED_SQL = "SELECT id FROM accounts_user WHERE erased_at > %s::timestamptz ORDER BY 1"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it: tables that differ from the manifest, and what is to be done.

    ``erased`` are accounts that were erased after the backup and are back now.
    """

    differing: list[str]
    migrated: int
    erased: list[int]


def read(folder: Path, *, progress: Progress) -> Backup:
    """Return a backup all of whose files are as its manifest says.

    Raises ``BackupError`` before anything is touched.
    """
    manifest = _read_manifest(folder)
    files = manifest["files"]
    if DUMP not in files:
        raise BackupError(f"{folder / MANIFEST} names no {DUMP}.")
    for name in progress.over("checking", sorted(files), len(files)):
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise BackupError(f"{name} leads out of the backup.")
        if not path.is_file():
            raise BackupError(f"{path} is missing: the backup is not whole.")
        if backups.describe(path) != files[name]:
            raise BackupError(
                f"{path} is not what was backed up: its size or SHA-256 differs from"
                f" {MANIFEST}. Use another copy of this backup."
            )
    _refuse_newer(manifest)
    return Backup(folder, manifest)


def use_database(name: str) -> None:
    """Create an empty database on the same server, and work on it from now on.

    Raises ``BackupError`` if there is one of this name.
    """
    quoted = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
        if cursor.fetchone() is not None:
            raise BackupError(f"There is a database {name} already.")
        cursor.execute(f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'")
    work_on(name)


def work_on(name: str) -> None:
    """Let this process use another database of the same server."""
    connection.close()
    connection.settings_dict["NAME"] = name


def is_empty() -> bool:
    """Tell whether the database has no tables at all."""
    return not connection.introspection.table_names()


def clashing_media(backup: Backup, target: Path) -> list[str]:
    """Return the media that are there already, and are others than those backed up."""
    return [
        name
        for name, file in _media_of(backup).items()
        if (target / name).exists() and backups.describe(target / name) != file
    ]


def restore(backup: Backup, *, media: Path | None, progress: Progress) -> Restored:
    """Replace the database by the backup's, in one transaction; then media, migrations.

    ``media`` is where the files go; ``None`` leaves them in the backup. Raises
    ``ToolError``: then the database is as it was.
    """
    was_empty = is_empty()
    erased = [] if was_empty else _erased_since(backup.manifest["made_at"])
    _replace_database(backup, was_empty=was_empty, progress=progress)
    differing = _differing(backup.manifest["tables"])
    if media is not None:
        _put_back_media(backup, media, progress)
    migrated = _migrate(progress)
    return Restored(differing=differing, migrated=migrated, erased=erased)


def forget_caches() -> None:
    """Drop what Redis remembers of a database that is another one now."""
    cache.clear()


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except FileNotFoundError:
        raise BackupError(f"{folder} is no backup: it has no {MANIFEST}.") from None
    except (OSError, ValueError) as error:
        raise BackupError(f"{folder / MANIFEST} cannot be read: {error}.") from error
    if not isinstance(manifest, dict) or not set(manifest) >= NEEDED:
        raise BackupError(f"{folder / MANIFEST} is not a manifest of a backup.")
    if manifest["format"] != FORMAT:
        raise BackupError(
            f"The backup has format {manifest['format']}; this version reads {FORMAT}."
        )
    return manifest


def _refuse_newer(manifest: dict[str, Any]) -> None:
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations or {}
    ours = {f"{app}.{name}" for app, name in known}
    unknown = sorted(set(manifest["migrations"]) - ours)
    if unknown:
        raise BackupError(
            "The backup is of a newer version of the shop, with migrations that this"
            f" one does not have: {', '.join(unknown[:5])}. Install that version."
        )


def _replace_database(backup: Backup, *, was_empty: bool, progress: Progress) -> None:
    pg_restore, psql = pgtools.program("pg_restore"), pgtools.program("psql")
    # Its session would be one of those that the new database has to wait for.
    connection.close()
    with TemporaryDirectory(prefix="dojang-restore-") as folder:
        script = Path(folder) / "restore.sql"
        progress.say("reading the dump …")
        # First as a whole: a dump that breaks off must not be taken for all there is.
        pgtools.run(
            pg_restore,
            "--no-owner",
            f"--file={script}",
            backup.folder / DUMP,
        )
        progress.say("restoring the database …")
        empty = [] if was_empty else [f"--command={EMPTY_SQL}"]
        pgtools.run(
            psql,
            "--no-psqlrc",
            "--no-password",
            "--quiet",
            "--single-transaction",
            "--set=ON_ERROR_STOP=1",
            *empty,
            f"--file={script}",
        )


def _differing(told: dict[str, Any]) -> list[str]:
    with backups.one_instant():
        found = backups.tables()
    return sorted(name for name in {*told, *found} if told.get(name) != found.get(name))


def _media_of(backup: Backup) -> dict[str, Any]:
    prefix = f"{MEDIA}/"
    return {
        name.removeprefix(prefix): file
        for name, file in backup.manifest["files"].items()
        if name.startswith(prefix)
    }


def _put_back_media(backup: Backup, target: Path, progress: Progress) -> None:
    files = _media_of(backup)
    for name in progress.over("media", files, len(files)) if files else ():
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f"{place.name}.{os.getpid()}")
        shutil.copyfile(backup.folder / MEDIA / name, draft)
        draft.replace(place)


def _migrate(progress: Progress) -> int:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        progress.say(f"applying {len(plan)} migrations …")
        call_command("migrate", verbosity=0, interactive=False)
    return len(plan)


def _erased_since(moment: str) -> list[int]:
    """Return who asked to be forgotten after a backup was made, while we know it."""
    if "accounts_user" not in connection.introspection.table_names():
        return []
    with connection.cursor() as cursor:
        cursor.execute(ERASED_SQL, [moment])
        return [user_id for (user_id,) in cursor.fetchall()]
