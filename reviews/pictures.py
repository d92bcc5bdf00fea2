"""Pictures that shoppers send in: read with care, made anew, kept under random names.

What is stored is never what was sent: a picture of our own making has no EXIF, no
place and camera in it, and nothing hidden behind its end. All of this takes time and
may talk to a storage, so it happens before a transaction, or after it.
"""

import io
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from reviews.errors import PhotoNotAPicture, PhotoTooLarge, TooManyPhotos
from reviews.models import MAX_PHOTOS

MAX_BYTES = 5 * 1024 * 1024
# Before it is unpacked: a small file can hold a picture that fills the memory.
MAX_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
FOLDER = "reviews"
# The longest side of what is shown large, and in a row of small ones.
LARGE, SMALL = 1280, 320
QUALITY = 80


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture made anew, in both sizes."""

    large: bytes
    small: bytes
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
    content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise PhotoTooLarge(
            _("A photo may have up to %(limit)s MB.") % {"limit": MAX_BYTES >> 20},
            max_bytes=MAX_BYTES,
        )
    try:
        return _make(Image.open(io.BytesIO(content), formats=FORMATS))
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    # Its many decoders fail in many ways; what they have in common is a bad file.
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        raise PhotoNotAPicture(
            _("This is not a JPEG, PNG or WebP picture that we can read.")
        ) from None


@contextmanager
def stored(pictures: Iterable[Picture]) -> Iterator[list[Stored]]:
    """Put pictures into the storage; take them away again if the block fails."""
    kept: list[Stored] = []
    try:
        for picture in pictures:
            name = f"{FOLDER}/{secrets.token_hex(16)}.webp"
            kept.append(Stored(name, picture.width, picture.height))
            default_storage.save(name, ContentFile(picture.large))
            default_storage.save(small_name(name), ContentFile(picture.small))
        yield kept
    except BaseException:
        remove([item.name for item in kept])
        raise


def remove(names: Iterable[str]) -> None:
    """Take pictures out of the storage, in both sizes."""
    for name in names:
        default_storage.delete(name)
        default_storage.delete(small_name(name))


def small_name(name: str) -> str:
    """Return where the small size of a picture is."""
    return f"{name.removesuffix('.webp')}-{SMALL}.webp"


def url(name: str) -> str:
    """Return the address of a picture."""
    return default_storage.url(name)


def _make(image: Image.Image) -> Picture:
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels()
    # A JPEG can be unpacked smaller at once.
    image.draft("RGB", (LARGE, LARGE))
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((LARGE, LARGE), Image.Resampling.LANCZOS)
    flat = _on_white(upright)
    small = flat.copy()
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    return Picture(_encode(flat), _encode(small), flat.width, flat.height)


def _on_white(image: Image.Image) -> Image.Image:
    layered = image.convert("RGBA")
    flat = Image.new("RGB", layered.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    return flat


def _encode(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=QUALITY)
    return buffer.getvalue()


def _too_many_pixels() -> PhotoTooLarge:
    return PhotoTooLarge(
        _("A photo may have up to %(limit)s million pixels.")
        % {"limit": MAX_PIXELS // 1_000_000},
        max_pixels=MAX_PIXELS,
    )
