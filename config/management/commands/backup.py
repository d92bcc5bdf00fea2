"""``manage.py backup``: the database, the media and a manifest, in one folder."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.commands import BAD_USE, as_json
from common.progress import Progress
from config import backups
from config.pgtools import ToolError


class Command(BaseCommand):
    """May run beside the shop. ``restore`` reads what it writes."""

    help = (
        "Write a backup: a dump of the whole database as of one instant, the media, and"
        " a manifest with versions, migrations, rows of each table and the SHA-256 of"
        " each file. May run beside the shop; not through PgBouncer. It holds personal"
        " data: keep it as safe as the database, and SECRET_KEY beside it. Exit codes:"
        " 0 done, 1 it failed or the books are not right, 2 bad use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "folder",
            nargs="?",
            type=Path,
            help="a folder that is not there yet; by default one named by the time,"
            " in SHOP_STATE_DIR/backups",
        )
        parser.add_argument(
            "--no-media", action="store_true", help="where they are backed up otherwise"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(
        self, *, folder: Path | None, no_media: bool, json: bool, **_options: Any
    ) -> None:
        """Write it, and say where it is."""
        target = (folder or backups.default_folder()).resolve()
        if target.exists():
            raise CommandError(
                f"{target} is there already; a backup never overwrites.",
                returncode=BAD_USE,
            )
        try:
            made = backups.make(
                target, progress=Progress(sys.stderr), with_media=not no_media
            )
        except (backups.BackupError, ToolError) as error:
            raise CommandError(str(error)) from error
        self._report(made, as_script=json)
        if not made.manifest["books"]["ok"]:
            broken = ", ".join(made.manifest["books"]["violations"])
            self.stderr.write(
                f"The backup is whole, but the books are not right: {broken}. See"
                " `manage.py verify`, and keep older backups."
            )
            sys.exit(1)

    def _report(self, made: backups.Backup, *, as_script: bool) -> None:
        manifest = made.manifest
        rows = sum(table["rows"] for table in manifest["tables"].values())
        told = {
            "folder": str(made.folder),
            "made_at": manifest["made_at"],
            "tables": len(manifest["tables"]),
            "rows": rows,
            "files": len(manifest["files"]),
            "bytes": made.size,
            "books": manifest["books"],
        }
        if as_script:
            self.stdout.write(as_json(told))
            return
        self.stdout.write(
            f"{made.folder}: {rows:,} rows of {told['tables']} tables,"
            f" {told['files']:,} files, {made.size:,} bytes"
        )
