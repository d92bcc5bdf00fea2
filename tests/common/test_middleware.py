"""What every answer carries."""

import pytest
from django.test import Client

from tests.factories import ProductFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_answers_to_a_signed_in_shopper_are_kept_by_no_cache(client: Client) -> None:
    client.force_login(UserFactory.create())

    response = client.get("/points/")

    assert response.status_code == 200
    assert response["Cache-Control"] == "private, no-store"


def test_a_guest_keeps_pages_to_themselves(client: Client) -> None:
    product = ProductFactory.create()

    response = client.get(f"/p/{product.slug}-{product.pk}/")

    assert response["Cache-Control"] == "private, no-cache"


def test_a_list_sets_no_cookie(client: Client) -> None:
    response = client.get("/products/")

    assert not response.cookies
