"""Photos in the sizes and formats that pages ask for.

A photo is kept as a set: a folder named by its content, and in it every width as AVIF
and as WebP. A row of the database names the widest WebP; the others follow from that
name, so pages know them without asking anybody. What is in no set is shown as it is.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from common.errors import Invalid

MAX_BYTES = 5 * 1024 * 1024
# Before it is unpacked: a small file can hold a picture that fills the memory.
MAX_PIXELS = 40_000_000
# Told by the content; SVG is a program, so it is not among them.
ACCEPTED = ("JPEG", "PNG", "WEBP")
# In pixels. Nothing is made larger than it came.
WIDTHS = (320, 480, 800)
WIDEST = WIDTHS[-1]
USUAL = 480
FORMATS = {"avif": "image/avif", "webp": "image/webp"}
# What looks alike in both. AVIF gains from effort, WebP hardly does.
WEBP = {"quality": 76, "method": 2}
AVIF = {"quality": 50, "speed": 8}
THOROUGH_AVIF = {"quality": 50, "speed": 6}
_IN_A_SET = re.compile(r"(.*[-/][0-9a-f]{16})/(\d+)\.webp", re.ASCII)


class NotAPicture(Invalid):
    """The content is not a JPEG, PNG or WebP picture, whatever its name says."""


class PictureTooLarge(Invalid):
    """The file has more bytes, or the picture more pixels, than is taken."""


@dataclass(frozen=True, slots=True)
class PictureSet:
    """A photo in all its sizes: ``name`` is the widest WebP, ``files`` are all."""

    name: str
    width: int
    height: int
    files: dict[str, bytes]


def read(content: bytes, *, longest: int) -> Image.Image:
    """Return the picture that a file holds: upright, without transparency or EXIF.

    It is no longer than ``longest`` pixels. Raises ``PictureTooLarge`` or
    ``NotAPicture``.
    """
    if len(content) > MAX_BYTES:
        raise PictureTooLarge(
            _("A photo may have up to %(limit)s MB.") % {"limit": MAX_BYTES >> 20},
            max_bytes=MAX_BYTES,
        )
    try:
        return _upright(Image.open(io.BytesIO(content), formats=ACCEPTED), longest)
    except Image.DecompressionBombError:
        raise _too_many_pixels() from None
    # Its many decoders fail in many ways; what they have in common is a bad file.
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        raise NotAPicture(
            _("This is not a JPEG, PNG or WebP picture that we can read.")
        ) from None


def mark(content: bytes) -> str:
    """Return what ends the name of a set's folder: content always has the same."""
    return sha256(content).hexdigest()[:16]


def make_set(
    picture: Image.Image, folder: str, *, avif: dict[str, int] = THOROUGH_AVIF
) -> PictureSet:
    """Return a picture in all widths that it has the pixels for, to be kept.

    ``folder`` ends with a ``mark``.
    """
    widths = _widths(picture.width)
    height = round(picture.height * widths[-1] / picture.width)
    files: dict[str, bytes] = {}
    for width in reversed(widths):
        # Each is made smaller from the one before, which is the quicker way.
        size = (width, round(height * width / widths[-1]))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        files[f"{folder}/{width}.webp"] = encode(picture, "WEBP", WEBP)
        files[f"{folder}/{width}.avif"] = encode(picture, "AVIF", avif)
    return PictureSet(f"{folder}/{widths[-1]}.webp", widths[-1], height, files)


def keep(pictures: PictureSet) -> None:
    """Put a set into the storage; what is there already is the same."""
    for name, content in pictures.files.items():
        if not default_storage.exists(name):
            default_storage.save(name, ContentFile(content))


def members(name: str) -> Iterator[tuple[int, str, str]]:
    """Yield width, format and name of each picture in the set that ``name`` is of."""
    if match := _IN_A_SET.fullmatch(name):
        for width in _widths(int(match[2])):
            for extension in FORMATS:
                yield width, extension, f"{match[1]}/{width}.{extension}"


def srcset(name: str, extension: str) -> str:
    """Return the ``srcset`` of a photo in one format; empty if it is in no set."""
    return ", ".join(
        f"{default_storage.url(member)} {width}w"
        for width, written, member in members(name)
        if written == extension
    )


def usual(name: str) -> str:
    """Return the picture for browsers that choose none: of a set, a small WebP."""
    fitting = [
        member
        for width, written, member in members(name)
        if written == "webp" and width <= USUAL
    ]
    return fitting[-1] if fitting else name


def encode(picture: Image.Image, written: str, options: dict[str, int]) -> bytes:
    """Return a picture as a file in one of the formats."""
    buffer = io.BytesIO()
    picture.save(buffer, written, **options)
    return buffer.getvalue()


def _widths(widest: int) -> list[int]:
    limit = min(widest, WIDEST)
    return [*(width for width in WIDTHS if width < limit), limit]


def _upright(image: Image.Image, longest: int) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise _too_many_pixels()
    # A JPEG can be unpacked smaller at once.
    image.draft("RGB", (longest, longest))
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    layered = upright.convert("RGBA")
    flat = Image.new("RGB", layered.size, "white")
    flat.paste(layered, mask=layered.getchannel("A"))
    return flat


def _too_many_pixels() -> PictureTooLarge:
    return PictureTooLarge(
        _("A photo may have up to %(limit)s million pixels.")
        % {"limit": MAX_PIXELS // 1_000_000},
        max_pixels=MAX_PIXELS,
    )
