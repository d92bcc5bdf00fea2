"""Products entered, changed, priced, stocked and archived by staff."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.base import File
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from accounts.models import User
from catalog.models import PriceChange, Product, ProductPhoto, ProductText
from inventory.models import Stock, StockMovement
from orders.models import Order
from outbox.models import Event
from tests.api.client import Answer, Api
from tests.api.paying import order_of
from tests.factories import CategoryFactory, ProductFactory, UserFactory
from tests.reviewing import image

pytestmark = pytest.mark.django_db
PRODUCTS, SHEETS = "/api/v1/products", "/api/v1/product-sheets"


def cup(**changes: Any) -> dict[str, Any]:
    return {
        "sku": "CUP-1",
        "name": "Celadon cup",
        "description": "Thrown by hand.",
        "category_id": CategoryFactory.create().pk,
        "price": 24_000,
        "options": {"size": "S"},
        "weight_grams": 220,
        "texts": {"ko": {"name": "청자 컵"}, "ru": {"name": "Чашка"}},
        "reason": "autumn",
        **changes,
    }


def etag(staff: Api, product_id: int) -> str:
    return staff.get(f"{SHEETS}/{product_id}").header("ETag")


def patch(staff: Api, product: Product | int, **changes: Any) -> Answer:
    product_id = product if isinstance(product, int) else product.pk
    body = {"reason": "because", **changes}
    match = etag(staff, product_id)
    return staff.patch(f"{PRODUCTS}/{product_id}", body, If_Match=match)


def told(product_id: int) -> list[str]:
    events = Event.objects.filter(
        aggregate=f"product/{product_id}", topic__startswith="product."
    ).order_by("pk")
    return list(events.values_list("topic", flat=True))


def upload(staff: Api, product: Product, content: bytes, alt: str = "A cup") -> Answer:
    photo: File[bytes] = SimpleUploadedFile("cup.jpg", content, "image/jpeg")
    body = encode_multipart(BOUNDARY, {"photo": photo, "alt": alt})
    path = f"{PRODUCTS}/{product.pk}/photos"
    return staff.send("POST", path, body, content_type=MULTIPART_CONTENT)


# --- Entering ------------------------------------------------------------------------


def test_product_is_entered_as_a_draft_in_three_languages(
    staff: Api, guest: Api
) -> None:
    answer = staff.post(PRODUCTS, cup())

    assert answer.status == 201, answer.body
    body = answer.body
    assert (body["state"], body["slug"]) == ("draft", "celadon-cup")
    assert body["price"] == {"amount": 24_000, "currency": "KRW"}
    assert body["texts"]["ko"] == {"name": "청자 컵", "description": ""}
    assert answer.header("Location") == f"{SHEETS}/{body['id']}"
    assert answer.header("ETag") == etag(staff, body["id"])
    assert staff.get(f"{SHEETS}/{body['id']}").body == body
    assert guest.get(f"{PRODUCTS}/{body['id']}").code == "product_not_found"
    assert told(body["id"]) == ["product.changed"]
    assert "autumn" in LogEntry.objects.get().change_message


def test_published_product_is_on_sale_at_once(staff: Api, guest: Api) -> None:
    made = staff.post(PRODUCTS, cup(is_published=True)).body

    shown = guest.get(f"{PRODUCTS}/{made['id']}", Accept_Language="ko")

    assert (shown.status, shown.body["name"]) == (200, "청자 컵")
    assert shown.body["available"] == 0


def test_same_key_enters_one_product(staff: Api) -> None:
    body = cup()

    first, again = (staff.post(PRODUCTS, body, Idempotency_Key="k") for _ in range(2))

    assert first.body == again.body
    assert Product.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"sku": "TAKEN"}, 409, "sku_taken"),
        ({"category_id": 2**40}, 400, "shelf_not_found"),
        ({"group_id": 2**40}, 400, "shelf_not_found"),
        ({"compare_at_price": 24_000}, 400, "compare_at_price_invalid"),
        ({"texts": {"de": {"name": "Tasse"}}}, 400, "invalid"),
        ({"texts": {"ko": {"description": "x"}}}, 400, "invalid"),
        ({"options": {"x" * 61: "y"}}, 400, "invalid"),
        ({"options": {"size": 5}}, 400, "invalid"),
        ({"slug": "no slug!"}, 400, "invalid"),
        ({"price": 0}, 400, "invalid"),
        ({"reason": ""}, 400, "invalid"),
        ({"weight_grams": 2**31}, 400, "invalid"),
    ],
)
def test_what_makes_no_sense_is_refused(
    staff: Api, changes: dict[str, Any], status: int, code: str
) -> None:
    ProductFactory.create(sku="TAKEN")

    answer = staff.post(PRODUCTS, cup(**changes))

    assert (answer.status, answer.code) == (status, code)
    assert Product.objects.count() == 1
    assert not ProductText.objects.exists()
    assert not LogEntry.objects.exists()


# --- Changing ------------------------------------------------------------------------


def test_product_is_changed_in_parts(staff: Api) -> None:
    product = ProductFactory.create(name="Cup", options={"size": "S"})
    ProductText.objects.create(product=product, language="ru", name="Чашка")

    answer = patch(
        staff,
        product,
        name="Mug",
        options={"size": "M"},
        texts={"ko": {"name": "머그"}, "ru": None},
    )

    assert answer.status == 200, answer.body
    assert (answer.body["name"], answer.body["options"]) == ("Mug", {"size": "M"})
    assert answer.body["sku"] == product.sku
    assert answer.body["texts"] == {"ko": {"name": "머그", "description": ""}}
    assert answer.header("ETag") == etag(staff, product.pk)
    event = Event.objects.get(topic="product.changed")
    product.refresh_from_db()
    assert event.payload["name"] == "Mug"
    assert event.payload["version"] == product.version


def test_what_changes_nothing_tells_nobody(staff: Api) -> None:
    product = ProductFactory.create(name="Cup")

    answer = patch(staff, product, name="Cup", is_published=True)

    assert answer.status == 200
    assert told(product.pk) == []


def test_change_has_to_say_what_it_is_based_on(staff: Api) -> None:
    product = ProductFactory.create(name="Cup")
    path, body = f"{PRODUCTS}/{product.pk}", {"name": "Mug", "reason": "x"}
    seen = etag(staff, product.pk)

    blind = staff.patch(path, body)
    assert patch(staff, product, name="Bowl").status == 200
    late = staff.patch(path, body, If_Match=seen)

    assert (blind.status, blind.code) == (428, "precondition_required")
    assert (late.status, late.code) == (412, "precondition_failed")
    assert late.body["etag"] == etag(staff, product.pk)
    product.refresh_from_db()
    assert product.name == "Bowl"


def test_sale_does_not_stand_in_the_way_of_a_change(staff: Api, user: User) -> None:
    order = order_of(user)
    product = Product.objects.get(order_lines__order=order)
    seen = etag(staff, product.pk)
    order_of(user)

    answer = staff.patch(
        f"{PRODUCTS}/{product.pk}", {"name": "Mug", "reason": "x"}, If_Match=seen
    )

    assert answer.status == 200
    # Orders keep the name they had.
    assert order.lines.get().name != "Mug"


def test_product_is_published_and_taken_off_sale(staff: Api, guest: Api) -> None:
    product = ProductFactory.create(published_at=None)
    path = f"{PRODUCTS}/{product.pk}"

    assert patch(staff, product, is_published=True).body["state"] == "on_sale"
    assert guest.get(path).status == 200
    assert patch(staff, product, is_published=False).body["state"] == "draft"
    assert guest.get(path).status == 404
    assert told(product.pk) == ["product.changed"] * 2


# --- Archiving -----------------------------------------------------------------------


def test_archived_product_is_gone_for_shoppers_and_kept_in_orders(
    staff: Api, guest: Api, api: Api, order: Order
) -> None:
    product = Product.objects.get(order_lines__order=order)
    path = f"{PRODUCTS}/{product.pk}?reason=discontinued"

    answers = [staff.delete(path).status for _ in range(2)]

    assert answers == [204, 204]
    assert guest.get(f"{PRODUCTS}/{product.pk}").code == "product_gone"
    shown = api.get(f"/api/v1/orders/{order.pk}").body["items"][0]
    assert shown["product_id"] == product.pk
    assert staff.get(f"{SHEETS}/{product.pk}").body["state"] == "archived"
    assert told(product.pk) == ["product.changed"]
    assert LogEntry.objects.count() == 1


def test_archived_product_can_come_back(staff: Api, guest: Api) -> None:
    product = ProductFactory.create()
    staff.delete(f"{PRODUCTS}/{product.pk}?reason=x")

    answer = patch(staff, product, is_published=True)

    assert answer.body["state"] == "on_sale"
    assert answer.body["archived_at"] is None
    assert guest.get(f"{PRODUCTS}/{product.pk}").status == 200


def test_archiving_takes_a_reason_and_a_product(staff: Api) -> None:
    product = ProductFactory.create()

    blind = staff.delete(f"{PRODUCTS}/{product.pk}")
    unknown = staff.delete(f"{PRODUCTS}/{2**40}?reason=x")

    assert (blind.status, blind.pointers) == (400, ["reason"])
    assert unknown.code == "product_not_found"
    product.refresh_from_db()
    assert product.archived_at is None


# --- Price ---------------------------------------------------------------------------


def price(staff: Api, product: Product, **body: Any) -> Answer:
    match = etag(staff, product.pk)
    return staff.put(f"{PRODUCTS}/{product.pk}/price", body, If_Match=match)


def test_price_has_a_history_and_an_author(staff: Api) -> None:
    product = ProductFactory.create(price=10_000)

    answer = price(
        staff, product, price=8_000, compare_at_price=10_000, reason="winter sale"
    )

    assert answer.status == 200, answer.body
    assert answer.body["price"]["amount"] == 8_000
    assert answer.body["compare_at_price"]["amount"] == 10_000
    [change] = PriceChange.objects.all()
    assert (change.old_price, change.new_price) == (10_000, 8_000)
    assert (change.cause, change.actor_id) == (
        "winter sale",
        LogEntry.objects.get().user_id,
    )
    assert told(product.pk) == [
        "product.changed",
        "product.price_changed",
        "product.changed",
    ]


def test_same_price_again_changes_nothing(staff: Api) -> None:
    product = ProductFactory.create(price=10_000)

    answer = price(staff, product, price=10_000, reason="x")

    assert answer.status == 200
    assert not PriceChange.objects.exists()
    assert told(product.pk) == []


def test_sale_ends_with_the_price_it_is_compared_with(staff: Api) -> None:
    product = ProductFactory.create(price=8_000, compare_at_price=10_000)

    answer = price(staff, product, price=10_000, reason="sale is over")

    assert answer.body["compare_at_price"] is None
    assert answer.body["price"]["amount"] == 10_000


def test_price_that_makes_no_sense_is_refused(staff: Api) -> None:
    product = ProductFactory.create(price=10_000)
    path = f"{PRODUCTS}/{product.pk}/price"

    dear = price(staff, product, price=8_000, compare_at_price=8_000, reason="x")
    nothing = price(staff, product, price=0, reason="x")
    silent = price(staff, product, price=8_000)
    blind = staff.put(path, {"price": 8_000, "reason": "x"})

    assert dear.code == "compare_at_price_invalid"
    assert (nothing.status, silent.pointers) == (400, ["#/reason"])
    assert blind.status == 428
    product.refresh_from_db()
    assert product.price == 10_000
    assert not PriceChange.objects.exists()


# --- Photos --------------------------------------------------------------------------


def test_photos_are_added_arranged_and_removed(staff: Api) -> None:
    product = ProductFactory.create()
    first = upload(staff, product, image(size=(900, 600)), "From above")
    upload(staff, product, image(size=(64, 48)), "From below")

    assert first.status == 201, first.body
    [shown] = first.body["photos"]
    assert (shown["alt"], shown["width"]) == ("From above", 800)
    above, below = ProductPhoto.objects.order_by("position")
    arranged = staff.put(
        f"{PRODUCTS}/{product.pk}/photos",
        {"photos": [{"id": below.pk}, {"id": above.pk, "alt": "Seen from above"}]},
    )
    assert [photo["alt"] for photo in arranged.body["photos"]] == [
        "From below",
        "Seen from above",
    ]
    for _ in range(2):
        path = f"{PRODUCTS}/{product.pk}/photos/{above.pk}"
        assert staff.delete(path).status == 204
    assert ProductPhoto.objects.get() == below
    assert told(product.pk) == ["product.changed"] * 4


def test_same_photo_again_is_the_one_that_is_there(staff: Api) -> None:
    product = ProductFactory.create()

    for _ in range(2):
        assert upload(staff, product, image()).status == 201

    assert product.photos.count() == 1


def test_photos_that_are_none_are_refused(staff: Api) -> None:
    product = ProductFactory.create()

    text = upload(staff, product, b"<svg onload='alert(1)'/>")
    silent = upload(staff, product, image(), alt="")
    stranger = ProductFactory.create()
    upload(staff, stranger, image())
    foreign = staff.put(
        f"{PRODUCTS}/{product.pk}/photos",
        {"photos": [{"id": ProductPhoto.objects.get().pk}]},
    )
    missing = staff.put(f"{PRODUCTS}/{stranger.pk}/photos", {"photos": []})

    assert text.code == "photo_not_a_picture"
    assert silent.status == 400
    assert foreign.code == "product_photo_not_found"
    assert (missing.status, missing.code) == (400, "photos_incomplete")
    assert product.photos.count() == 0


# --- Stock ---------------------------------------------------------------------------


def adjust(staff: Api, product: Product, **body: Any) -> Answer:
    return staff.post(f"{PRODUCTS}/{product.pk}/stock-adjustments", body)


def test_stock_is_adjusted_and_explained(staff: Api, guest: Api) -> None:
    product = ProductFactory.create(stock_on_hand=0)

    received = adjust(staff, product, kind="received", delta=40, reason="note 1183")
    adjust(staff, product, kind="damaged", delta=-3, reason="fell down")

    assert received.status == 201
    assert (received.body["on_hand"], received.body["available"]) == (40, 40)
    assert guest.get(f"{PRODUCTS}/{product.pk}/stock").body["available"] == 37
    page = staff.get(f"{PRODUCTS}/{product.pk}/stock-adjustments?limit=1").body
    rest = staff.get(page["next"]).body
    listed = [*page["items"], *rest["items"]]
    assert [(one["kind"], one["on_hand_delta"]) for one in listed] == [
        ("damaged", -3),
        ("received", 40),
    ]
    assert listed[1]["reason"] == "note 1183"
    assert listed[1]["actor_id"] is not None


def test_what_is_promised_cannot_be_taken_away(staff: Api, order: Order) -> None:
    product = Product.objects.get(order_lines__order=order)
    stock = Stock.objects.get(product=product)

    answer = adjust(
        staff, product, kind="damaged", delta=-stock.on_hand, reason="flood"
    )

    assert (answer.status, answer.code) == (409, "stock_below_reserved")
    assert answer.body["reserved"] == 1
    assert Stock.objects.get(product=product).on_hand == stock.on_hand


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "received", "delta": -1, "reason": "x"},
        {"kind": "damaged", "delta": 1, "reason": "x"},
        {"kind": "counted", "delta": 0, "reason": "x"},
        {"kind": "sold", "delta": -1, "reason": "x"},
        {"kind": "received", "delta": 1},
        {"kind": "received", "delta": "1", "reason": "x"},
    ],
)
def test_adjustment_that_makes_no_sense_is_refused(
    staff: Api, body: dict[str, Any]
) -> None:
    product = ProductFactory.create(stock_on_hand=0)

    assert adjust(staff, product, **body).status == 400

    assert not StockMovement.objects.exists()


def test_stock_of_no_product_is_not_found(staff: Api) -> None:
    path = f"{PRODUCTS}/{2**40}/stock-adjustments"

    assert staff.get(path).code == "product_not_found"
    body = {"kind": "received", "delta": 1, "reason": "x"}
    assert staff.post(path, body).code == "product_not_found"


# --- Lists, and who may --------------------------------------------------------------


def test_staff_list_products_of_every_state(staff: Api) -> None:
    on_sale = ProductFactory.create(name="Cup on sale")
    draft = ProductFactory.create(name="Cup to come", published_at=None)
    gone = ProductFactory.create(name="Cup of old")
    staff.delete(f"{PRODUCTS}/{gone.pk}?reason=x")

    def listed(query: str) -> list[int]:
        items = staff.get(f"{SHEETS}?{query}").body["items"]
        return [item["id"] for item in items]

    assert listed("") == [gone.pk, draft.pk, on_sale.pk]
    assert listed("state=draft") == [draft.pk]
    assert listed("state=on_sale") == [on_sale.pk]
    assert listed("state=archived") == [gone.pk]
    assert listed("q=to+come") == [draft.pk]
    assert listed(f"q={gone.sku.lower()}") == [gone.pk]
    page = staff.get(f"{SHEETS}?limit=2").body
    assert [one["id"] for one in staff.get(page["next"]).body["items"]] == [on_sale.pk]


def test_each_operation_takes_its_permission(api: Api, guest: Api) -> None:
    product = ProductFactory.create()
    own = f"{PRODUCTS}/{product.pk}"
    stock = {"kind": "received", "delta": 1, "reason": "x"}
    operations: list[tuple[str, str, Any, str]] = [
        ("GET", SHEETS, None, "view_product"),
        ("GET", f"{SHEETS}/{product.pk}", None, "view_product"),
        ("POST", PRODUCTS, cup(), "add_product"),
        ("PATCH", own, {"name": "x", "reason": "x"}, "change_product"),
        ("PUT", f"{own}/photos", {"photos": []}, "change_product"),
        ("DELETE", f"{own}/photos/1", None, "change_product"),
        ("PUT", f"{own}/price", {"price": 1, "reason": "x"}, "change_price"),
        ("POST", f"{own}/stock-adjustments", stock, "change_stock"),
        ("GET", f"{own}/stock-adjustments", None, "view_stockmovement"),
        ("DELETE", f"{own}?reason=x", None, "delete_product"),
    ]

    for method, path, body, permission in operations:
        clerk = UserFactory.create(is_staff=True)
        for stranger, status in ((guest, 401), (api, 403), (Api(clerk), 403)):
            answer = stranger.send(method, path, body, If_Match="*")
            assert answer.status == status, (method, path)
        clerk.user_permissions.add(Permission.objects.get(codename=permission))
        answer = Api(clerk).send(method, path, body, If_Match="*")
        assert answer.status < 300, (method, path, answer.body)
