from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.idp.oidc.models import Client as ThirdParty
from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

from accounts import care
from accounts.models import User
from analytics import recommendations, segments
from analytics.models import ItemPair, PairKind
from cart import services as carts
from cart.models import Cart
from catalog import revisions
from catalog.messages import Update
from catalog.models import FruitlessSearch, Phrase, ProductGroup, SynonymGroup
from catalog.price_rules import NewPrice
from checkout import services as checkout
from checkout.services import Purchase
from common import audit
from common.admin import ReadOnlyAdmin
from inventory.sources import count_refused, take
from notifications import services as notifications
from notifications.models import ChannelState
from outbox.models import Dispatch
from points import corrections
from tests.admin.bulk import many_orders
from tests.factories import (
    PASSWORD,
    AddressFactory,
    PickupPointFactory,
    ProductFactory,
    RateFactory,
    StaffFactory,
    UserFactory,
)
from tests.notifications.events import event
from tests.shops import Shop, busy_shop
from tests.standing import standing
from webhooks import services as webhooks
from wishlist import services as wishlists

pytestmark = pytest.mark.django_db

OURS = {
    model._meta.label: model_admin
    for model, model_admin in admin.site._registry.items()
    if model._meta.app_label not in {"account", "auth"}
}
EXPECTED = {
    "accounts.Address",
    "accounts.CustomerNote",
    "accounts.User",
    "admin.LogEntry",
    "analytics.DailySales",
    "cart.Cart",
    "catalog.Category",
    "catalog.FruitlessSearch",
    "catalog.Product",
    "catalog.ProductGroup",
    "catalog.SynonymGroup",
    "common.IdempotencyRecord",
    "coupons.Coupon",
    "coupons.CouponBatch",
    "delivery.DeliveryMethod",
    "inventory.RefusedMessages",
    "inventory.SourceVersion",
    "inventory.Stock",
    "inventory.StockMovement",
    "notifications.ChannelState",
    "notifications.Message",
    "notifications.Notification",
    "orders.Order",
    "orders.Return",
    "outbox.Dispatch",
    "outbox.Event",
    "payments.Payment",
    "payments.ProviderEvent",
    "payments.Refund",
    "payments.RefundLeg",
    "points.LedgerEntry",
    "points.PointAccount",
    "points.PointCorrection",
    "promotions.Campaign",
    "promotions.Promotion",
    "promotions.PromotionUse",
    "reviews.Review",
    "webhooks.Endpoint",
    "wishlist.WishlistItem",
}
READ_ONLY = {
    label
    for label, model_admin in OURS.items()
    if isinstance(model_admin, ReadOnlyAdmin)
}
ROWS = 60  # more than a page shows
BUDGET = 12


def whole_shop() -> Shop:
    shop = busy_shop()
    AddressFactory.create(user=shop.user)
    RateFactory.create()
    PickupPointFactory.create()
    ProductGroup.objects.create(name="Mugs")
    SynonymGroup.objects.create(words=["mug", "cup"])
    Phrase.objects.create(source="Kitchen", language="ko", text="주방")
    FruitlessSearch.objects.create(text="mgu", times=2, last_at=timezone.now())
    notifications.tell([event("order.paid", user_id=shop.user.pk)])
    ChannelState.objects.create(channel="email")
    said = ProductFactory.create(sku="SAID-1", stock_on_hand=50)
    take(Update(said.sku, "erp", version=1, counted_at=timezone.now(), price=9_000))
    count_refused(code="not_json", reason="it is no JSON")
    price = NewPrice(said.pk, said.sku, said.name, 9_000, 8_000)
    revisions.make([price], rule="to 8000", reason="autumn", actor_id=None)
    basket = carts.of_user(shop.user.pk)
    carts.add(cart_id=basket.pk, product_id=ProductFactory.create().pk, quantity=2)
    webhooks.create(url="https://erp.example/hook", topics=["order.*"])
    ThirdParty.objects.create(name="Ledger app", owner=shop.user)
    segments.sort_customers()
    recommendations.make_all()
    other = ProductFactory.create()
    wishlists.save(user_id=shop.user.pk, product_id=other.pk)
    clerk = StaffFactory.create()
    care.write_note(user_id=shop.user.pk, text="Calls on Mondays", author_id=clerk.pk)
    corrections.ask(user_id=shop.user.pk, amount=5, reason="late", actor_id=clerk.pk)
    audit.write(other, actor_id=clerk.pk, action="Adjust stock")
    ItemPair.objects.create(
        product=said, other=other, kind=PairKind.BOUGHT, together=9, score=1.5
    )
    return shop


@pytest.fixture(scope="module")
def standing_shop(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Callable[[], Shop]]:
    with standing(whole_shop, django_db_blocker) as shop:
        yield shop


@pytest.fixture
def shop(standing_shop: Callable[[], Shop]) -> Shop:
    return standing_shop()


def url(model_admin: "ModelAdmin[Any]", page: str, *args: Any) -> str:
    meta = model_admin.model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def test_everything_staff_need_is_there() -> None:
    assert set(OURS) >= EXPECTED


def test_staff_sign_in_with_their_e_mail_address(client: Client) -> None:
    StaffFactory.create(email="boss@example.com")

    response = client.post(
        "/admin/login/", {"username": "Boss@example.com", "password": PASSWORD}
    )

    assert response.status_code == 302
    assert client.get("/admin/").status_code == 200


def test_shopper_does_not_get_in(client: Client) -> None:
    client.force_login(UserFactory.create())

    assert client.get("/admin/").status_code == 302
    assert client.get("/admin/orders/order/").status_code == 302


@pytest.mark.parametrize("label", sorted(OURS))
def test_list_and_page_open(label: str, shop: Shop, boss: User, client: Client) -> None:
    model_admin = OURS[label]
    obj = model_admin.model._default_manager.first()
    assert obj is not None

    listed = client.get(url(model_admin, "changelist"))
    opened = client.get(url(model_admin, "change", obj.pk))

    assert listed.status_code == opened.status_code == 200
    assert "style=" not in opened.content.decode()


@pytest.mark.parametrize("label", sorted(OURS))
def test_list_can_be_searched(
    label: str, shop: Shop, boss: User, client: Client
) -> None:
    response = client.get(url(OURS[label], "changelist"), {"q": "x"})

    assert response.status_code == 200


@pytest.mark.parametrize("label", sorted(set(OURS) - READ_ONLY))
def test_page_to_add_opens(label: str, boss: User, client: Client) -> None:
    assert client.get(url(OURS[label], "add")).status_code == 200


@pytest.mark.parametrize("label", sorted(READ_ONLY))
def test_read_only_model_refuses_changes_even_of_a_superuser(
    label: str, shop: Shop, boss: User, client: Client
) -> None:
    model_admin = OURS[label]
    obj = model_admin.model._default_manager.first()
    assert obj is not None
    before = model_admin.model._default_manager.filter(pk=obj.pk).values().get()

    refused = [
        client.post(url(model_admin, "change", obj.pk), {"status": "paid"}),
        client.post(url(model_admin, "delete", obj.pk), {"post": "yes"}),
        client.get(url(model_admin, "add")),
        client.post(url(model_admin, "add"), {}),
    ]

    assert [response.status_code for response in refused] == [403] * 4
    after = model_admin.model._default_manager.filter(pk=obj.pk).values().get()
    assert after == before


def test_the_books_are_read_only() -> None:
    assert {
        "points.PointAccount",
        "points.LedgerEntry",
        "inventory.StockMovement",
        "orders.Order",
        "orders.Return",
        "payments.Payment",
        "payments.Refund",
        "coupons.Coupon",
        "outbox.Event",
        "outbox.Dispatch",
        "reviews.Review",
    } <= READ_ONLY


@pytest.mark.parametrize("label", sorted(OURS))
def test_no_action_is_free_for_all(label: str) -> None:
    model_admin = OURS[label]

    for name in model_admin.actions or []:
        assert getattr(getattr(model_admin, str(name)), "allowed_permissions", None)


def test_staff_without_permissions_see_nothing(shop: Shop, client: Client) -> None:
    client.force_login(UserFactory.create(is_staff=True))

    codes = {
        client.get(url(model_admin, "changelist")).status_code
        for model_admin in OURS.values()
    }

    assert codes == {403}
    assert "Revenue" not in client.get("/admin/").content.decode()


def many_rows(shop: Shop) -> None:
    """Give every table that grows with the shop more rows than a page shows."""
    for number in range(ROWS):
        user = UserFactory.create(points=1000 + number)
        AddressFactory.create(user=user)
        Cart.objects.create(user=user)
    product = ProductFactory.create(stock_on_hand=10 * ROWS, price=777)

    for _number in range(ROWS):
        checkout.place_and_pay(
            Purchase(
                user_id=shop.user.pk,
                email=shop.user.email,
                quantities={product.pk: 1},
            )
        )
        ProductFactory.create()


@pytest.fixture(scope="module")
def statement_counts(
    standing_shop: Callable[[], Shop], django_db_blocker: DjangoDbBlocker
) -> dict[str, tuple[int, int]]:
    """Open every list of a shop with 20,000 orders: label → (rows, statements)."""
    counts = {}
    with django_db_blocker.unblock(), transaction.atomic():
        shop = standing_shop()
        many_rows(shop)
        many_orders(shop.orders["paid"])
        client = Client()
        client.force_login(StaffFactory.create())
        for label, model_admin in OURS.items():
            with CaptureQueriesContext(connection) as queries:
                response = client.get(url(model_admin, "changelist"))
            rows = len(response.context["cl"].result_list)
            counts[label] = (rows, len(queries))
        transaction.set_rollback(True)
    return counts


@pytest.mark.parametrize("label", sorted(OURS))
def test_list_of_many_rows_needs_few_statements(
    label: str, statement_counts: dict[str, tuple[int, int]]
) -> None:
    rows, statements = statement_counts[label]

    assert statements <= BUDGET, f"{rows} rows"


def test_lists_above_were_full(statement_counts: dict[str, tuple[int, int]]) -> None:
    for listed, (shown, statements) in sorted(statement_counts.items()):
        print(f"{listed:<32} {shown:>3} rows {statements:>3} statements")  # noqa: T201
    full = {label for label, (rows, _) in statement_counts.items() if rows == 50}

    assert full >= {
        "accounts.Address",
        "accounts.User",
        "cart.Cart",
        "catalog.Product",
        "inventory.Stock",
        "inventory.StockMovement",
        "orders.Order",
        "outbox.Dispatch",
        "outbox.Event",
        "payments.Payment",
        "points.LedgerEntry",
        "points.PointAccount",
    }


def test_dashboard_shows_today_and_what_needs_somebody(
    shop: Shop, boss: User, client: Client
) -> None:
    Dispatch.objects.update(delivered_at=None, dead_at="2026-01-01T00:00Z")

    response = client.get("/admin/")

    page = response.content.decode()
    figures = {item.label: item.today for item in response.context["figures"]}
    assert figures["Paid orders"] == "10"
    assert len(response.context["chart"].bars) == 30
    assert {label: count for label, count, _ in response.context["attention"]} == {
        "Unpaid orders about to expire": 0,
        "Paid over a day ago, not shipped": 0,
        "Returns waiting for an answer or a parcel": 1,
        "Products low in stock": 2,
        "Messages late or given up": Dispatch.objects.count(),
        "Webhooks given up": 0,
        "Letters and texts that failed": 0,
        "Money taken that bought nothing": 0,
        # The test provider has never heard of the payment that came too late.
        "Refunds that a provider refused": 1,
        "Messages about money that fit nothing": 0,
        "Points waiting for a second person": 0,
        # One waits, and one was reported.
        "Reviews to moderate": 2,
    }
    assert "<svg" in page
    assert "<details>" in page
    assert "style=" not in page


def test_dashboard_needs_few_statements(shop: Shop, boss: User, client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get("/admin/")

    # One of them notes the device, which is new with this session.
    assert len(queries) <= 28


def test_admin_pages_keep_the_content_security_policy(
    shop: Shop, boss: User, client: Client
) -> None:
    response = client.get("/admin/orders/order/")

    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "style-src 'self'" in policy
