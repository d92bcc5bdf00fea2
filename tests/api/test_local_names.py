"""Names in the language of whoever asks; what was ordered keeps its words."""

import pytest

from catalog.models import Phrase, Product, ProductText
from tests.api.client import Api
from tests.factories import CouponFactory, ProductFactory

pytestmark = pytest.mark.django_db
KOREAN = {"Accept_Language": "ko"}


@pytest.fixture
def cup() -> Product:
    product: Product = ProductFactory.create(
        name="Cup", description="Of clay.", options={"colour": "green"}, price=1_000
    )
    ProductText.objects.create(
        product=product, language="ko", name="찻잔", description="흙으로 빚은."
    )
    Phrase.objects.create(source="green", language="ko", text="초록")
    return product


def test_lists_and_details_speak_the_readers_language(guest: Api, cup: Product) -> None:
    for path in ("products", "products?sort=price", "products?q=cup"):
        [ours] = guest.get(f"/api/v1/{path}").body["items"]
        [theirs] = guest.get(f"/api/v1/{path}", **KOREAN).body["items"]
        assert (ours["name"], theirs["name"]) == ("Cup", "찻잔"), path

    detail = guest.get(f"/api/v1/products/{cup.pk}", **KOREAN)
    assert (detail.body["name"], detail.body["description"]) == ("찻잔", "흙으로 빚은.")
    assert detail.body["options"] == {"colour": "green"}
    assert detail.body["attributes"] == [
        {"name": "colour", "label": "colour", "value": "초록"}
    ]


def test_languages_have_copies_of_their_own(guest: Api, cup: Product) -> None:
    path = f"/api/v1/products/{cup.pk}"
    english, korean = guest.get(path), guest.get(path, **KOREAN)

    assert english.header("ETag") != korean.header("ETag")
    assert "Accept-Language" in english.header("Vary")
    etag = english.header("ETag")
    assert guest.get(path, If_None_Match=etag).status == 304
    assert guest.get(path, If_None_Match=etag, **KOREAN).status == 200


def test_what_is_not_translated_is_told_as_it_is(guest: Api, cup: Product) -> None:
    answer = guest.get(f"/api/v1/products/{cup.pk}", Accept_Language="ru")

    assert (answer.body["name"], answer.body["description"]) == ("Cup", "Of clay.")


def test_cart_is_translated_and_the_order_is_not(api: Api, cup: Product) -> None:
    line = {"product_id": cup.pk, "quantity": 1}

    cart = api.post("/api/v1/cart/items", line, **KOREAN).body
    order = api.post("/api/v1/orders", {"items": [line]}, **KOREAN).body
    again = api.get(f"/api/v1/orders/{order['id']}", **KOREAN).body

    assert cart["items"][0]["name"] == "찻잔"
    assert order["items"][0]["name"] == again["items"][0]["name"] == "Cup"


def test_coupons_are_named_in_the_readers_language(api: Api, user: object) -> None:
    coupon = CouponFactory.create(user=user)
    Phrase.objects.create(source=coupon.batch.name, language="ko", text="환영")

    [held] = api.get("/api/v1/coupons", **KOREAN).body["items"]

    assert held["name"] == "환영"
