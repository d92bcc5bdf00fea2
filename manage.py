#!/usr/bin/env python
"""Runs Django's and the shop's commands; starts the embedded servers they need."""

import os
import sys
import traceback
from pathlib import Path

# Commands that read code or settings and nothing else.
OFFLINE = {
    "",
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    # It says what does not run.
    "doctor",
    "findstatic",
    "help",
    "makemessages",
    "spectacular",
    "startapp",
    "version",
}


def main() -> None:
    """Run the command that the arguments name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415
    except ModuleNotFoundError:
        sys.exit(
            "error: Django is not installed here. Run `make setup` and then"
            " .venv/bin/python manage.py …"
        )
    if needs_servers(sys.argv[1:]):
        start_servers()
    try:
        execute_from_command_line(sys.argv)
    except Exception as error:
        if sys.argv[1:2] != ["doctor"]:
            raise
        sys.exit(diagnosis(error))


def diagnosis(error: Exception) -> str:
    """Say what keeps even the doctor from starting: a setting that cannot be read."""
    here = Path(__file__).resolve().parent / "config"
    lines = [
        f"{Path(frame.filename).name}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(here)
    ]
    place = f" at {lines[-1]}" if lines else ""
    return (
        f"✘ Settings: {type(error).__name__}: {error}{place}\n"
        "    why   Nothing starts while a setting cannot be read.\n"
        "    do    Look for it in the environment and .env; .env.example has the form."
    )


def needs_servers(arguments: list[str]) -> bool:
    """Say whether the command opens a connection."""
    command = next(iter(arguments), "").lstrip("-")
    if {"-h", "--help"} & set(arguments):
        return False
    if command == "makemigrations":
        return "--check" not in arguments  # it compares files
    return command not in OFFLINE or "--database" in arguments


def start_servers() -> None:
    """Start what is missing; the settings come first since ``.env`` may name others."""
    # They need what the check above found.
    from config import checks, embedded  # noqa: PLC0415

    checks.refuse_unsafe()
    try:
        embedded.ensure()
    except embedded.EmbeddedError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
