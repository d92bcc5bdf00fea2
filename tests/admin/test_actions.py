from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from analytics.models import DailySales
from catalog.models import PriceChange, Product
from coupons.models import CouponBatch
from inventory.models import MovementKind, Stock, StockMovement
from outbox.models import Dispatch
from points import services as points
from points.models import EntryKind, LedgerEntry
from tests.admin.acting import act, told
from tests.books import assert_books_balance
from tests.factories import (
    CategoryFactory,
    CouponBatchFactory,
    ProductFactory,
    StaffFactory,
    UserFactory,
)
from tests.shops import Shop

pytestmark = pytest.mark.django_db

STOCK = "/admin/inventory/stock/"
PRODUCTS = "/admin/catalog/product/"
ACCOUNTS = "/admin/points/pointaccount/"
BATCHES = "/admin/coupons/couponbatch/"


# --- Stock ----------------------------------------------------------------------------


def test_stock_is_adjusted_with_a_reason(boss: User, client: Client) -> None:
    product = ProductFactory.create(stock_on_hand=10)

    act(client, STOCK, "adjust", product.pk, kind="damaged", delta=-3, reason="wet")

    assert Stock.objects.get(pk=product.pk).on_hand == 7
    movement = StockMovement.objects.latest("pk")
    assert (movement.kind, movement.on_hand_delta, movement.reason, movement.actor) == (
        MovementKind.DAMAGED,
        -3,
        "wet",
        boss,
    )


def test_stock_is_not_lowered_below_what_is_promised(
    shop: Shop, boss: User, client: Client
) -> None:
    stock = Stock.objects.filter(reserved__gt=0).first()
    assert stock is not None

    response = act(
        client,
        STOCK,
        "adjust",
        stock.pk,
        kind="counted",
        delta=-stock.on_hand,
        reason="lost",
    )

    assert "reserved for unpaid orders" in told(response)[0]
    assert Stock.objects.get(pk=stock.pk).on_hand == stock.on_hand


def test_stock_cannot_be_written_by_its_page(boss: User, client: Client) -> None:
    product = ProductFactory.create(stock_on_hand=10)

    client.post(f"{STOCK}{product.pk}/change/", {"on_hand": 99, "reserved": 9})

    stock = Stock.objects.get(pk=product.pk)
    assert (stock.on_hand, stock.reserved) == (10, 0)


def test_product_is_taken_into_stock_for_the_first_time(
    boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=0)

    response = client.post(
        f"{STOCK}add/", {"product": product.pk, "received": 5, "reason": "new"}
    )

    assert response.status_code == 302
    assert Stock.objects.get(pk=product.pk).on_hand == 5
    assert StockMovement.objects.get().actor == boss
    assert_books_balance()


def test_low_stock_filter_keeps_what_will_be_gone_soon(
    boss: User, client: Client
) -> None:
    low = ProductFactory.create(stock_on_hand=5)
    ProductFactory.create(stock_on_hand=6)

    listed = client.get(STOCK, {"level": "low"}).context["cl"].result_list

    assert [stock.product for stock in listed] == [low]


# --- Products -------------------------------------------------------------------------


def test_price_is_changed_with_a_reason(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000)

    act(client, PRODUCTS, "change_price", product.pk, price=9_000, reason="season")

    product.refresh_from_db()
    change = PriceChange.objects.get()
    assert product.price == 9_000
    assert (change.old_price, change.new_price, change.cause, change.actor) == (
        10_000,
        9_000,
        "season",
        boss,
    )


def test_same_price_is_refused(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000)

    response = act(
        client, PRODUCTS, "change_price", product.pk, price=10_000, reason="none"
    )

    assert "must be positive and differ" in told(response)[0]
    assert not PriceChange.objects.exists()


def test_product_form_keeps_the_price(boss: User, client: Client) -> None:
    product = ProductFactory.create(price=10_000, name="Mug")

    client.post(f"{PRODUCTS}{product.pk}/change/", product_form(product, price=1))

    product.refresh_from_db()
    assert (product.name, product.price) == ("Cup", 10_000)


def test_new_product_is_entered_with_its_price(boss: User, client: Client) -> None:
    product = ProductFactory.build(category=CategoryFactory.create(), price=4_500)

    response = client.post(f"{PRODUCTS}add/", product_form(product, price=4_500))

    assert response.status_code == 302
    entered = Product.objects.get(sku=product.sku)
    assert (entered.price, entered.published_at) == (4_500, None)


def product_form(product: Product, *, price: int) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "slug": product.slug,
        "name": "Cup",
        "price": price,
        "category": product.category_id,
        "options": "{}",
        "weight_grams": 0,
        **{
            f"{rows}-{name}_FORMS": 0
            for rows in ("texts", "photos", "price_changes")
            for name in ("TOTAL", "INITIAL")
        },
    }


def test_products_are_put_on_and_taken_off_sale(boss: User, client: Client) -> None:
    product = ProductFactory.create()

    act(client, PRODUCTS, "unpublish", product.pk)
    assert not Product.objects.on_sale().exists()
    act(client, PRODUCTS, "publish", product.pk)

    assert Product.objects.on_sale().get() == product


# --- Points, coupons, outbox, sales ---------------------------------------------------


def test_balance_is_adjusted_by_an_entry_with_a_reason(
    boss: User, client: Client
) -> None:
    user = UserFactory.create(points=500)

    for _twice in range(2):
        act(client, ACCOUNTS, "adjust", user.pk, amount=-200, reason="typo", key="k-1")

    assert points.balance_of(user.pk) == 300
    entry = LedgerEntry.objects.get(kind=EntryKind.ADJUST)
    assert (entry.amount, entry.reference) == (-200, "typo")
    assert_books_balance()


def test_balance_is_not_adjusted_below_zero(boss: User, client: Client) -> None:
    user = UserFactory.create(points=500)

    response = act(
        client, ACCOUNTS, "adjust", user.pk, amount=-501, reason="typo", key="k-1"
    )

    assert "You do not have enough points." in told(response)[0]
    assert points.balance_of(user.pk) == 500


def test_batch_is_paused_and_resumed(boss: User, client: Client) -> None:
    batch = CouponBatchFactory.create()

    act(client, BATCHES, "pause", batch.pk, reason="wrong price")
    assert not CouponBatch.objects.get().is_active
    act(client, BATCHES, "resume", batch.pk, reason="mended")

    assert CouponBatch.objects.get().is_active


def test_issued_batch_cannot_be_given_other_terms(
    shop: Shop, boss: User, client: Client
) -> None:
    batch = CouponBatch.objects.filter(issued__gt=0).latest("pk")

    client.post(f"{BATCHES}{batch.pk}/change/", {"name": "Renamed", "value": 99})

    after = CouponBatch.objects.get(pk=batch.pk)
    assert (after.name, after.value, after.quantity) == (
        "Renamed",
        batch.value,
        batch.quantity,
    )


def test_dead_message_is_sent_again(shop: Shop, boss: User, client: Client) -> None:
    dispatch = Dispatch.objects.latest("pk")
    Dispatch.objects.filter(pk=dispatch.pk).update(
        delivered_at=None,
        dead_at="2026-01-01T00:00Z",
        attempts=7,
        last_error="HTTP 400",
    )

    act(client, "/admin/outbox/dispatch/", "replay", dispatch.pk)

    dispatch.refresh_from_db()
    assert (dispatch.dead_at, dispatch.attempts, dispatch.last_error) == (None, 0, "")


def test_all_messages_that_a_filter_matches_are_sent_again(
    shop: Shop, boss: User, client: Client
) -> None:
    waiting = "notifications.tasks.tell"
    matching = Dispatch.objects.filter(subscriber=waiting)
    number = matching.count()
    matching.update(delivered_at=None, dead_at="2026-01-01T00:00Z", attempts=7)
    others = Dispatch.objects.exclude(subscriber=waiting)
    others_before = list(others.order_by("pk").values_list("pk", "attempts"))

    response = client.post(
        f"/admin/outbox/dispatch/?state=dead&subscriber={waiting}",
        {
            "action": "replay",
            "select_across": "1",
            "_selected_action": [str(matching[0].pk)],
        },
    )

    assert number > 1
    assert told(response) == [f"{number} messages are sent again."]  # type: ignore[arg-type]
    assert not matching.exclude(attempts=0, dead_at=None).exists()
    after = list(others.order_by("pk").values_list("pk", "attempts"))
    assert after == others_before
    assert LogEntry.objects.filter(user=boss).count() == number


def test_day_is_rolled_up_again(shop: Shop, boss: User, client: Client) -> None:
    sales = DailySales.objects.latest("pk")
    DailySales.objects.filter(pk=sales.pk).update(units=999)

    response = act(client, "/admin/analytics/dailysales/", "roll_up_again", sales.pk)

    assert told(response) == ["Days rolled up again: 1. Rows that differed: 1."]
    assert DailySales.objects.get(pk=sales.pk).units == sales.units


# --- People ---------------------------------------------------------------------------


def test_user_is_entered_by_e_mail_address(boss: User, client: Client) -> None:
    response = client.post(
        "/admin/accounts/user/add/",
        {
            "email": "New@Example.com",
            "usable_password": "true",
            "password1": "correct horse battery",
            "password2": "correct horse battery",
        },
    )

    assert response.status_code == 302
    assert User.objects.get(email="new@example.com").check_password(
        "correct horse battery"
    )


def test_staff_cannot_give_themselves_powers(client: Client) -> None:
    staff = UserFactory.create(is_staff=True)
    staff.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user"])
    )
    client.force_login(staff)

    client.post(
        f"/admin/accounts/user/{staff.pk}/change/",
        {
            "email": staff.email,
            "language": "en",
            "is_active": "on",
            "is_staff": "on",
            "is_superuser": "on",
            "addresses-TOTAL_FORMS": 0,
            "addresses-INITIAL_FORMS": 0,
        },
    )

    staff.refresh_from_db()
    assert not staff.is_superuser


def test_staff_cannot_change_a_superuser(client: Client) -> None:
    boss, staff = StaffFactory.create(), UserFactory.create(is_staff=True)
    staff.user_permissions.set(
        Permission.objects.filter(codename__in=["view_user", "change_user"])
    )
    client.force_login(staff)

    page = client.post(f"/admin/accounts/user/{boss.pk}/change/", {"email": "x@x.kr"})
    password = client.post(
        f"/admin/accounts/user/{boss.pk}/password/",
        {"password1": "another horse", "password2": "another horse"},
    )

    assert (page.status_code, password.status_code) == (403, 403)
    boss.refresh_from_db()
    assert boss.check_password("correct horse battery")
