"""Staff give products photos: judged by content, kept in the sizes that pages use."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import Settings

from accounts.models import User
from catalog.models import Product, ProductPhoto
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db


def jpeg() -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Camera of Kim"
    Image.new("RGB", (1600, 2000), "teal").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def send(client: Client, product: Product, name: str, content: bytes) -> Any:
    """Send the form of a product with one new photo, as its page would."""
    address = f"/admin/catalog/product/{product.pk}/change/"
    form = client.get(address).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields}
    sent |= {
        f"{prefix}-{part}": 0
        for prefix in ("texts", "photos", "price_changes")
        for part in ("TOTAL_FORMS", "INITIAL_FORMS")
    }
    sent["photos-TOTAL_FORMS"] = 1
    sent["photos-0-image"] = SimpleUploadedFile(name, content)
    sent |= {"photos-0-alt": "A cup", "photos-0-position": 0}
    return client.post(address, {k: "" if v is None else v for k, v in sent.items()})


def test_photo_is_made_anew_in_all_sizes(
    boss: User, client: Client, tmp_path: Path, settings: Settings
) -> None:
    settings.MEDIA_ROOT = tmp_path
    product = ProductFactory.create()

    answer = send(client, product, "cup.jpg", jpeg())

    assert answer.status_code == 302
    photo = ProductPhoto.objects.get(product=product)
    assert str(photo.image).endswith("/800.webp")
    assert (photo.width, photo.height) == (800, 1000)
    kept = sorted(path for path in tmp_path.rglob("*.*"))
    assert [path.name for path in kept] == [
        f"{width}.{extension}"
        for width in (320, 480, 800)
        for extension in ("avif", "webp")
    ]
    assert all(b"Camera of Kim" not in path.read_bytes() for path in kept)


def test_file_that_is_no_picture_is_refused_and_nothing_kept(
    boss: User, client: Client, tmp_path: Path, settings: Settings
) -> None:
    settings.MEDIA_ROOT = tmp_path
    product = ProductFactory.create()

    answer = send(client, product, "cup.jpg", b"<svg onload='alert(1)'/>")

    assert answer.status_code == 200
    assert not ProductPhoto.objects.exists()
    assert list(tmp_path.rglob("*.*")) == []
