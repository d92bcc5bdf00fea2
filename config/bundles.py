"""The shop's own stylesheet and script: each is built into one small file.

Sources stay split by what they are about. ``STATICFILES_FINDERS`` names the finder, so
whoever looks for static files (runserver, WhiteNoise, collectstatic, tests) makes the
built files by looking: there is no step to forget and nothing to install beside Python.
"""

import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage
from rcssmin import cssmin
from rjsmin import jsmin

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
}
MINIFIERS: dict[str, Callable[[str], str]] = {".css": cssmin, ".js": jsmin}


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


def content(name: str) -> str:
    """Return a built file's text; while debugging it stays readable."""
    text = "\n".join((SOURCES / part).read_text("utf-8") for part in BUNDLES[name])
    return text if settings.DEBUG else MINIFIERS[Path(name).suffix](text)


@cache
def _built(folder: Path, name: str, _newest: float) -> Path:
    """Write a file unless it is there; once per state of its sources and process."""
    place = folder / name
    wanted = content(name).encode()
    if not (place.exists() and place.read_bytes() == wanted):
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(place, wanted)
        _write(place.with_name(place.name + ".gz"), gzip.compress(wanted, mtime=0))
    return place


def _newest(name: str) -> float:
    return max((SOURCES / part).stat().st_mtime for part in BUNDLES[name])


def _write(place: Path, data: bytes) -> None:
    # Several processes may build at the same time; each sees a whole file.
    draft = place.with_name(f"{place.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(place)
