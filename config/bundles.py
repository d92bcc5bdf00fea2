"""The shop's own stylesheet and script: each is built into one small file.

Sources stay split by what they are about. ``STATICFILES_FINDERS`` names the finder, so
whoever looks for static files (runserver, WhiteNoise, collectstatic, tests) makes the
built files by looking: there is no step to forget and nothing to install beside Python.
"""

import gzip
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

SOURCES = settings.BASE_DIR / "static"
# In this order: tokens.css names the layers, page.js has what the other scripts use.
BUNDLES: dict[str, tuple[str, ...]] = {
    "css/shop.css": (
        "css/tokens.css",
        "css/base.css",
        "css/components.css",
        "css/chrome.css",
        "css/pages.css",
        "css/listing.css",
    ),
    "js/shop.js": (
        "js/page.js",
        "js/suggest.js",
        "js/live.js",
    ),
    # Only where somebody signs in.
    "js/passkeys.js": ("js/passkey.js",),
}
TYPES = {".css": "text/css", ".js": "application/javascript"}
# The library brings Go's runtime, which does not live through a fork: it works apart.
MINIFY = "import sys, minify; print(end=minify.string(sys.argv[1], sys.stdin.read()))"


class BundleFinder(BaseFinder):
    """Finds the built files, and builds them from their sources first."""

    def __init__(self, *_args: object, **_kwargs: object) -> None:
        self.storage = FileSystemStorage(settings.STATE_DIR / "bundles")

    def check(self, **_kwargs: object) -> list[Any]:
        return []

    def find(self, path: str, *_args: object, **kwargs: Any) -> list[str] | str | None:  # type: ignore[override]
        """Return where a built file is; nothing if it is not one of ours."""
        if path not in BUNDLES:
            return []
        place = str(_built(Path(self.storage.location), path, _newest(path)))
        return [place] if kwargs.get("find_all") or kwargs.get("all") else place

    def list(self, _ignore: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        """Yield every built file, as collectstatic wants them."""
        for name in BUNDLES:
            self.find(name)
            yield name, self.storage
            if settings.WHITENOISE_USE_FINDERS:
                # It only looks for smaller twins among what it was told of.
                yield f"{name}.gz", self.storage


def joined(name: str) -> str:
    """Return the sources of a built file, one after the other."""
    first, *others = [(SOURCES / part).read_text("utf-8") for part in BUNDLES[name]]
    if name.endswith(".css"):
        return "\n".join([first, *others])
    # Blocks, so that names stay a part's own and can be made short; all parts see
    # those of the first.
    return "\n".join(["{", first, *(f"{{{part}}}" for part in others), "}"])


def minified(text: str, suffix: str) -> str:
    """Return a stylesheet or script in as few bytes as do the same.

    Where nobody has built the library it stays as it is.
    """
    if find_spec("minify") is None:
        return text
    command = [sys.executable, "-c", MINIFY, TYPES[suffix]]
    done = subprocess.run(
        command, input=text, capture_output=True, check=True, encoding="utf-8"
    )
    return done.stdout


@cache
def _built(folder: Path, name: str, _newest: float) -> Path:
    """Write a file unless it is there; once per state of its sources and process."""
    place, made_of = folder / name, folder / f"{name}.made-of"
    text = joined(name)
    mark = sha256(f"{MINIFY}{settings.DEBUG}{text}".encode()).hexdigest()
    if not (place.exists() and made_of.exists() and made_of.read_text() == mark):
        # While debugging it stays readable.
        made = text if settings.DEBUG else minified(text, place.suffix)
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, made.encode())
        _write(folder / f"{name}.gz", gzip.compress(made.encode(), mtime=0))
        _write(made_of, mark.encode())
    return place


def _newest(name: str) -> float:
    return max((SOURCES / part).stat().st_mtime for part in BUNDLES[name])


def _write(place: Path, data: bytes) -> None:
    # Several processes may build at the same time; each sees a whole file.
    draft = place.with_name(f"{place.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(place)
