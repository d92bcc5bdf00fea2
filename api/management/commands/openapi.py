"""``manage.py openapi``: writes the descriptions that are kept in docs/."""

import json
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.drainage import GENERATOR_STATS

from api import asynchronous
from api.pages import description

STRICTLY = {"validate": True, "fail_on_warn": True, "verbosity": 0}
DOCS: Path = settings.BASE_DIR / "docs"
OPENAPI, ASYNCAPI = DOCS / "openapi.yaml", DOCS / "asyncapi.yaml"


class Command(BaseCommand):
    """Keeps docs/openapi.yaml and docs/asyncapi.yaml what the code says."""

    help = "Write docs/openapi.yaml and docs/asyncapi.yaml, or check that they fit."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="only compare")

    def handle(self, *, check: bool, **_options: Any) -> None:
        if check:
            if found := stale():
                raise CommandError(f"run manage.py openapi: {', '.join(found)} is old")
            return
        call_command("spectacular", file=str(OPENAPI), **STRICTLY)
        made = yaml.safe_dump(
            asynchronous.description(), sort_keys=False, allow_unicode=True
        )
        ASYNCAPI.write_text(made)


def stale() -> list[str]:
    """Return the names of the files that do not say what the code does."""
    made = {OPENAPI: description(), ASYNCAPI: asynchronous.description()}
    if GENERATOR_STATS:
        raise CommandError("The description has warnings: run manage.py openapi.")
    return [
        path.name
        for path, found in made.items()
        # As it is sent: without tuples, with names that are text.
        if read(path) != json.loads(json.dumps(found, default=str))
    ]


def read(path: Path) -> Any:
    """Return what a file says; the reader in C is ten times as fast."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Dates stay the text that they are in JSON.
    loader = type("Loader", (loader,), {"yaml_implicit_resolvers": _without_times()})
    return yaml.load(path.read_text(), loader)  # noqa: S506 — a safe loader


def _without_times() -> dict[str, Any]:
    known = yaml.SafeLoader.yaml_implicit_resolvers
    return {
        first: [(tag, rule) for tag, rule in rules if not tag.endswith(":timestamp")]
        for first, rules in known.items()
    }
