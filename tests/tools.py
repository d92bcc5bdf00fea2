"""Programs that some tests need and that pip does not install."""

import os
import shutil
from pathlib import Path

import pytest

# Program → the Debian package that brings it.
PACKAGES = {
    "chromium": "chromium",
    "rabbitmq-server": "rabbitmq-server",
    "setpriv": "util-linux",
}


def require(program: str) -> str:
    """Return the path of a program; without it skip, or fail where ``CI`` is set."""
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is not None:
        return str(Path(path))
    package = PACKAGES.get(program, program)
    message = f"{program} is not installed: apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
