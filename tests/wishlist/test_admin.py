"""The wishes of shoppers, as staff see them."""

import pytest
from django.test import Client

from tests.factories import ProductFactory, StaffFactory, UserFactory
from wishlist import services as wishlists

pytestmark = pytest.mark.django_db
WISHES = "/admin/wishlist/wishlistitem/"


def test_wishes_of_a_shopper_are_found(client: Client) -> None:
    client.force_login(StaffFactory.create())
    shopper, jar = UserFactory.create(), ProductFactory.create(name="Moon jar")
    wishlists.save(user_id=shopper.pk, product_id=jar.pk)
    wishlists.save(user_id=UserFactory.create().pk, product_id=jar.pk)

    page = client.get(WISHES, {"q": shopper.email})

    assert [item.user for item in page.context["cl"].result_list] == [shopper]
    assert "Moon jar" in page.content.decode()


def test_wishes_are_not_for_all_staff(client: Client) -> None:
    client.force_login(UserFactory.create(is_staff=True))

    assert client.get(WISHES).status_code == 403
