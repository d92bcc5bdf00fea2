"""A seeded shop is one that could have come about."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from accounts.models import User
from analytics.models import DailySales
from catalog.models import Product, ProductText, SynonymGroup
from catalog.search import Asked, find
from catalog.texts import local
from coupons.models import Coupon, CouponBatch
from demo.catalogue import articles
from demo.logins import DANIEL, LOGINS, MINJI, STAFF, staff
from inventory.models import Stock
from orders import events
from orders.models import Order, OrderLine, OrderStatus
from outbox.models import Dispatch, Event
from payments.models import Payment, ProviderEvent, SandboxPayment
from points.models import LedgerEntry, PointAccount
from reviews.models import Review, ReviewPhoto
from reviews.selectors import to_review
from tests.books import assert_books_balance

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """One shop for all tests of this file; each test's own changes are undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        call_command("seed_demo", no_photos=True)
        yield
        transaction.set_rollback(True)


def test_the_books_balance(shop: None) -> None:
    assert_books_balance()


def test_every_status_can_be_seen(shop: None) -> None:
    seen = set(Order.objects.values_list("status", flat=True))
    minjis = Order.objects.filter(user__email=MINJI.email)

    assert seen == set(OrderStatus.values)
    assert set(minjis.values_list("status", flat=True)) == set(OrderStatus.values)


def test_stock_ends_as_the_catalogue_says(shop: None) -> None:
    wanted = {article.sku: article.stock for article in articles()}
    stocks = Stock.objects.select_related("product")
    left = {stock.product.sku: stock.available for stock in stocks}

    assert {sku for sku, stock in left.items() if stock == 0} == {
        sku for sku, stock in wanted.items() if stock == 0
    }
    scarce = {sku for sku, stock in wanted.items() if stock <= 5}
    assert {sku: left[sku] for sku in scarce} == {sku: wanted[sku] for sku in scarce}
    assert all(left[sku] >= stock for sku, stock in wanted.items())


def test_the_shop_speaks_each_language(shop: None) -> None:
    languages = {code for code, _name in settings.LANGUAGES[1:]}
    named = ProductText.objects.filter(product__sku="EL-302", language="ko")

    assert [text.name for text in named] == ["김밥 2인용 게임패드"]
    assert ProductText.objects.count() == len(languages) * Product.objects.count()
    assert local("Grocery", "ru") == "Продукты"
    assert local("First frost", "ko") == "첫서리 쿠폰"


def test_coupon_batches_are_at_every_stage(shop: None) -> None:
    now = timezone.now()
    batches = list(CouponBatch.objects.all())

    assert any(batch.is_open(now) and batch.left > 0 for batch in batches)
    assert any(batch.is_open(now) and batch.left == 0 for batch in batches)
    assert any(batch.opens_at > now for batch in batches)
    assert any(batch.valid_until < now for batch in batches)
    states = set(Coupon.objects.values_list("state", flat=True))
    assert {"issued", "used", "expired"} <= states


def test_the_shoppers_can_sign_in_and_spend(shop: None, client: Client) -> None:
    for login in LOGINS:
        assert client.login(username=login.email, password=login.password)
    for login in (MINJI, DANIEL):
        shopper = User.objects.get(email=login.email)
        assert PointAccount.objects.get(user=shopper).balance >= 50_000
        assert Coupon.objects.of_user(shopper.pk).usable().exists()


@pytest.mark.parametrize("role", STAFF)
def test_each_role_of_staff_has_somebody(shop: None, client: Client, role: str) -> None:
    login = staff(role)
    member = User.objects.get(email=login.email)

    assert client.login(username=login.email, password=login.password)
    assert client.get("/admin/").status_code == 200
    assert member.is_staff
    assert not member.is_superuser
    assert [group.name for group in member.groups.all()] == [role]


def test_no_role_is_without_a_login(shop: None) -> None:
    assert set(Group.objects.values_list("name", flat=True)) == {*STAFF}


def test_events_tell_what_the_shop_would_tell(shop: None) -> None:
    order = Order.objects.filter(
        status=OrderStatus.PAID, coupon_id__isnull=True
    ).first()
    assert order is not None
    event = Event.objects.get(topic="order.paid", aggregate=f"order/{order.pk}")

    assert event.payload == events.payload(order)
    assert not Dispatch.objects.waiting().exists()


def test_some_orders_were_paid_by_card(shop: None) -> None:
    cards = Payment.objects.outside()
    share = cards.count() / Payment.objects.values("order").distinct().count()
    mixed = cards.filter(order__payments__method="points")

    assert 0.05 < share < 0.15
    assert mixed.exists()
    assert cards.filter(refunded=F("amount")).exists()
    assert not ProviderEvent.objects.exclude(state="handled").exists()
    for payment in cards:
        book = SandboxPayment.objects.get(pk=payment.provider_reference)
        assert (book.amount, book.refunded) == (payment.amount, payment.refunded)


def test_sales_are_rolled_up(shop: None) -> None:
    sold = OrderLine.objects.filter(paid_at__isnull=False).aggregate(
        units=models.Sum("quantity")
    )
    rolled_up = DailySales.objects.aggregate(units=models.Sum("units"))

    assert rolled_up == sold


def test_each_word_of_a_synonym_finds_something(shop: None) -> None:
    groups = list(SynonymGroup.objects.values_list("words", flat=True))
    assert len(groups) > 5
    for words in groups:
        assert all(find(Asked(text=it, may_correct=False)).count for it in words), words


def test_buyers_say_what_they_think_and_staff_have_some_to_read(shop: None) -> None:
    written = Review.objects.all()
    minji = User.objects.get(email=MINJI.email)

    assert 200 <= written.count() <= 800
    assert {"pending", "published", "rejected"} == set(
        written.values_list("state", flat=True)
    )
    assert written.exclude(answer="").exists()
    assert written.filter(helpful_count__gt=3).exists()
    assert written.filter(open_reports=1).exists()
    assert ReviewPhoto.objects.count() > 5
    assert not written.filter(written_at__gt=timezone.now()).exists()
    assert {"published", "pending", "rejected"} == set(
        minji.reviews.values_list("state", flat=True)
    )
    assert to_review(minji.pk, limit=5)


def test_people_do_not_buy_before_they_come(shop: None) -> None:
    early = Order.objects.filter(placed_at__lt=models.F("user__created_at"))

    assert not early.exists()
    assert not LedgerEntry.objects.filter(
        created_at__gt=timezone.now() + timedelta(seconds=1)
    ).exists()


def test_new_orders_get_ids_of_their_own(shop: None) -> None:
    for model in (User, Product, OrderLine, Coupon):
        table = model._meta.db_table
        last = model._default_manager.order_by("pk").last()
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
            assert last is not None
            assert cursor.fetchone()[0] > last.pk
