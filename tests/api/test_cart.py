"""The cart through the API, of users and of guests."""

from datetime import timedelta

import pytest
from django.core import signing
from django.utils import timezone

from accounts.models import User
from api.v1.carts import SALT
from cart.models import Cart, CartItem
from catalog import services as catalog
from catalog.models import Product
from inventory import services as inventory
from inventory.models import MovementKind
from tests.api.client import Api
from tests.factories import (
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
)

pytestmark = pytest.mark.django_db
CART, ITEMS = "/api/v1/cart", "/api/v1/cart/items"


def line(product: Product, quantity: int = 1) -> dict[str, int]:
    return {"product_id": product.pk, "quantity": quantity}


def test_guest_keeps_a_cart_by_its_token(guest: Api) -> None:
    product = ProductFactory.create(price=10_000)

    added = guest.post(ITEMS, line(product, 2))
    token = added.header("X-Cart-Token")
    seen = guest.get(CART, X_Cart_Token=token)

    assert added.status == 201
    assert added.body["token"].split(":")[0] == token.split(":")[0]
    assert [item["quantity"] for item in seen.body["items"]] == [2]
    assert Cart.objects.get().user_id is None


def test_guest_without_a_token_has_an_empty_cart_and_makes_none(guest: Api) -> None:
    body = guest.get(CART).body

    assert (body["items"], body["version"], body["token"]) == ([], 0, None)
    assert not Cart.objects.exists()


@pytest.mark.parametrize("token", ["x", "a:b:c", "é"])
def test_forged_token_opens_no_cart(guest: Api, token: str) -> None:
    answer = guest.get(CART, X_Cart_Token=token)

    assert (answer.status, answer.code) == (400, "cart_token_invalid")


def test_token_signed_for_something_else_opens_no_cart(guest: Api) -> None:
    for signer in (
        signing.TimestampSigner(salt="shop.cart"),
        signing.TimestampSigner(key="x" * 50, salt=SALT),
    ):
        answer = guest.get(CART, X_Cart_Token=signer.sign("token"))
        assert answer.code == "cart_token_invalid"


def test_user_adds_changes_and_removes(api: Api, user: User) -> None:
    tea, pot = ProductFactory.create(price=1_000), ProductFactory.create(price=5_000)

    api.post(ITEMS, line(tea, 2))
    api.post(ITEMS, line(tea, 3))
    api.post(ITEMS, line(pot))
    changed = api.patch(f"{ITEMS}/{tea.pk}", {"quantity": 4})
    removed = api.delete(f"{ITEMS}/{pot.pk}")
    missing = api.delete(f"{ITEMS}/{pot.pk}")

    assert [item["quantity"] for item in changed.body["items"]] == [4, 1]
    assert changed.body["subtotal"]["amount"] == 9_000
    assert [item["product_id"] for item in removed.body["items"]] == [tea.pk]
    assert (missing.status, missing.code) == (404, "cart_item_not_found")
    assert Cart.objects.get().user_id == user.pk
    assert removed.body["token"] is None


def test_version_goes_up_with_every_change(api: Api) -> None:
    product = ProductFactory.create()
    versions = [api.post(ITEMS, line(product)).body["version"] for _ in range(3)]

    assert versions == sorted(set(versions))
    assert api.get(CART).body["version"] == versions[-1]


def test_cart_is_replaced_whole_or_not_at_all(api: Api) -> None:
    tea, pot = ProductFactory.create(), ProductFactory.create()
    api.post(ITEMS, line(tea))

    replaced = api.put(CART, {"items": [line(pot, 2), line(pot, 1)]})
    refused = api.put(CART, {"items": [line(tea), {"product_id": 999, "quantity": 1}]})

    assert [(i["product_id"], i["quantity"]) for i in replaced.body["items"]] == [
        (pot.pk, 3)
    ]
    assert (refused.status, refused.code) == (404, "product_not_found")
    assert CartItem.objects.get().product_id == pot.pk
    assert api.put(CART, {"items": []}).body["items"] == []


def test_cart_is_emptied(api: Api, guest: Api) -> None:
    api.post(ITEMS, line(ProductFactory.create()))

    assert api.delete(CART).status == 204
    assert api.delete(CART).status == 204
    assert guest.delete(CART).status == 204
    assert not CartItem.objects.exists()


def test_cart_shows_what_an_order_would_cost(api: Api, user: User) -> None:
    DeliveryMethodFactory.create(cost=3_000, free_from=50_000)
    coupon = CouponFactory.create(user=user)
    api.post(ITEMS, line(ProductFactory.create(price=10_000), 3))

    chosen = api.put(f"{CART}/coupon", {"coupon_id": coupon.pk})
    without = api.delete(f"{CART}/coupon")

    assert chosen.body["coupon"] == {
        "id": coupon.pk,
        "name": coupon.batch.name,
        "is_applied": True,
        "reason": None,
        "missing": {"amount": 0, "currency": "KRW"},
    }
    assert chosen.body["discount"]["amount"] == 3_000
    assert chosen.body["total"]["amount"] == 30_000
    assert without.body["total"]["amount"] == 33_000


def test_coupon_that_does_not_apply_says_what_is_missing(api: Api, user: User) -> None:
    batch = CouponBatchFactory.create(min_spend=50_000)
    coupon = CouponFactory.create(user=user, batch=batch)
    api.post(ITEMS, line(ProductFactory.create(price=10_000)))

    body = api.put(f"{CART}/coupon", {"coupon_id": coupon.pk}).body

    assert body["coupon"]["reason"] == "below_min_spend"
    assert body["coupon"]["missing"]["amount"] == 40_000
    assert body["discount"]["amount"] == 0


def test_coupon_of_somebody_else_is_not_there(api: Api, guest: Api) -> None:
    coupon = CouponFactory.create()

    foreign = api.put(f"{CART}/coupon", {"coupon_id": coupon.pk})
    anonymous = guest.put(f"{CART}/coupon", {"coupon_id": coupon.pk})

    assert foreign.code == "coupon_not_found"
    assert anonymous.code == "not_authenticated"


def test_lines_say_what_is_wrong_with_them(api: Api) -> None:
    gone, dearer, short = (ProductFactory.create(price=100) for _ in range(3))
    for product in (gone, dearer, short):
        api.post(ITEMS, line(product, 9))
    catalog.unpublish(product_id=gone.pk)
    catalog.change_price(product_id=dearer.pk, price=110, cause="x", actor_id=None)
    api.patch(f"{ITEMS}/{short.pk}", {"quantity": 11})

    body = api.get(CART).body

    assert [item["problem"] for item in body["items"]] == [
        "product_unavailable",
        "price_changed",
        "insufficient_stock",
    ]
    assert body["can_check_out"] is False
    assert body["subtotal"]["amount"] == 110 * 9 + 100 * 11


def test_only_products_on_sale_go_in(api: Api) -> None:
    later = ProductFactory.create(published_at=timezone.now() + timedelta(days=1))

    answer = api.post(ITEMS, line(later))

    assert (answer.status, answer.code) == (404, "product_not_found")
    assert not CartItem.objects.exists()


def test_carts_of_two_people_never_meet(api: Api, other: Api) -> None:
    product = ProductFactory.create()
    api.post(ITEMS, line(product))

    assert other.get(CART).body["items"] == []
    assert other.patch(f"{ITEMS}/{product.pk}", {"quantity": 2}).status == 404
    assert CartItem.objects.get().quantity == 1


def test_order_takes_what_is_selected_and_leaves_the_rest(api: Api, user: User) -> None:
    jar, cup, aside = (ProductFactory.create(price=price) for price in (500, 70, 9))
    api.put(CART, {"items": [line(jar), line(cup), line(aside)]})
    api.patch(f"{CART}/items/{cup.pk}", {"selected": False})

    cart = api.patch(f"{CART}/items/{aside.pk}", {"saved": True}).body

    shown = {item["product_id"]: item["selected"] for item in cart["items"]}
    assert shown == {jar.pk: True, cup.pk: False}
    assert [item["product_id"] for item in cart["saved"]] == [aside.pk]
    assert cart["subtotal"]["amount"] == 500
    placed = api.post("/api/v1/orders", {"from_cart": True})
    assert placed.status == 201
    assert [item["product_id"] for item in placed.body["items"]] == [jar.pk]
    left = api.get(CART).body
    assert [item["product_id"] for item in left["items"]] == [cup.pk]
    assert [item["product_id"] for item in left["saved"]] == [aside.pk]
    assert left["can_check_out"] is False


def test_everything_is_selected_at_once(api: Api) -> None:
    products = ProductFactory.create_batch(2)
    api.put(CART, {"items": [line(product) for product in products]})

    none = api.put(f"{CART}/selection", {"selected": False}).body
    everything = api.put(f"{CART}/selection", {"selected": True}).body

    assert [item["selected"] for item in none["items"]] == [False, False]
    assert (none["total"]["amount"], none["can_check_out"]) == (0, False)
    assert [item["selected"] for item in everything["items"]] == [True, True]
    assert everything["can_check_out"] is True


def test_unselected_product_still_tells_what_is_wrong_with_it(api: Api) -> None:
    short, gone, fine = (ProductFactory.create(stock_on_hand=3) for _ in range(3))
    items = [line(product, 2) for product in (short, gone, fine)]
    api.put(CART, {"items": items})
    api.put(f"{CART}/selection", {"selected": False})
    inventory.adjust(
        product_id=short.pk,
        kind=MovementKind.DAMAGED,
        delta=-2,
        reason="gone",
        actor_id=None,
    )
    Product.objects.filter(pk=gone.pk).update(published_at=None)

    shown = {item["product_id"]: item for item in api.get(CART).body["items"]}

    assert {key: item["problem"] for key, item in shown.items()} == {
        short.pk: "insufficient_stock",
        gone.pk: "product_unavailable",
        fine.pk: None,
    }
    assert (shown[short.pk]["available"], shown[gone.pk]["available"]) == (1, 0)


def test_change_of_nothing_is_refused(api: Api) -> None:
    jar = ProductFactory.create()
    api.put(CART, {"items": [line(jar)]})

    answer = api.patch(f"{CART}/items/{jar.pk}", {})

    assert answer.status == 400


def test_guests_cart_is_taken_along_once(api: Api, guest: Api, user: User) -> None:
    cup, pot = ProductFactory.create_batch(2, stock_on_hand=5)
    token = guest.post(ITEMS, line(cup, 4)).header("X-Cart-Token")
    guest.post(ITEMS, line(pot), X_Cart_Token=token)
    api.post(ITEMS, line(cup, 3))

    merged = api.post(f"{CART}/merge", X_Cart_Token=token)
    again = api.post(f"{CART}/merge", X_Cart_Token=token)

    told = ("products", "cut", "left_out")
    assert [merged.body[name] for name in told] == [2, 1, 0]
    assert [again.body[name] for name in told] == [0, 0, 0]
    items = merged.body["cart"]["items"]
    assert {one["product_id"]: one["quantity"] for one in items} == {
        cup.pk: 5,
        pot.pk: 1,
    }
    assert Cart.objects.get().user == user


def test_merging_takes_a_token_and_a_sign_in(api: Api, guest: Api) -> None:
    token = guest.post(ITEMS, line(ProductFactory.create())).header("X-Cart-Token")

    answers = [
        api.post(f"{CART}/merge"),
        api.post(f"{CART}/merge", X_Cart_Token="x"),
        guest.post(f"{CART}/merge", X_Cart_Token=token),
    ]

    assert [one.code for one in answers] == [
        "cart_token_invalid",
        "cart_token_invalid",
        "not_authenticated",
    ]
    assert CartItem.objects.get().cart.user is None


def test_cart_gathers_what_stands_in_the_way(api: Api, user: User) -> None:
    cup = ProductFactory.create(stock_on_hand=2, price=1_000)
    gone = ProductFactory.create()
    batch = CouponBatchFactory.create(min_spend=10**6)
    coupon = CouponFactory.create(user=user, batch=batch)
    api.post(ITEMS, line(cup, 3))
    api.post(ITEMS, line(gone))
    Product.objects.filter(pk=gone.pk).update(published_at=None)

    body = api.put(f"{CART}/coupon", {"coupon_id": coupon.pk}).body

    assert body["warnings"] == [
        {"code": "insufficient_stock", "product_id": cup.pk},
        {"code": "product_unavailable", "product_id": gone.pk},
        {"code": "coupon_not_applicable", "product_id": None},
    ]
