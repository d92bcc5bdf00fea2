"""Pictures that shoppers send in: read with care, made anew, kept under random names.

What is stored is never what was sent: a picture of our own making has no EXIF, no
place and camera in it, and nothing hidden behind its end. All of this takes time and
may talk to a storage, so it happens before a transaction, or after it.
"""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image

from common import pictures
from reviews.errors import PhotoNotAPicture, PhotoTooLarge, TooManyPhotos
from reviews.models import MAX_PHOTOS

MAX_BYTES = pictures.MAX_BYTES
FOLDER = "reviews"
# The longest side of what is shown large, and in a row of small ones.
LARGE, SMALL = 1280, 320
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture made anew: a large one, and a small one in both formats."""

    large: bytes
    small: bytes
    small_avif: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture in the storage."""

    name: str
    width: int
    height: int


def read(files: Sequence[IO[bytes]]) -> list[Picture]:
    """Make pictures of uploaded files.

    Raises ``TooManyPhotos``, ``PhotoTooLarge`` or ``PhotoNotAPicture``.
    """
    if len(files) > MAX_PHOTOS:
        raise TooManyPhotos(limit=MAX_PHOTOS)
    return [read_one(file) for file in files]


def read_one(file: IO[bytes]) -> Picture:
    """Make a picture of what a file holds; its name and its type are not believed."""
    try:
        flat = pictures.read(file.read(MAX_BYTES + 1), longest=LARGE)
    except pictures.PictureTooLarge as error:
        raise PhotoTooLarge(error.detail, **error.extra) from None
    except pictures.NotAPicture as error:
        raise PhotoNotAPicture(error.detail) from None
    small = flat.copy()
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    tight = pictures.encode(small, "AVIF", pictures.AVIF)
    return Picture(_encode(flat), _encode(small), tight, flat.width, flat.height)


@contextmanager
def stored(taken: Iterable[Picture]) -> Iterator[list[Stored]]:
    """Put pictures into the storage; take them away again if the block fails."""
    kept: list[Stored] = []
    try:
        for picture in taken:
            name = f"{FOLDER}/{secrets.token_hex(16)}.webp"
            kept.append(Stored(name, picture.width, picture.height))
            default_storage.save(name, ContentFile(picture.large))
            default_storage.save(small_name(name), ContentFile(picture.small))
            tight = small_name(name, "avif")
            default_storage.save(tight, ContentFile(picture.small_avif))
        yield kept
    except BaseException:
        remove([item.name for item in kept])
        raise


def remove(names: Iterable[str]) -> None:
    """Take pictures out of the storage, in all sizes."""
    for name in names:
        default_storage.delete(name)
        default_storage.delete(small_name(name))
        default_storage.delete(small_name(name, "avif"))


def small_name(name: str, extension: str = "webp") -> str:
    """Return where the small size of a picture is."""
    return f"{name.removesuffix('.webp')}-{SMALL}.{extension}"


def url(name: str) -> str:
    """Return the address of a picture."""
    return default_storage.url(name)


def _encode(image: Image.Image) -> bytes:
    return pictures.encode(image, "WEBP", {"quality": QUALITY})
