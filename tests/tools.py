"""Programs that some tests need and that pip does not install."""

import os
import shutil
from importlib import import_module
from typing import Any, NoReturn

import pytest

# Program → the Debian package that brings it.
PACKAGES = {
    "chromium": "chromium",
    "nginx": "nginx",
    "rabbitmq-server": "rabbitmq-server",
    "setpriv": "util-linux",
}
# The same program by another name, the preferred one first: Chromium without any window
# is a third of the work for the machine.
NAMES = {
    "chromium": (
        "chromium-headless-shell",
        "chromium",
        "chromium-browser",
        "google-chrome",
    )
}


def require(program: str) -> str:
    """Return the path of a program; without it skip, or fail where ``CI`` is set."""
    places = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    for name in NAMES.get(program, (program,)):
        path: str | None = shutil.which(name, path=places)
        if path:
            return path
    package = PACKAGES.get(program, program)
    return miss(f"{program} is not installed: apt-get install {package}")


def module(name: str) -> Any:
    """Return an optional package of the tests, or do the same without it."""
    try:
        return import_module(name)
    except ImportError:
        return miss(f"{name} is not installed: pip install -r requirements-test.txt")


def miss(message: str) -> NoReturn:
    """Skip the test; where ``CI`` is set, everything has to be there."""
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
