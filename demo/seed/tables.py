"""Rows on their way into the tables, by COPY."""

from typing import Any, NamedTuple

from allauth.account.models import EmailAddress
from django.core.management.color import no_style
from django.db import connection, models

from accounts.models import Address, User
from analytics.models import BehaviourEvent
from catalog.models import (
    Category,
    Phrase,
    PriceChange,
    Product,
    ProductGroup,
    ProductPhoto,
    ProductText,
)
from coupons.models import Coupon, CouponBatch
from inventory.models import Stock, StockMovement
from orders.models import (
    Fulfilment,
    FulfilmentLine,
    Invoice,
    Order,
    OrderEvent,
    OrderLine,
)
from outbox.models import Dispatch, Event
from payments.models import (
    Payment,
    ProviderEvent,
    Refund,
    RefundLeg,
    RefundLine,
    SandboxPayment,
)
from points.models import LedgerEntry, PointAccount
from promotions.models import PromotionUse

Row = tuple[Any, ...]


class Table(NamedTuple):
    """A table and the columns that are given for each row."""

    model: type[models.Model]
    columns: tuple[str, ...]

    @property
    def copy_sql(self) -> str:
        quote = connection.ops.quote_name
        columns = ", ".join(quote(column) for column in self.columns)
        return f"COPY {quote(self.model._meta.db_table)} ({columns}) FROM STDIN"  # noqa: SLF001


def _table(model: type[models.Model], columns: str) -> Table:
    return Table(model, tuple(columns.split()))


USERS = _table(
    User,
    "id password is_superuser email name phone language wants_marketing_email"
    " is_active is_staff token_version created_at",
)
EMAILS = _table(EmailAddress, "email verified primary user_id")
ADDRESSES = _table(
    Address,
    "user_id recipient phone postal_code line1 line2 city country is_default"
    " created_at",
)
ACCOUNTS = _table(PointAccount, "user_id updated_at")
CATEGORIES = _table(Category, "id parent_id name slug position")
GROUPS = _table(ProductGroup, "id name")
PRODUCTS = _table(
    Product,
    "id sku slug name description price compare_at_price cost category_id group_id"
    " options weight_grams published_at rating_count version created_at",
)
PHOTOS = _table(ProductPhoto, "product_id image width height alt position")
TEXTS = _table(ProductText, "product_id language name description")
PHRASES = _table(Phrase, "source language text")
PRICES = _table(PriceChange, "product_id old_price new_price cause changed_at")
BATCHES = _table(
    CouponBatch,
    "id name kind value max_discount min_spend quantity issued opens_at valid_from"
    " valid_until is_active",
)
ORDERS = _table(
    Order,
    "id number user_id email status subtotal discount delivery_cost total currency"
    " address delivery_method deliver_by coupon_id coupon_name adjustments placed_at"
    " expires_at paid_at closed_at",
)
LINES = _table(
    OrderLine,
    "id order_id product_id sku name unit_price quantity discount_share paid_at",
)
TIMELINE = _table(
    OrderEvent, "order_id from_status to_status reason actor_id happened_at"
)
PARCELS = _table(
    Fulfilment,
    "id order_id carrier tracking_number tracking_url label_url stage shipped_at"
    " delivered_at",
)
PARCEL_LINES = _table(FulfilmentLine, "fulfilment_id order_line_id quantity")
INVOICES = _table(Invoice, "order_id number issued_at")
PAYMENTS = _table(
    Payment,
    "id order_id method amount refunded state provider_reference created_at"
    " captured_at settled_at",
)
TOLD = _table(
    ProviderEvent,
    "provider event_id kind payment_id reference state note received_at",
)
BANK = _table(
    SandboxPayment,
    "reference key amount currency description return_url state script refunds"
    " created_at",
)
REFUNDS = _table(
    Refund,
    "id order_id amount delivery_amount reason actor_id idempotency_key refunded_at",
)
REFUND_LEGS = _table(RefundLeg, "refund_id payment_id amount state done_at")
REFUND_LINES = _table(
    RefundLine, "refund_id order_line_id product_id quantity amount refunded_at"
)
COUPONS = _table(Coupon, "id batch_id user_id serial state order_id issued_at used_at")
PROMOTION_USES = _table(PromotionUse, "promotion_id order_id amount state taken_at")
STOCKS = _table(Stock, "product_id on_hand reserved version")
MOVEMENTS = _table(
    StockMovement,
    "product_id kind on_hand_delta reserved_delta on_hand_after reserved_after"
    " order_id reason actor_id moved_at",
)
ENTRIES = _table(
    LedgerEntry,
    "account_id counter_account kind amount balance_after sequence reference"
    " idempotency_key previous_hash hash created_at",
)
EVENTS = _table(Event, "id topic aggregate payload occurred_at sequence")
BEHAVIOUR = _table(BehaviourEvent, "event_id kind actor session product_id source at")
DISPATCHES = _table(
    Dispatch,
    "event_id subscriber aggregate attempts next_attempt_at delivered_at last_error",
)
# Whoever is referred to comes before those who refer.
TABLES = (
    *(USERS, EMAILS, ADDRESSES, ACCOUNTS, CATEGORIES, GROUPS, PRODUCTS, PHOTOS),
    *(TEXTS, PHRASES, PRICES),
    *(BATCHES, ORDERS, LINES, TIMELINE, PARCELS, PARCEL_LINES, PAYMENTS, INVOICES),
    *(TOLD, BANK, BEHAVIOUR),
    *(
        REFUNDS,
        REFUND_LEGS,
        REFUND_LINES,
        COUPONS,
        PROMOTION_USES,
        STOCKS,
        MOVEMENTS,
        ENTRIES,
        EVENTS,
        DISPATCHES,
    ),
)
# These get their ids from us, so their sequences have to catch up.
NUMBERED = (User, Category, ProductGroup, Product, CouponBatch, OrderLine)
NUMBERED_TOO = (Refund, Fulfilment, Coupon)


class Writer:
    """Collects rows and copies them, table by table, when told to."""

    def __init__(self) -> None:
        self._rows: dict[Table, list[Row]] = {table: [] for table in TABLES}

    def add(self, table: Table, row: Row) -> None:
        """Keep a row for the next ``flush``; its values are in the columns' order."""
        self._rows[table].append(row)

    def flush(self) -> None:
        """Copy what was collected."""
        with connection.cursor() as cursor:
            for table, rows in self._rows.items():
                if not rows:
                    continue
                with cursor.copy(table.copy_sql) as copy:
                    for row in rows:
                        copy.write_row(row)
                rows.clear()


def check_at_once() -> None:
    """Check references with each COPY, not all of them at the end from memory."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def analyse() -> None:
    """Tell the planner what stands in the tables: before the commit nobody else can."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def catch_up_sequences() -> None:
    """Let the next row of each table get an id that is free."""
    statements = connection.ops.sequence_reset_sql(
        no_style(), [*NUMBERED, *NUMBERED_TOO]
    )
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
