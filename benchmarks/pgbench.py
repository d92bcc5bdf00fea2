"""PostgreSQL's own load generator: what the database does when nobody holds it up."""

import re
import resource
import subprocess
from pathlib import Path

from django.db import connection

from benchmarks.measure import Sample, postgres_seconds
from config.embedded import postgres

SCRIPTS = Path(__file__).parent / "sql"
_TPS = re.compile(r"tps = ([\d.]+)")
_AVERAGE = re.compile(r"latency average = ([\d.]+)")
_FAILED = re.compile(r"number of failed transactions: (\d+)")


def run(
    script: str,
    *,
    clients: int,
    seconds: float | None = None,
    transactions: int | None = None,
    variables: dict[str, int] | None = None,
) -> Sample:
    """Run a script of ``benchmarks/sql`` for a time, or so many times per client."""
    settings = connection.settings_dict
    length = (
        ["-t", str(transactions)] if transactions else ["-T", str(round(seconds or 1))]
    )
    command = [
        str(postgres.programs() / "pgbench"),
        *("-n", "-M", "prepared", "-c", str(clients), "-j", "2", *length),
        *("-h", settings["HOST"], "-U", settings["USER"]),
        *("-f", str(SCRIPTS / script)),
        *(f"-D{name}={value}" for name, value in (variables or {}).items()),
        settings["NAME"],
    ]
    postgres_before, own_before = postgres_seconds(), _children_seconds()
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode or "aborted" in result.stderr:
        raise RuntimeError(f"pgbench {script}: {result.stderr[-2000:]}")
    postgres_after, own_after = postgres_seconds(), _children_seconds()
    return _sample(
        result.stdout,
        own=own_after - own_before,
        postgres_cpu=None
        if postgres_before is None or postgres_after is None
        else postgres_after - postgres_before,
    )


def _sample(output: str, *, own: float, postgres_cpu: float | None) -> Sample:
    done = int(re.search(r"actually processed: (\d+)", output).group(1))  # type: ignore[union-attr]
    failed = _FAILED.search(output)
    per = 1000 / max(done, 1)
    return Sample(
        rate=float(_TPS.search(output).group(1)),  # type: ignore[union-attr]
        p50=float(_AVERAGE.search(output).group(1)),  # type: ignore[union-attr]
        python_cpu=own * per,
        postgres_cpu=None if postgres_cpu is None else postgres_cpu * per,
        errors=int(failed.group(1)) if failed else 0,
    )


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
