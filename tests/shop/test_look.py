"""Promises of the look: contrast, small scripts, nothing inline."""

import gzip
import os
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles.finders import find
from pytest_django import Settings

from config import bundles
from config.bundles import BUNDLES, BundleFinder

BASE: Path = settings.BASE_DIR
TOKENS = (BASE / "static/css/tokens.css").read_text()
TEMPLATES = sorted(
    path
    for path in (BASE / "templates").rglob("*.html")
    if not path.is_relative_to(BASE / "templates/admin")
    and not path.is_relative_to(BASE / "templates/emails")
    # The PDF carries its styles; pages made of the same templates link to theirs.
    and not path.is_relative_to(BASE / "templates/documents")
)
READABLE = 4.5  # WCAG 2.2, 1.4.3
VISIBLE = 3.0  # 1.4.11


def built(name: str) -> bytes:
    return Path(str(find(name))).read_bytes()


def gzipped(name: str) -> int:
    return len(gzip.compress(built(name)))


def palette(theme: str) -> dict[str, str]:
    index = {"light": 0, "dark": 1}[theme]
    pairs = re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", TOKENS)
    return {name: colours[index] for name, *colours in pairs}


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    ]
    return sum(
        weight * value
        for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


def contrast(one: str, other: str) -> float:
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ground", ["bg", "surface", "sunken"])
@pytest.mark.parametrize("ink", ["ink", "ink-2", "accent", "jade", "gold", "info"])
def test_text_can_be_read_on_every_ground(theme: str, ground: str, ink: str) -> None:
    colours = palette(theme)

    assert contrast(colours[ink], colours[ground]) >= READABLE


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["accent", "jade", "gold", "info"])
def test_text_can_be_read_on_its_own_soft_ground(theme: str, name: str) -> None:
    colours = palette(theme)

    assert contrast(colours[name], colours[f"{name}-soft"]) >= READABLE


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_buttons_and_edges_of_controls_are_visible(theme: str) -> None:
    colours = palette(theme)

    assert contrast(colours["on-accent"], colours["accent"]) >= READABLE
    assert contrast(colours["on-accent"], colours["accent-strong"]) >= READABLE
    for ground in ("bg", "surface", "sunken"):
        assert contrast(colours["line-2"], colours[ground]) >= VISIBLE


def test_browsers_without_light_dark_get_the_light_palette() -> None:
    fallback = TOKENS.split("@supports not")[1]
    written = dict(re.findall(r"--([\w-]+): (#\w+);", fallback))

    assert written == palette("light")


def test_what_every_page_loads_of_ours_stays_small() -> None:
    assert gzipped("js/shop.js") <= 4_096
    assert gzipped("css/shop.css") <= 10_240


def test_layers_come_in_one_order() -> None:
    style = built("css/shop.css").decode()
    order = "reset,tokens,base,components,chrome,pages,utilities"

    assert re.match(rf"@layer {order};", style.replace(", ", ","))
    named = set(re.findall(r"@layer (\w+) ?{", style))
    assert named == set(order.split(","))


def test_every_source_is_in_a_built_file_or_on_its_own_page() -> None:
    apart = {"document", "document-browser", "sandbox"}
    sources = {
        f"{folder}/{path.name}"
        for folder in ("css", "js")
        for path in (BASE / "static" / folder).iterdir()
        if path.stem not in apart and path.stem.partition("-")[0] != "admin"
    }

    assert sources == {part for parts in BUNDLES.values() for part in parts}


def test_built_file_follows_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.STATE_DIR = tmp_path / "state"
    monkeypatch.setattr(bundles, "SOURCES", tmp_path)
    for part in BUNDLES["css/shop.css"]:
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).write_text("")
    source = tmp_path / BUNDLES["css/shop.css"][0]
    place = BundleFinder().find("css/shop.css")
    assert isinstance(place, str)
    assert Path(place).read_bytes() == b""

    source.write_text("a { color: teal; } /* why */")
    os.utime(source, (2_000_000_000, 2_000_000_000))

    assert BundleFinder().find("css/shop.css") == place
    assert Path(place).read_text() == "a{color:teal}"
    assert gzip.decompress(Path(f"{place}.gz").read_bytes()) == b"a{color:teal}"


def test_developers_read_the_files_as_they_are_written(
    tmp_path: Path, settings: Settings
) -> None:
    settings.STATE_DIR, settings.DEBUG = tmp_path, True

    place = BundleFinder().find("js/shop.js")

    assert "// What the pages do by themselves." in Path(str(place)).read_text()


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_nothing_inline_that_the_policy_forbids(path: Path) -> None:
    markup = path.read_text()

    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", markup)
    for tag in re.findall(r"<script[^>]*>", markup):
        assert "src=" in tag


def test_every_icon_that_is_used_is_in_the_sprite() -> None:
    sprite = (BASE / "static/img/icons.svg").read_text()
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    sources = [*TEMPLATES, BASE / "shop/timeline.py"]
    used = {
        name
        for path in sources
        for name in re.findall(r'(?:{% icon |icon_name=)"([\w-]+)"', path.read_text())
    }

    assert used <= drawn
