"""This machine: Python, packages, settings, folders."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from django.conf import settings

from config import checks
from config.doctor.remarks import Remark, bad, good, warning

OLDEST_PYTHON = (3, 11)
LEAST_FREE = 1 * 1024**3  # bytes
LEAST_SHARE = 0.05
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[\w,-]+\])?==([^\s;]+)\s*(;.*)?$")


def python() -> Iterator[Remark]:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        yield bad(
            "Python",
            f"this is {found}",
            why="The shop's code needs 3.11 or newer.",
            do="Install Python 3.11, 3.12 or 3.13 and run `make setup` again.",
        )
    else:
        yield good("Python", f"{found} at {sys.executable}")


def packages() -> Iterator[Remark]:
    wrong = sorted(
        _wrong_packages((settings.BASE_DIR / "requirements.txt").read_text())
    )
    if not wrong:
        yield good("Packages", "all of requirements.txt, in their versions")
        return
    yield warning(
        "Packages",
        "; ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if wrong[5:] else ""),
        why="The shop was tested with the versions of requirements.txt.",
        do="Run `make setup`, or `pip install -r requirements.txt`.",
    )


def _wrong_packages(requirements: str) -> Iterator[str]:
    for line in requirements.splitlines():
        pinned = PINNED.match(line.partition(" #")[0].strip())
        if pinned is None or pinned[3]:  # of another system or Python
            continue
        name, wanted = pinned[1], pinned[2]
        try:
            found = version(name)
        except PackageNotFoundError:
            yield f"{name} is missing"
            continue
        if found != wanted:
            yield f"{name} is {found}, not {wanted}"


def production_rules() -> Iterator[Remark]:
    """Each rule of production by itself; in development those that always hold."""
    subject = "Settings"
    found = checks.problems()
    for problem in found:
        yield bad(
            f"{subject}: {str(problem.id).removeprefix('shop.')}",
            str(problem.msg),
            why="A production shop does not start with it.",
            do="Change it in the environment or .env; .env.example explains each.",
            read="switching-on",
        )
    broken = {str(problem.id).removeprefix("shop.") for problem in found}
    if not settings.PRODUCTION:
        yield good(
            subject,
            f"{settings.SHOP_ENV}: what production asks for besides is not asked",
        )
        return
    for rule in checks.RULES:
        if rule.__name__ not in broken:
            yield good(f"{subject}: {rule.__name__}", "is safe")


def disk() -> Iterator[Remark]:
    places = {
        settings.STATE_DIR,
        Path(settings.MEDIA_ROOT),
        Path(tempfile.gettempdir()),
    }
    for device, place in sorted(_by_device(places).items()):
        usage = shutil.disk_usage(place)
        free = f"{usage.free / 1024**3:,.1f} GiB free of {usage.total / 1024**3:,.0f}"
        subject = f"Disk: {place}"
        if usage.free < LEAST_FREE or usage.free < LEAST_SHARE * usage.total:
            yield bad(
                subject,
                free,
                why="A full disk refuses orders and uploads; a full database stops.",
                do=f"Free some on device {device}: old backups, logs, letters.",
            )
        else:
            yield good(subject, free)


def _by_device(places: set[Path]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    for place in sorted(places):
        existing = next(path for path in (place, *place.parents) if path.exists())
        found.setdefault(existing.stat().st_dev, existing)
    return found


def media() -> Iterator[Remark]:
    folder = Path(settings.MEDIA_ROOT)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-"):
            pass
    except OSError as error:
        yield bad(
            "Media",
            f"{folder} cannot be written: {error.strerror}",
            why="Pictures of products and reviews are kept there.",
            do=f"Give it to the user of web and worker (this is user {os.geteuid()}),"
            " or set MEDIA_ROOT to another folder.",
            read="processes",
        )
        return
    yield good("Media", f"{folder} can be written")


def static_files() -> Iterator[Remark]:
    if not settings.PRODUCTION:
        yield good("Static files", "served from where they are written")
        return
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    sources = settings.BASE_DIR / "static"
    if not manifest.exists():
        yield bad(
            "Static files",
            f"{manifest} is not there",
            why="Without collected files each page ends in an error.",
            do="Run `python manage.py collectstatic --noinput` with this version.",
            read="processes",
        )
        return
    newest = max(path.stat().st_mtime for path in sources.rglob("*") if path.is_file())
    if newest > manifest.stat().st_mtime:
        yield warning(
            "Static files",
            "they were collected before the newest source was written",
            why="Browsers get the style and scripts of another version.",
            do="Run `python manage.py collectstatic --noinput` with this version.",
            read="processes",
        )
        return
    yield good("Static files", f"collected in {settings.STATIC_ROOT}")
