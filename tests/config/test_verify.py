import json
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django.plugin import DjangoDbBlocker

from analytics.models import DailySales
from analytics.services import mark_dirty
from config.invariants import INVARIANTS
from points.services import HASH_SQL
from tests.books import assert_books_balance, violations
from tests.config.money_corruptions import MONEY_CORRUPTIONS
from tests.config.personal_corruptions import PERSONAL_CORRUPTIONS
from tests.config.promotion_corruptions import PROMOTION_CORRUPTIONS
from tests.config.review_corruptions import REVIEW_CORRUPTIONS
from tests.config.stock_corruptions import STOCK_CORRUPTIONS
from tests.shops import Shop, busy_shop
from tests.standing import standing

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def standing_shop(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Callable[[], Shop]]:
    with standing(busy_shop, django_db_blocker) as shop:
        yield shop


@pytest.fixture
def shop(standing_shop: Callable[[], Shop]) -> Shop:
    return standing_shop()


def plant(shop: Shop, sql: str) -> None:
    """Write past every trigger and foreign key, as nobody should be able to."""
    values: dict[str, str | int] = {
        name: str(order_id) for name, order_id in shop.orders.items()
    }
    values |= {"user": shop.user.pk, "other": shop.other.pk}
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        for statement in sql.split(";"):
            cursor.execute(statement, values)
            assert cursor.rowcount != 0, statement
        cursor.execute("SET LOCAL session_replication_role = origin")


def test_shop_that_was_run_by_its_services_is_clean(shop: Shop) -> None:
    assert_books_balance()


CORRUPTIONS = {
    **STOCK_CORRUPTIONS,
    **MONEY_CORRUPTIONS,
    **REVIEW_CORRUPTIONS,
    **PROMOTION_CORRUPTIONS,
    **PERSONAL_CORRUPTIONS,
    "balance raised": (
        """
        UPDATE points_pointaccount SET balance = balance + 1
        """,
        {"I1"},
    ),
    "charge made bigger": (
        """
        UPDATE points_ledgerentry SET amount = amount - 1 WHERE sequence = 1
        """,
        {"I1", "I2", "I2c"},
    ),
    "account's count raised": (
        """
        UPDATE points_pointaccount SET last_sequence = last_sequence + 1
        """,
        {"I2"},
    ),
    "entry removed, balance and sequences put right": (
        """
        ALTER TABLE points_ledgerentry
           DROP CONSTRAINT ledger_entry_sequence_once;
        DELETE FROM points_ledgerentry WHERE kind = 'adjust';
        UPDATE points_ledgerentry SET balance_after = balance_after + 77
           WHERE account_id = %(user)s AND sequence > 2;
        UPDATE points_ledgerentry SET sequence = sequence - 1
           WHERE account_id = %(user)s AND sequence > 2;
        UPDATE points_pointaccount SET balance = balance + 77,
           last_sequence = last_sequence - 1 WHERE user_id = %(user)s
        """,
        {"I2c"},
    ),
    "entry reattributed": (
        """
        UPDATE points_ledgerentry SET reference = 'another'
           WHERE account_id = %(user)s AND sequence = 1
        """,
        {"I2c"},
    ),
    "last entry rehashed without its account": (
        f"""
        UPDATE points_ledgerentry SET reference = 'x', hash = {HASH_SQL}
           WHERE account_id = %(other)s
        """,  # noqa: S608
        {"I2c"},
    ),
    "charge from the wrong side, rehashed": (
        f"""
        UPDATE points_ledgerentry SET counter_account = 'sales'
           WHERE account_id = %(other)s;
        UPDATE points_ledgerentry SET hash = {HASH_SQL}
           WHERE account_id = %(other)s;
        UPDATE points_pointaccount SET head_hash = (SELECT hash FROM
           points_ledgerentry WHERE account_id = %(other)s)
           WHERE user_id = %(other)s
        """,  # noqa: S608
        {"I2b"},
    ),
    "stock raised": (
        """
        UPDATE inventory_stock SET on_hand = on_hand + 1
        """,
        {"I3"},
    ),
    "movement made bigger": (
        """
        UPDATE inventory_stockmovement SET on_hand_delta = on_hand_delta + 1
           WHERE kind = 'received'
        """,
        {"I3"},
    ),
    "reservation forgotten": (
        """
        UPDATE inventory_stock SET reserved = reserved - 1 WHERE reserved > 0
        """,
        {"I3", "I4"},
    ),
    "sale without a movement, stock put right": (
        """
        UPDATE inventory_stock SET on_hand = on_hand + 2 WHERE product_id =
           (SELECT product_id FROM orders_orderline
           WHERE order_id = %(sold_alone)s);
        DELETE FROM inventory_stockmovement WHERE order_id = %(sold_alone)s
        """,
        {"I5"},
    ),
    "goods of a living order returned": (
        """
        INSERT INTO inventory_stockmovement (product_id, kind, on_hand_delta,
           reserved_delta, on_hand_after, reserved_after, order_id, reason, moved_at)
           SELECT product_id, 'returned', quantity, 0, 3, 0, order_id, '', now()
           FROM orders_orderline WHERE order_id = %(sold_alone)s;
        UPDATE inventory_stock SET on_hand = 3 WHERE product_id =
           (SELECT product_id FROM orders_orderline
           WHERE order_id = %(sold_alone)s)
        """,
        {"I5"},
    ),
    "batch counts a coupon too many": (
        """
        UPDATE coupons_couponbatch SET issued = issued + 1 WHERE NOT is_personal
        """,
        {"I6"},
    ),
    "batch issued beyond its number": (
        """
        ALTER TABLE coupons_couponbatch
           DROP CONSTRAINT coupon_batch_issued_within_quantity;
        UPDATE coupons_couponbatch SET quantity = 0
        """,
        {"I6"},
    ),
    "coupon lost": (
        """
        DELETE FROM coupons_coupon WHERE state = 'issued'
        """,
        {"I6"},
    ),
    "used coupon usable again": (
        """
        UPDATE coupons_coupon SET state = 'issued', order_id = NULL,
           used_at = NULL WHERE order_id = %(paid)s
        """,
        {"I7"},
    ),
    "coupon not given back": (
        """
        UPDATE coupons_coupon SET state = 'used', order_id = %(refunded)s,
           used_at = now() WHERE state = 'issued' AND batch_id NOT IN
           (SELECT id FROM coupons_couponbatch WHERE is_personal)
        """,
        {"I7"},
    ),
    "coupon of an unpaid order already used": (
        """
        UPDATE coupons_coupon SET state = 'used', used_at = now()
           WHERE order_id = %(pending)s
        """,
        {"I7"},
    ),
    "unpaid order made cheaper": (
        """
        ALTER TABLE orders_order DROP CONSTRAINT order_total_adds_up;
        UPDATE orders_order SET total = total - 1 WHERE id = %(pending)s
        """,
        {"I8"},
    ),
    "discount not shared out": (
        """
        UPDATE orders_orderline SET discount_share = discount_share - 1
           WHERE order_id = %(pending)s
        """,
        {"I8"},
    ),
    "invoice number skipped": (
        """
        UPDATE orders_invoice SET number = number + 1
           WHERE number = (SELECT max(number) FROM orders_invoice)
        """,
        {"I15"},
    ),
    "invoice of an old order lost": (
        """
        UPDATE orders_order SET paid_at = paid_at - interval '1 hour'
           WHERE id = %(processing)s;
        UPDATE orders_orderline SET paid_at = paid_at - interval '1 hour'
           WHERE order_id = %(processing)s;
        UPDATE orders_invoice SET order_id = %(pending)s
           WHERE order_id = %(processing)s
        """,
        {"I15"},
    ),
    "line of an unpaid order made bigger": (
        """
        UPDATE orders_orderline SET quantity = quantity + 1
           WHERE order_id = %(pending)s
        """,
        {"I4", "I5", "I8"},
    ),
    "explanation of the price rewritten": (
        """
        UPDATE orders_order SET adjustments = '[{"amount": -5}]'
        """,
        {"I8", "I16a"},
    ),
    "status changed past the service": (
        """
        UPDATE orders_order SET status = 'processing' WHERE id = %(paid)s
        """,
        {"I11"},
    ),
    "order taken back from the shopper": (
        """
        UPDATE orders_order SET status = 'shipped' WHERE id = %(delivered)s
        """,
        {"I11", "I11c", "I20c"},
    ),
    "timeline with a hole": (
        """
        DELETE FROM orders_orderevent WHERE order_id = %(shipped)s
           AND to_status = 'processing'
        """,
        {"I11"},
    ),
    "line without its time of payment": (
        """
        UPDATE orders_orderline SET paid_at = NULL WHERE order_id = %(paid)s
        """,
        {"I11b"},
    ),
    "line paid on another day": (
        """
        UPDATE orders_orderline SET paid_at = paid_at - interval '1 day'
           WHERE order_id = %(delivered)s
        """,
        {"I11b", "I14"},
    ),
    "parcel lost": (
        """
        DELETE FROM orders_fulfilment WHERE order_id = %(shipped)s
        """,
        {"I11c"},
    ),
    "reply never stored": (
        """
        UPDATE common_idempotencyrecord SET status = 0
        """,
        {"I12"},
    ),
    "dispatch lost": (
        """
        DELETE FROM outbox_dispatch WHERE aggregate = 'order/' || %(paid)s
        """,
        {"I13"},
    ),
    "dispatch of another aggregate": (
        """
        UPDATE outbox_dispatch SET aggregate = 'order/none'
           WHERE aggregate = 'order/' || %(paid)s
        """,
        {"I13"},
    ),
    "dispatch given up": (
        """
        UPDATE outbox_dispatch SET dead_at = now() WHERE delivered_at IS NULL
        """,
        {"I13b"},
    ),
    "dispatch late": (
        """
        UPDATE outbox_event SET occurred_at = now() - interval '16 minutes'
           WHERE aggregate = 'order/' || %(paid)s
        """,
        {"I13b"},
    ),
    "number skipped": (
        """
        UPDATE outbox_event SET sequence = sequence + 1 WHERE sequence =
           (SELECT max(sequence) FROM outbox_event)
        """,
        {"I13c"},
    ),
    "sales made up": (
        """
        UPDATE analytics_dailysales SET revenue = revenue + 1
        """,
        {"I14"},
    ),
    "takings made up": (
        """
        UPDATE analytics_dailytakings SET orders = orders + 1
        """,
        {"I14b"},
    ),
    "refunds left out of the takings": (
        """
        UPDATE analytics_dailytakings SET refunded_goods = refunded_goods + 1
        """,
        {"I14b"},
    ),
    "goods missing in the parcels": (
        """
        DELETE FROM orders_fulfilmentline WHERE id = (SELECT max(content.id)
           FROM orders_fulfilmentline AS content
           JOIN orders_fulfilment AS parcel ON parcel.id = content.fulfilment_id
           WHERE parcel.order_id = %(delivered)s)
        """,
        {"I9d"},
    ),
    "parcel with more than was ordered": (
        """
        UPDATE orders_fulfilmentline SET quantity = quantity + 1
           WHERE fulfilment_id = (SELECT id FROM orders_fulfilment
           WHERE order_id = %(shipped)s)
        """,
        {"I9d", "I11c"},
    ),
    "return of more than was sent": (
        """
        UPDATE orders_returnline SET quantity = 9
        """,
        {"I11d"},
    ),
    "return received, but not paid back": (
        """
        UPDATE orders_return SET state = 'received', closed_at = now()
        """,
        {"I9d", "I9e"},
    ),
    "sales of a product lost": (
        """
        DELETE FROM analytics_dailysales
           WHERE id = (SELECT min(id) FROM analytics_dailysales)
        """,
        {"I14"},
    ),
}


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruption_is_found_as_what_it_is(name: str, shop: Shop) -> None:
    sql, expected = CORRUPTIONS[name]

    plant(shop, sql)

    assert {item.invariant.id for item in violations()} == expected


def test_every_invariant_has_a_corruption_that_it_finds() -> None:
    found = set[str]().union(*(expected for _, expected in CORRUPTIONS.values()))

    assert found == {invariant.id for invariant in INVARIANTS}


def test_day_that_waits_for_its_rollup_is_not_compared(shop: Shop) -> None:
    plant(shop, "UPDATE analytics_dailysales SET revenue = revenue + 1")

    mark_dirty(DailySales.objects.values_list("day", flat=True)[0])

    assert_books_balance()


def run_verify(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("verify", *arguments, stdout=out, stderr=StringIO())
    except SystemExit as stop:
        return int(str(stop.code)), out.getvalue()
    return 0, out.getvalue()


def test_verify_of_a_clean_shop_ends_well(shop: Shop) -> None:
    code, text = run_verify()

    assert code == 0
    assert f"The books are right: {len(INVARIANTS)} invariants" in text


def test_verify_names_the_invariant_the_keys_and_what_to_do(shop: Shop) -> None:
    plant(shop, "UPDATE points_pointaccount SET balance = 1 WHERE user_id = %(other)s")

    code, text = run_verify()

    assert code == 1
    assert (
        "I1    A balance is the sum of its entries and never negative: 1 viol" in text
    )
    assert f"        {shop.other.pk}: balance 1, entries sum to 500" in text
    assert "→ Keys are users." in text
    assert text.endswith("1 violation: I1\n")


def test_verify_shows_ten_keys_and_counts_all(shop: Shop) -> None:
    plant(shop, "UPDATE orders_orderline SET paid_at = '2026-01-01T00:00Z'")

    code, text = run_verify()

    assert code == 1
    assert text.count(": paid 2026-01-01") == 10
    assert "… and " in text


def test_verify_as_json_can_be_read_by_a_machine(shop: Shop) -> None:
    plant(shop, "UPDATE points_pointaccount SET balance = 1 WHERE user_id = %(other)s")

    code, text = run_verify("--json")

    report = json.loads(text)
    assert code == 1
    assert report["ok"] is False
    assert [item["id"] for item in report["invariants"] if item["violations"]] == ["I1"]
    assert report["invariants"][0]["examples"] == [
        {"key": str(shop.other.pk), "text": "balance 1, entries sum to 500"}
    ]


def test_verify_can_stop_at_the_first_violation(shop: Shop) -> None:
    plant(shop, "UPDATE points_pointaccount SET balance = 1 WHERE user_id = %(other)s")

    code, text = run_verify("--fail-fast", "--json")

    assert code == 1
    assert [item["id"] for item in json.loads(text)["invariants"]] == ["I1"]
