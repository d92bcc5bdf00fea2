"""Runs one function many times at the same moment, in threads or in processes."""

import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch
from urllib.parse import quote

from django.db import connection

from drill.crowd import STUCK_AFTER as STUCK_AFTER
from drill.crowd import run_together as run_together
from drill.crowd import told as told
from drill.processes import RACER, race_in_processes


def run_in_processes(
    function: Callable[..., object],
    *,
    times: int,
    clients: int,
    mutant: str = "",
    **arguments: Any,
) -> dict[str, int]:
    """Do as ``race_in_processes``, as ``mutant`` has the shop; return what was told.

    ``mutant`` is the name of one of ``tests.races.mutants.MUTANTS``.
    """
    with patch.dict(os.environ, MUTANT=mutant):
        return race_in_processes(
            function,
            times=times,
            clients=clients,
            racer="tests.racer" if mutant else RACER,
            **arguments,
        ).told


def process_environment() -> dict[str, str]:
    """Return the environment by which another process finds the test database."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "DATABASE_URL": _database_url(),
    }


def _database_url() -> str:
    here = connection.settings_dict
    address = f"host={quote(here['HOST'])}"
    if here["PORT"]:
        address += f"&port={here['PORT']}"
    account = f"{quote(here['USER'])}:{quote(here['PASSWORD'])}"
    return f"postgresql://{account}@/{here['NAME']}?{address}"
