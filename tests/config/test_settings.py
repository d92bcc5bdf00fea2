"""Settings and what is written about them."""

import re

from django.conf import settings


def test_example_lists_every_variable_that_is_read() -> None:
    read = re.compile(
        r"""env\.\w+\(\s*"([A-Z_]+)\"|environ(?:\.get\(|\[)"([A-Z_]+)\""""
    )
    sources = [
        settings.BASE_DIR / "config/settings.py",
        *settings.BASE_DIR.glob("config/embedded/*.py"),
    ]
    names = {
        first or second
        for source in sources
        for first, second in read.findall(source.read_text())
    }
    example = (settings.BASE_DIR / ".env.example").read_text()
    listed = set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))

    assert names - {"PATH"} == listed
