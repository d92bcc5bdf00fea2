"""Settings and what is written about them."""

import re
from pathlib import Path

from django.conf import settings

READ = re.compile(r"""env\.\w+\(\s*"([A-Z_]+)\"|environ(?:\.get\(|\[)"([A-Z_]+)\"""")
# Read, but not by who runs a shop.
OTHERS = {"PATH", "PYTEST_XDIST_WORKER"}


def _sources() -> list[Path]:
    """Return what runs in a shop: the packages that are no tests or benchmarks."""
    root: Path = settings.BASE_DIR
    packages = {path.parent for path in root.glob("*/__init__.py")}
    packages -= {root / name for name in ("audit", "benchmarks", "contract", "tests")}
    return [path for package in packages for path in package.rglob("*.py")]


def test_example_lists_every_variable_that_is_read_and_no_other() -> None:
    names = {
        first or second
        for source in _sources()
        for first, second in READ.findall(source.read_text())
    }
    example = (settings.BASE_DIR / ".env.example").read_text()
    listed = re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE)

    assert names - OTHERS == set(listed)
    # The mail service is shown beside the plain one.
    assert {name for name in listed if listed.count(name) > 1} == {"EMAIL_BACKEND"}
