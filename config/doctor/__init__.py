"""What is wrong with this installation, and how to mend it.

Each examination looks at one thing and says what it found; none of them changes
anything, and none of them needs the others. What is not there is a finding, never an
error of the examination.
"""

from collections.abc import Callable, Iterator

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from config.doctor import database, machine, running
from config.doctor.remarks import Remark, Verdict, bad

__all__ = ["EXAMINATIONS", "Examination", "Remark", "Verdict", "examine"]

Examination = Callable[[], Iterator[Remark]]

# In this order: what stands first may explain what follows.
EXAMINATIONS: dict[str, Examination] = {
    "Python": machine.python,
    "Packages": machine.packages,
    "Settings": machine.production_rules,
    "Disk": machine.disk,
    "Media": machine.media,
    "Static files": machine.static_files,
    "PostgreSQL": database.server,
    "Role": database.role,
    "Connections": database.connections,
    "Clock": database.clock,
    "Migrations": database.migrations,
    "Triggers": database.triggers,
    "Redis": running.redis,
    "Broker": running.broker,
    "Workers": running.workers,
    "Beat": running.beat,
    "Outbox": running.outbox,
    "Mail": running.mail,
    "Others": running.others,
}
# They ask the database, and have nothing to say without it.
NEED_DATABASE = {
    "Role",
    "Connections",
    "Clock",
    "Migrations",
    "Triggers",
    "Beat",
    "Outbox",
}


def examine(say: Callable[[str], None] = lambda _title: None) -> Iterator[Remark]:
    """Yield what each examination found; ``say`` is told which one is next."""
    missing = ""
    for title, examination in EXAMINATIONS.items():
        say(title)
        if missing and title in NEED_DATABASE:
            yield Remark(title, Verdict.SKIPPED, missing)
            continue
        found = list(_guarded(title, examination))
        yield from found
        if title == "PostgreSQL" and not _answers():
            missing = "not asked, as PostgreSQL does not answer"


def _guarded(title: str, examination: Examination) -> Iterator[Remark]:
    try:
        yield from examination()
    except Exception as error:  # noqa: BLE001 — whatever it is, it is a finding
        yield bad(
            title,
            f"it could not be examined: {type(error).__name__}: {_line(error)}",
            do="Look at what is reported above first; then ask again.",
        )


def _answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, ImproperlyConfigured):
        return False
    return True


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
