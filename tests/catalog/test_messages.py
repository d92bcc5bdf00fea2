"""What may stand in a message of an outside system, and what a count in it means."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from catalog.messages import RefusedMessage, Update, read_update
from catalog.models import PriceChange, Product
from checkout import services as checkout
from inventory import services as inventory
from inventory.models import MovementKind, RefusedMessages, SourceVersion, Stock
from inventory.sources import Taken, count_refused, take
from outbox.models import Event
from tests.books import assert_books_balance
from tests.factories import ProductFactory
from tests.races.stage import purchase, shoppers

pytestmark = pytest.mark.django_db

FULL = {
    "sku": "CUP-1",
    "source": "erp",
    "source_version": 7,
    "price": 12_000,
    "name": " Tea cup ",
    "stock": 5,
    "counted_at": "2026-11-21T09:30:00+09:00",
    "colour": "ignored",
}
MOMENT = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)


def read(**changes: Any) -> Update:
    facts = {key: value for key, value in (FULL | changes).items() if value != "gone"}
    facts.setdefault("counted_at", timezone.now().isoformat())
    return read_update(json.dumps(facts), sent_at=None)


def update(version: int, **what: Any) -> Update:
    """Return what ``erp`` says of the cup; what it counts was counted now."""
    what.setdefault("counted_at", timezone.now())
    return Update(sku="CUP-1", source="erp", version=version, **what)


@pytest.fixture
def cup() -> Product:
    cup: Product = ProductFactory.create(sku="CUP-1", price=10_000, stock_on_hand=10)
    return cup


# --- What may stand there ------------------------------------------------------------


def test_message_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: MOMENT + timedelta(days=1))

    update = read_update(json.dumps(FULL).encode(), sent_at=None)

    assert update == Update(
        sku="CUP-1",
        source="erp",
        version=7,
        counted_at=MOMENT,
        price=12_000,
        name="Tea cup",
        stock=5,
    )
    assert update.aspects == ["price", "name", "stock"]


def test_count_without_its_moment_is_of_when_it_was_sent() -> None:
    sent_at = timezone.now() - timedelta(hours=1)
    body = json.dumps({key: FULL[key] for key in ("sku", "source", "stock")})
    body = body.replace("}", ', "source_version": 1}')

    assert read_update(body, sent_at=sent_at).counted_at == sent_at


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("bad_sku", {"sku": "gone"}),
        ("bad_sku", {"sku": 7}),
        ("bad_sku", {"sku": "x" * 41}),
        ("bad_sku", {"sku": "CUP\x00"}),
        ("bad_sku", {"sku": "\ud800"}),
        ("bad_source", {"source": "ERP one"}),
        ("bad_source", {"source": ""}),
        ("bad_source_version", {"source_version": "gone"}),
        ("bad_source_version", {"source_version": 0}),
        ("bad_source_version", {"source_version": -1}),
        ("bad_source_version", {"source_version": 2**63}),
        ("bad_source_version", {"source_version": True}),
        ("bad_price", {"price": 0}),
        ("bad_price", {"price": -1}),
        ("bad_price", {"price": 10**12 + 1}),
        ("bad_price", {"price": 10**300}),
        ("bad_price", {"price": 1.0}),
        ("bad_price", {"price": float("nan")}),
        ("bad_price", {"price": "1"}),
        ("bad_price", {"price": True}),
        ("bad_price", {"price": [1]}),
        ("bad_stock", {"stock": -1}),
        ("bad_stock", {"stock": 10**9 + 1}),
        ("bad_stock", {"stock": False}),
        ("bad_name", {"name": "  "}),
        ("bad_name", {"name": "Cup\x00"}),
        ("bad_name", {"name": "x" * 201}),
        ("bad_counted_at", {"counted_at": "yesterday"}),
        ("bad_counted_at", {"counted_at": 7}),
        ("bad_counted_at", {"counted_at": "2026-11-21T09:30:00"}),
        ("bad_counted_at", {"counted_at": "0001-01-01T00:00:00+14:00"}),
        ("bad_counted_at", {"counted_at": "9999-12-31T23:59:59-14:00"}),
        ("empty", {"price": "gone", "name": "gone", "stock": "gone"}),
    ],
)
def test_what_makes_no_sense_is_refused(code: str, changes: dict[str, Any]) -> None:
    changes = {"counted_at": "gone"} | changes

    with pytest.raises(RefusedMessage) as refused:
        read(**changes)

    assert refused.value.code == code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe{}",
        b"[]",
        b"7",
        b"null",
        b"{",
        b'{"price": ' + b"9" * 5_000 + b"}",
        b"[" * 60_000,
        b'{"sku": "' + b"x" * 70_000 + b'"}',
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RefusedMessage) as refused:
        read_update(body, sent_at=None)

    assert refused.value.code in {"not_json", "too_long"}


# --- What it does --------------------------------------------------------------------


def test_unknown_product_changes_nothing() -> None:
    with pytest.raises(RefusedMessage, match="no product CUP-1"):
        take(update(1, price=5))

    assert not SourceVersion.objects.exists()


def test_same_price_again_is_a_version_and_no_change(cup: Product) -> None:
    events = Event.objects.count()

    assert take(update(1, price=10_000)) is Taken.TAKEN

    assert not PriceChange.objects.exists()
    assert Event.objects.count() == events
    assert SourceVersion.objects.get().version == 1


def test_late_stock_counts_although_a_newer_price_came_first(cup: Product) -> None:
    take(update(5, price=11_000))

    assert take(update(4, stock=3, price=9_000)) is Taken.TAKEN

    cup.refresh_from_db()
    assert (cup.price, Stock.objects.get().on_hand) == (11_000, 3)


def test_sources_do_not_know_each_others_versions(cup: Product) -> None:
    take(update(9, price=11_000))
    other = Update("CUP-1", "till", 1, timezone.now(), price=12_000)

    assert take(other) is Taken.TAKEN

    cup.refresh_from_db()
    assert cup.price == 12_000


@pytest.mark.django_db(transaction=True)
def test_count_does_not_wipe_out_what_was_sold_since(cup: Product) -> None:
    buyer, other = shoppers(2)
    checkout.place_and_pay(purchase(buyer, cup, quantities={cup.pk: 4}))
    checkout.place_order(purchase(other, cup, quantities={cup.pk: 2}))
    inventory.adjust(
        product_id=cup.pk,
        kind=MovementKind.DAMAGED,
        delta=-1,
        reason="broken",
        actor_id=None,
    )
    # 30 were there when the first came: of them 4 are sold and 1 is broken since.
    received = cup.stock_movements.get(kind=MovementKind.RECEIVED)
    before = Stock.objects.get()

    take(update(1, stock=30, counted_at=received.moved_at))

    stock = Stock.objects.get()
    assert (before.on_hand, before.reserved) == (5, 2)
    assert (stock.on_hand, stock.reserved) == (25, 2)
    assert_books_balance()


def test_count_after_the_sales_stands_as_it_is(cup: Product) -> None:
    [buyer] = shoppers(1)
    checkout.place_and_pay(purchase(buyer, cup, quantities={cup.pk: 4}))

    take(update(1, stock=30, counted_at=timezone.now() + timedelta(seconds=1)))

    assert Stock.objects.get().on_hand == 30


def test_count_below_what_is_promised_leaves_nothing_to_buy(cup: Product) -> None:
    [buyer] = shoppers(1)
    checkout.place_order(purchase(buyer, cup, quantities={cup.pk: 4}))

    take(update(1, stock=1, counted_at=timezone.now() + timedelta(seconds=1)))

    stock = Stock.objects.get()
    assert (stock.on_hand, stock.reserved, stock.available) == (4, 4, 0)
    assert_books_balance()


def test_product_without_a_stock_gets_one() -> None:
    Product.objects.filter(
        pk=ProductFactory.create(sku="CUP-1", stock_on_hand=0).pk
    ).update(name="Cup")
    Stock.objects.all().delete()

    take(update(1, stock=7))

    assert Stock.objects.get().on_hand == 7


def test_refused_messages_are_counted_by_day_and_kind() -> None:
    for reason in ("price is 0", "price is\0 -1"):
        count_refused(code="bad_price", reason=reason)
    count_refused(code="not_json", reason="no JSON")

    counted = RefusedMessages.objects.order_by("code")
    assert [(item.code, item.count, item.last_reason) for item in counted] == [
        ("bad_price", 2, "price is -1"),
        ("not_json", 1, "no JSON"),
    ]
