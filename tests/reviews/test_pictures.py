"""Pictures that shoppers send in: what is taken, what is made of it, what is left."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from PIL import Image

from accounts.models import User
from catalog.models import Product
from reviews import pictures
from reviews import services as reviews
from reviews.errors import (
    NotABuyer,
    PhotoNotAPicture,
    PhotoRefused,
    PhotoTooLarge,
    TooManyPhotos,
)
from reviews.models import Review
from tests.factories import UserFactory
from tests.reviewing import TEXT, image, upload, written


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def kept(media: Path) -> list[str]:
    return [path.name for path in sorted(media.rglob("*.webp"))]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_pictures_are_made_anew_in_two_sizes(form: str) -> None:
    picture = pictures.read_one(io.BytesIO(image(form, (2000, 1000))))

    assert (picture.width, picture.height) == (1280, 640)
    large, small = opened(picture.large), opened(picture.small)
    assert (large.format, large.size) == ("WEBP", (1280, 640))
    assert (small.format, small.size) == ("WEBP", (320, 160))
    tight = opened(picture.small_avif)
    assert (tight.format, tight.size) == ("AVIF", (320, 160))


def test_place_camera_and_comments_are_not_kept() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera of Kim"
    exif.get_ifd(0x8825)[1] = "N"
    given = image("JPEG", exif=exif, comment=b"Kim's kitchen") + b"hidden behind"
    assert b"Camera of Kim" in given

    picture = pictures.read_one(io.BytesIO(given))

    for content in (picture.large, picture.small):
        assert len(opened(content).getexif()) == 0
        assert b"Kim" not in content
        assert b"hidden" not in content


def test_picture_taken_sideways_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees

    picture = pictures.read_one(io.BytesIO(image("JPEG", (60, 40), exif=exif)))

    assert (picture.width, picture.height) == (40, 60)


def test_what_one_can_see_through_gets_white_behind() -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(buffer, "PNG")

    picture = pictures.read_one(io.BytesIO(buffer.getvalue()))

    assert opened(picture.large).convert("RGB").getpixel((10, 10)) == (255, 255, 255)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        image("GIF"),
        image("BMP"),
        image("TIFF"),
        image("JPEG")[:100],
        image("PNG")[:60],
        b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
        b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    ],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(PhotoNotAPicture) as refusal:
        pictures.read_one(io.BytesIO(content))

    assert refusal.value.code == "photo_not_a_picture"


def bomb(width: int, height: int) -> bytes:
    """Return a small PNG that says it is enormous."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(b"\x00" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "size", [(8_000, 5_001), (10_000, 10_000), (20_000, 20_000), (60_000, 60_000)]
)
def test_bomb_is_refused_before_it_goes_off(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unpack(*_: Any) -> None:
        pytest.fail("it was unpacked")

    monkeypatch.setattr(Image.Image, "convert", unpack)

    with pytest.raises(PhotoTooLarge) as refusal:
        pictures.read_one(io.BytesIO(bomb(*size)))

    assert refusal.value.extra == {"max_pixels": 40_000_000}


def test_file_of_many_bytes_is_refused_without_reading_on() -> None:
    file = io.BytesIO(b"\xff" * (6 * 1024 * 1024))

    with pytest.raises(PhotoTooLarge) as refusal:
        pictures.read_one(file)

    assert refusal.value.extra == {"max_bytes": 5 * 1024 * 1024}
    assert file.tell() == 5 * 1024 * 1024 + 1


def test_sixth_file_is_refused_before_any_is_read() -> None:
    with pytest.raises(TooManyPhotos):
        pictures.read([upload(b"not even a picture")] * 6)


@pytest.mark.django_db
def test_names_are_random_and_say_nothing(
    jar: Product, buyer: User, media: Path
) -> None:
    photos = pictures.read([upload(image(), "../../Kim at home.php")])

    review = reviews.write(
        user_id=buyer.pk, product_id=jar.pk, rating=5, text=TEXT, photos=photos
    )

    name = str(review.photos.get().image)
    assert name.startswith("reviews/")
    assert len(name) == len("reviews/.webp") + 32
    assert default_storage.exists(name)
    assert default_storage.exists(pictures.small_name(name))
    assert len(kept(media)) == 2


@pytest.mark.django_db
def test_refused_review_leaves_no_pictures(jar: Product, media: Path) -> None:
    with pytest.raises(NotABuyer):
        reviews.write(
            user_id=UserFactory.create().pk,
            product_id=jar.pk,
            rating=5,
            text=TEXT,
            photos=pictures.read([upload(image())]),
        )

    assert kept(media) == []


@pytest.mark.django_db(transaction=True)
def test_pictures_go_with_their_review_once_it_is_sure(
    jar: Product, buyer: User, media: Path
) -> None:
    review = reviews.write(
        user_id=buyer.pk,
        product_id=jar.pk,
        rating=5,
        text=TEXT,
        photos=pictures.read([upload(image()) for _ in range(3)]),
    )
    first = review.photos.all()[0]

    reviews.edit(user_id=buyer.pk, review_id=review.pk, without_photos=[first.pk])
    assert len(kept(media)) == 4

    reviews.withdraw(user_id=buyer.pk, review_id=review.pk)
    assert kept(media) == []
    assert Review.objects.get().photos.count() == 0


@pytest.mark.django_db(transaction=True)
def test_no_picture_is_made_or_stored_while_rows_are_locked(
    jar: Product, buyer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = written(jar, buyer)
    seen = []

    def watched(method: str) -> None:
        real = getattr(default_storage, method)

        def watch(*args: Any, **kwargs: Any) -> Any:
            seen.append(connection.in_atomic_block)
            return real(*args, **kwargs)

        monkeypatch.setattr(default_storage, method, watch)

    watched("save")
    watched("delete")
    photos = pictures.read([upload(image())])

    reviews.edit(user_id=buyer.pk, review_id=review.pk, photos=photos)
    reviews.withdraw(user_id=buyer.pk, review_id=review.pk)

    assert seen == [False] * 6


def test_every_refusal_has_a_code_of_its_own() -> None:
    assert {kind.code for kind in PhotoRefused.__subclasses__()} == {
        "photo_too_large",
        "photo_not_a_picture",
    }
