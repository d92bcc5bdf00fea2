"""Product photos: a source picture, standing on a sheet of paper, with its shadow.

The sources are small; what is made of them is as large as the pages need it. Photos
are named by what they are made of, so they are made once and never go stale.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageFilter

from common import pictures

PICTURES = Path(__file__).parent / "pictures"
FOLDER = "products"
WIDTH, HEIGHT = 800, 1000
# Raised whenever the same source would give another photo.
RECIPE = 2

# Sheets of dyed paper, each as it looks in the light and towards the floor.
PAPERS = {
    "hanji": ((248, 246, 241), (235, 231, 221)),
    "sand": ((249, 239, 228), (240, 223, 205)),
    "celadon": ((234, 243, 236), (214, 230, 220)),
    "rose": ((250, 237, 235), (242, 219, 218)),
    "sky": ((234, 241, 248), (214, 227, 239)),
    "straw": ((250, 243, 220), (241, 230, 193)),
    "lilac": ((241, 238, 249), (225, 219, 240)),
}
SHADOW = (66, 52, 34)
LARGEST_SIDE = 560
# Enlarged beyond this a source gets soft.
LARGEST_SCALE = 2.5
# Shadows are made this much smaller.
COARSE = 4
# Below this many a pool costs more than it brings.
WORTH_A_POOL = 8


@dataclass(frozen=True, slots=True)
class Look:
    """A source picture in one colour: ``hue`` in degrees, the others in per cent."""

    picture: str
    hue: int = 0
    saturation: int = 100
    brightness: int = 100

    @property
    def source(self) -> Path:
        return PICTURES / f"{self.picture}.webp"

    @property
    def paper(self) -> str:
        """The sheet it stands on; things of one kind stand on different ones."""
        return list(PAPERS)[int(_mark(self), 16) % len(PAPERS)]

    @property
    def folder(self) -> str:
        return f"{FOLDER}/{self.picture}-{_mark(self)}"

    @property
    def name(self) -> str:
        """The photo's name in the media storage: that of the widest of its set."""
        return f"{self.folder}/{WIDTH}.webp"


@cache
def _mark(look: Look) -> str:
    return pictures.mark(f"{RECIPE}|{look!r}|".encode() + look.source.read_bytes())


def ensure(looks: Iterable[Look]) -> Iterator[Look]:
    """Make the photos that the storage does not have; yield each look once it does."""
    missing = []
    for look in looks:
        names = [name for _, _, name in pictures.members(look.name)]
        if all(default_storage.exists(name) for name in names):
            yield look
        else:
            missing.append(look)
    for look, files in _make_all(missing):
        for name, content in files.items():
            if not default_storage.exists(name):
                default_storage.save(name, ContentFile(content))
        yield look


def make(look: Look) -> dict[str, bytes]:
    """Return the photo in all sizes and formats, each by its name in the storage."""
    photo = _compose(_recolour(_load(look), look), look.paper)
    return pictures.make_set(photo, look.folder, avif=pictures.AVIF).files


def _make_all(looks: list[Look]) -> Iterator[tuple[Look, dict[str, bytes]]]:
    if len(looks) < WORTH_A_POOL:
        yield from ((look, make(look)) for look in looks)
        return
    # Not forked: the parent has database connections open.
    pool = ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn"))
    with pool:
        yield from zip(looks, pool.map(make, looks, chunksize=4), strict=True)


def _load(look: Look) -> Image.Image:
    picture = Image.open(look.source).convert("RGBA")
    return picture.crop(picture.getchannel("A").getbbox())


def _recolour(picture: Image.Image, look: Look) -> Image.Image:
    if (look.hue, look.saturation, look.brightness) == (0, 100, 100):
        return picture
    turn = look.hue * 256 // 360
    hue, saturation, value = picture.convert("RGB").convert("HSV").split()
    channels = (
        hue.point([(level + turn) % 256 for level in range(256)]),
        saturation.point(
            [min(255, level * look.saturation // 100) for level in range(256)]
        ),
        value.point([min(255, level * look.brightness // 100) for level in range(256)]),
    )
    coloured = Image.merge("HSV", channels).convert("RGB")
    coloured.putalpha(picture.getchannel("A"))
    return coloured


def _compose(picture: Image.Image, paper: str) -> Image.Image:
    scale = min(LARGEST_SIDE / max(picture.size), LARGEST_SCALE)
    size = (round(picture.width * scale), round(picture.height * scale))
    thing = picture.resize(size, Image.Resampling.LANCZOS)
    thing = thing.filter(ImageFilter.UnsharpMask(radius=3, percent=60, threshold=2))
    left = (WIDTH - thing.width) // 2
    top = (HEIGHT - thing.height) // 2
    tile = _sheet(paper).copy()
    _cast_shadow(tile, thing.getchannel("A"), left=left, bottom=top + thing.height)
    tile.paste(thing, (left, top), thing)
    return tile


@cache
def _sheet(paper: str) -> Image.Image:
    fade = Image.linear_gradient("L").resize((WIDTH, HEIGHT))
    top, bottom = (Image.new("RGB", fade.size, colour) for colour in PAPERS[paper])
    return Image.composite(bottom, top, fade)


def _cast_shadow(
    tile: Image.Image, outline: Image.Image, *, left: int, bottom: int
) -> None:
    """Lay the thing's outline on the floor: all of it faintly, its foot darkly."""
    foot = outline.crop((0, outline.height * 5 // 6, *outline.size))
    for part, flatness, blur, strength in (
        (outline, 0.14, 20, 0.32),
        (foot, 0.05, 7, 0.42),
    ):
        height = max(14, round(outline.height * flatness))
        flat = part.resize((outline.width // COARSE, height // COARSE))
        # Only a strip of the tile, and coarse: what is blurred has no detail.
        margin = 3 * blur
        size = (WIDTH, height + 2 * margin)
        mask = Image.new("L", (size[0] // COARSE, size[1] // COARSE), 0)
        mask.paste(flat, (left // COARSE, margin // COARSE))
        mask = mask.filter(ImageFilter.GaussianBlur(blur / COARSE)).resize(size)
        mask = mask.point([round(level * strength) for level in range(256)])
        tile.paste(SHADOW, (0, bottom - height // 2 - margin), mask)
