"""``manage.py export_user``: everything the shop holds about a person."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.module_loading import import_string

from common.commands import BAD_USE
from config.management.commands.erase_user import find


class Command(BaseCommand):
    """The same document as the customer's own *Download my data* and the API's."""

    help = (
        "Write everything the shop holds about a customer, as JSON: what they get by"
        " *Download my data*. For answering who writes instead of signing in; make"
        " sure that it is them. Exit codes: 0 done, 1 no such account, 2 bad use."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("email", help="whose data")
        parser.add_argument(
            "--out", type=Path, help="a file that is not there yet; else printed"
        )

    def handle(self, *, email: str, out: Path | None, **_options: Any) -> None:
        """Write it, piece by piece."""
        user = find(email, None)
        document = import_string(settings.PERSONAL_DATA)
        parts: Iterator[str] = document(user)
        if out is None:
            for part in parts:
                self.stdout.write(part, ending="")
            return
        size = _write(out, parts)
        self.stderr.write(f"{out}: {size:,} bytes, readable by you only")


def _write(out: Path, parts: Iterator[str]) -> int:
    """Write a file whole or not at all; return its size."""
    if out.exists():
        raise CommandError(f"{out} is there already.", returncode=BAD_USE)
    draft = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(parts)
        draft.rename(out)
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return out.stat().st_size
