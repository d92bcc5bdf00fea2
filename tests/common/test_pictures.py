"""Photos: what is taken, the sizes that are made of it, what pages are told of them."""

import io
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.template.loader import render_to_string
from PIL import Image
from pytest_django import Settings

from common import pictures

MARK = "0123456789abcdef"


def upload(form: str = "JPEG", size: tuple[int, int] = (1000, 1250)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, form)
    return buffer.getvalue()


def test_set_has_every_width_as_avif_and_webp(
    tmp_path: Path, settings: Settings
) -> None:
    settings.MEDIA_ROOT = tmp_path
    picture = pictures.read(upload(), longest=2000)

    made = pictures.make_set(picture, f"products/{MARK}")
    pictures.keep(made)

    assert (made.name, made.width, made.height) == (
        f"products/{MARK}/800.webp",
        800,
        1000,
    )
    for width, height in ((320, 400), (480, 600), (800, 1000)):
        for extension in ("avif", "webp"):
            with default_storage.open(f"products/{MARK}/{width}.{extension}") as file:
                kept = Image.open(file)
                assert (kept.format, kept.size) == (extension.upper(), (width, height))


def test_small_picture_is_not_made_larger() -> None:
    made = pictures.make_set(
        pictures.read(upload(size=(400, 300)), longest=2000), f"products/{MARK}"
    )

    assert made.name == f"products/{MARK}/400.webp"
    assert {name.rpartition("/")[2] for name in made.files} == {
        "320.avif",
        "320.webp",
        "400.avif",
        "400.webp",
    }
    assert pictures.srcset(made.name, "webp") == (
        f"/media/products/{MARK}/320.webp 320w, /media/products/{MARK}/400.webp 400w"
    )


@pytest.mark.parametrize("name", ["products/mug.jpg", "products/800.webp", ""])
def test_picture_in_no_set_is_shown_as_it_is(name: str) -> None:
    assert list(pictures.members(name)) == []
    assert pictures.srcset(name, "avif") == ""
    assert pictures.usual(name) == name


def test_browsers_without_avif_get_a_small_webp() -> None:
    assert pictures.usual(f"products/cup-{MARK}/800.webp").endswith("/480.webp")
    assert pictures.usual(f"products/cup-{MARK}/200.webp").endswith("/200.webp")


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", upload()[:400]],
    ids=["empty", "gif", "svg", "cut off"],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(pictures.NotAPicture):
        pictures.read(content, longest=2000)


def test_bomb_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(pictures.PictureTooLarge) as refused:
        pictures.read(upload("PNG", (7000, 7000)), longest=2000)

    assert refused.value.extra == {"max_pixels": 40_000_000}


def test_more_than_five_megabytes_are_refused() -> None:
    with pytest.raises(pictures.PictureTooLarge) as refused:
        pictures.read(b" " * (pictures.MAX_BYTES + 1), longest=2000)

    assert refused.value.extra == {"max_bytes": 5 * 1024 * 1024}


def photo(**values: object) -> str:
    facts: dict[str, object] = {
        "image": f"products/cup-{MARK}/800.webp",
        "alt": "A cup",
    }
    facts |= {"width": 800, "height": 1000}
    context = {"photo": facts, "url": "/media/x.webp", "is_eager": True}
    return render_to_string("shop/parts/_photo.html", context | values)


def test_photo_offers_both_formats_and_says_its_size() -> None:
    markup = photo()

    assert '<source type="image/avif" srcset="/media/products/cup-' in markup
    assert markup.index("image/avif") < markup.index("image/webp")
    assert 'width="800" height="1000" alt="A cup"' in markup
    assert "lazy" not in markup
    assert "fetchpriority" not in markup


def test_only_the_first_photo_is_fetched_before_all_else() -> None:
    assert 'fetchpriority="high"' in photo(is_first=True)
    assert 'loading="lazy" decoding="async"' in photo(is_eager=False, is_first=True)
    assert "fetchpriority" not in photo(is_eager=False, is_first=True)
