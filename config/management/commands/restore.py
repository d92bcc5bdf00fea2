"""``manage.py restore``: a shop from a backup, ending with ``verify``."""

import sys
from contextlib import suppress
from io import StringIO
from json import loads
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection

from common.commands import BAD_USE, as_json
from common.progress import Progress
from config import restoring
from config.backups import Backup, BackupError
from config.pgtools import ToolError
from config.restoring import Restored


class Command(BaseCommand):
    """Checks everything first; the database changes whole or not at all."""

    help = (
        "Restore a backup: checks the manifest and each file's SHA-256, restores the"
        " database in one transaction, puts the media back, applies migrations that"
        " are newer, compares all rows with the manifest and ends with `verify`. Stop"
        " the shop's processes first. Exit codes: 0 all of it is there and right, 1 it"
        " failed or something is not right, 2 bad use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("folder", type=Path, help="what `backup` has written")
        where = parser.add_mutually_exclusive_group()
        where.add_argument(
            "--force", action="store_true", help="replace what the database has now"
        )
        where.add_argument(
            "--into",
            metavar="DATABASE",
            help="a new database on the same server; media stay where they are",
        )
        where.add_argument(
            "--check", action="store_true", help="only check the backup's files"
        )
        parser.add_argument(
            "--no-media", action="store_true", help="leave MEDIA_ROOT as it is"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *, folder: Path, **options: Any) -> None:
        """Do it, and exit as ``verify`` does."""
        progress = Progress(sys.stderr)
        try:
            backup = restoring.read(folder, progress=progress)
        except BackupError as error:
            raise CommandError(str(error)) from error
        if options["check"]:
            self._say_whole(backup, options)
            return
        try:
            self._restore(backup, options, progress)
        except (BackupError, ToolError, DatabaseError, OSError) as error:
            raise CommandError(
                f"Not restored: {str(error).strip()} Is the shop still running, or the"
                " database of another role?"
            ) from error

    def _restore(
        self, backup: Backup, options: dict[str, Any], progress: Progress
    ) -> None:
        media = None if options["no_media"] else Path(settings.MEDIA_ROOT)
        if name := options["into"]:
            before = connection.settings_dict["NAME"]
            restoring.use_database(name)
            try:
                self._restore_here(backup, None, options, progress)
            finally:
                restoring.work_on(before)
            return
        if not options["force"]:
            _refuse_to_overwrite(backup, media)
        self._restore_here(backup, media, options, progress)
        restoring.forget_caches()

    def _restore_here(
        self,
        backup: Backup,
        media: Path | None,
        options: dict[str, Any],
        progress: Progress,
    ) -> None:
        done = restoring.restore(backup, media=media, progress=progress)
        progress.say("checking the books …")
        books = _verify()
        if options["json"]:
            self.stdout.write(as_json(_told(backup, done, books)))
        else:
            self._report(backup, done, books)
        if done.differing or not books["ok"]:
            restoring.forget_caches()
            sys.exit(1)

    def _say_whole(self, backup: Backup, options: dict[str, Any]) -> None:
        made_at, files = backup.manifest["made_at"], len(backup.manifest["files"])
        if options["json"]:
            told = {"ok": True, "made_at": made_at, "files": files}
            self.stdout.write(as_json(told | {"bytes": backup.size}))
        else:
            self.stdout.write(
                f"The backup of {made_at} is whole: {files:,} files,"
                f" {backup.size:,} bytes"
            )

    def _report(self, backup: Backup, done: Restored, books: dict[str, Any]) -> None:
        tables = backup.manifest["tables"]
        rows = sum(table["rows"] for table in tables.values())
        self.stdout.write(
            f"Restored: {rows:,} rows of {len(tables)} tables as of"
            f" {backup.manifest['made_at']}, {done.migrated} migrations applied since"
        )
        if done.differing:
            self.stdout.write(
                self.style.ERROR(
                    f"Not as the manifest says: {', '.join(done.differing)}"
                )
            )
        if done.erased:
            ids = ", ".join(str(user_id) for user_id in done.erased)
            self.stdout.write(
                "Erased after this backup, and back now; erase them again with"
                f" `erase_user --id`: {ids}"
            )
        broken = [one for one in books["invariants"] if one["violations"]]
        for one in broken:
            self.stdout.write(
                self.style.ERROR(f"{one['id']} {one['title']}: {one['violations']}")
            )
        if not broken:
            self.stdout.write(self.style.SUCCESS("The books are right."))


def _refuse_to_overwrite(backup: Backup, media: Path | None) -> None:
    name = connection.settings_dict["NAME"]
    if not restoring.is_empty():
        raise CommandError(
            f"The database {name} has tables. --force replaces all of it; --into makes"
            " a new database beside it.",
            returncode=BAD_USE,
        )
    clashing = restoring.clashing_media(backup, media) if media else []
    if clashing:
        raise CommandError(
            f"{media} has other files under the same names, {clashing[0]} for one."
            " --force replaces them, --no-media leaves them.",
            returncode=BAD_USE,
        )


def _verify() -> dict[str, Any]:
    said = StringIO()
    with suppress(SystemExit):  # what it found is in what it said
        call_command("verify", json=True, stdout=said, stderr=StringIO())
    found: dict[str, Any] = loads(said.getvalue())
    return found


def _told(backup: Backup, done: Restored, books: dict[str, Any]) -> dict[str, Any]:
    broken = {
        one["id"]: one["violations"] for one in books["invariants"] if one["violations"]
    }
    return {
        "ok": books["ok"] and not done.differing,
        "made_at": backup.manifest["made_at"],
        "migrations_applied": done.migrated,
        "differing_tables": done.differing,
        "erased_since": done.erased,
        "violations": broken,
    }
