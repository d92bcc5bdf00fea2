"""Prices that are changed together, and put back together."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from catalog import revisions
from catalog import services as catalog
from catalog.errors import (
    NoPriceToChange,
    PeriodInvalid,
    PricesMoved,
    RevisionClosed,
    TooManyPrices,
    UndoTooLate,
)
from catalog.models import (
    LineOutcome,
    PriceChange,
    PriceRevision,
    PriceRevisionLine,
    Product,
    RevisionState,
)
from catalog.price_rules import NewPrice
from catalog.revisions import PutBack
from catalog.tasks import revise_prices
from outbox.models import Event
from tests.factories import ProductFactory, StaffFactory

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def wish(*products: Product, new: int = 9_000) -> list[NewPrice]:
    return [NewPrice(one.pk, one.sku, one.name, one.price, new) for one in products]


def make(*products: Product, new: int = 9_000, **given: Any) -> PriceRevision:
    return revisions.make(
        wish(*products, new=new),
        rule="to 9000",
        reason="autumn",
        **{"actor_id": None, **given},
    )


def undo(revision: PriceRevision) -> PutBack:
    return revisions.undo(revision_id=revision.pk, reason="a slip", actor_id=None)


def prices() -> list[int]:
    return list(Product.objects.order_by("pk").values_list("price", flat=True))


def outcomes() -> list[str]:
    lines = PriceRevisionLine.objects.order_by("product_id")
    return list(lines.values_list("outcome", flat=True))


def let_pass(revision: PriceRevision, **fields: timedelta) -> None:
    """Move moments of a revision into the past, for which the clock has no hurry."""
    sets = ", ".join(f"{name} = {name} - make_interval(secs => %s)" for name in fields)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            f"UPDATE catalog_pricerevision SET {sets} WHERE id = %s",  # noqa: S608
            [*(passed.total_seconds() for passed in fields.values()), revision.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")


def test_prices_change_together_with_a_history_and_events() -> None:
    boss = StaffFactory.create()
    first, second = ProductFactory.create_batch(2, price=10_000)
    versions = [first.version, second.version]

    revision = make(first, second, actor_id=boss.pk)

    assert (revision.state, prices()) == (RevisionState.APPLIED, [9_000, 9_000])
    assert list(
        PriceChange.objects.order_by("product").values_list(
            "product", "old_price", "new_price", "cause", "actor"
        )
    ) == [(one.pk, 10_000, 9_000, "autumn", boss.pk) for one in (first, second)]
    for one, version in zip((first, second), versions, strict=True):
        one.refresh_from_db()
        assert one.version == version + 1
        told = Event.objects.filter(
            aggregate=f"product/{one.pk}", topic__startswith="product."
        ).order_by("position")
        assert [(event.topic, event.payload.get("price")) for event in told] == [
            ("product.changed", 9_000),
            ("product.price_changed", 9_000),
        ]
        assert told[0].payload["version"] == one.version
        assert told[1].payload["old_price"] == 10_000


def test_price_that_would_stay_is_left_out() -> None:
    ProductFactory.create(price=9_000)
    other = ProductFactory.create(price=10_000)

    make(*Product.objects.all())

    assert PriceRevisionLine.objects.get().product == other
    assert PriceChange.objects.count() == 1


def test_nothing_changes_if_one_price_is_not_the_one_that_was_seen() -> None:
    first, second = ProductFactory.create_batch(2, price=10_000)
    seen = wish(first, second)
    catalog.change_price(product_id=second.pk, price=7_000, cause="x", actor_id=None)

    with pytest.raises(PricesMoved) as refused:
        revisions.make(seen, rule="r", reason="autumn", actor_id=None)

    assert refused.value.extra == {"skus": [second.sku]}
    assert prices() == [10_000, 7_000]
    assert not PriceRevision.objects.exists()
    assert PriceChange.objects.count() == 1


def test_wish_without_change_or_period_or_end_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    product, other = ProductFactory.create_batch(2, price=10_000)
    now = timezone.now()
    monkeypatch.setattr(revisions, "MOST", 1)

    with pytest.raises(NoPriceToChange):
        make(product, new=10_000)
    with pytest.raises(TooManyPrices):
        make(product, other)
    with pytest.raises(PeriodInvalid):
        make(product, ends_at=now - HOUR)
    with pytest.raises(PeriodInvalid):
        make(product, starts_at=now + HOUR, ends_at=now + HOUR)

    assert prices() == [10_000, 10_000]
    assert not PriceRevision.objects.exists()


def test_undo_puts_back_what_still_stands_and_leaves_the_rest() -> None:
    first, second, third = ProductFactory.create_batch(3, price=10_000)
    revision = make(first, second, third)
    catalog.change_price(product_id=second.pk, price=8_000, cause="x", actor_id=None)
    for price in (8_000, 9_000):  # the same again, but by somebody else
        catalog.change_price(product_id=third.pk, price=price, cause="y", actor_id=None)

    done = undo(revision)

    assert done == PutBack(restored=1, left=[second.sku, third.sku])
    assert prices() == [10_000, 8_000, 9_000]
    assert outcomes() == [LineOutcome.RESTORED, LineOutcome.LEFT, LineOutcome.LEFT]
    newest = PriceChange.objects.latest("pk")
    assert (newest.product, newest.old_price, newest.new_price, newest.cause) == (
        first,
        9_000,
        10_000,
        "a slip",
    )
    revision.refresh_from_db()
    assert (revision.state, revision.closed_because) == (RevisionState.UNDONE, "a slip")


def test_undo_brings_the_struck_price_back() -> None:
    product = ProductFactory.create(price=10_000, compare_at_price=12_000)
    revision = make(product, new=12_500)
    assert not Product.objects.filter(compare_at_price__isnull=False).exists()

    undo(revision)

    product.refresh_from_db()
    assert (product.price, product.compare_at_price) == (10_000, 12_000)


def test_undo_happens_once_and_within_a_day() -> None:
    first, second = ProductFactory.create_batch(2, price=10_000)
    undone, old = make(first), make(second)
    undo(undone)
    let_pass(old, applied_at=25 * HOUR)

    with pytest.raises(RevisionClosed):
        undo(undone)
    with pytest.raises(UndoTooLate):
        undo(old)

    assert prices() == [10_000, 9_000]
    assert PriceChange.objects.count() == 3


def test_sale_starts_and_ends_by_the_clock_each_once() -> None:
    product = ProductFactory.create(price=10_000)
    now = timezone.now()
    revision = make(product, starts_at=now + HOUR, ends_at=now + 3 * HOUR)
    revise_prices()
    assert (prices(), outcomes()) == ([10_000], [LineOutcome.WAITING])

    let_pass(revision, starts_at=2 * HOUR)
    for _ in range(2):
        revise_prices()
    assert (prices(), PriceChange.objects.count()) == ([9_000], 1)

    let_pass(revision, starts_at=2 * HOUR, ends_at=4 * HOUR)
    for _ in range(2):
        revise_prices()
    revision.refresh_from_db()
    assert (prices(), PriceChange.objects.count()) == ([10_000], 2)
    assert (revision.state, outcomes()) == (RevisionState.ENDED, [LineOutcome.RESTORED])


def test_scheduled_price_passes_over_what_was_changed_meanwhile() -> None:
    first, second = ProductFactory.create_batch(2, price=10_000)
    revision = make(first, second, starts_at=timezone.now() + HOUR)
    catalog.change_price(product_id=second.pk, price=7_000, cause="x", actor_id=None)

    let_pass(revision, starts_at=2 * HOUR)
    revise_prices()

    assert prices() == [9_000, 7_000]
    assert outcomes() == [LineOutcome.CHANGED, LineOutcome.PASSED_OVER]


def test_sale_that_nobody_began_in_time_is_called_off() -> None:
    product = ProductFactory.create(price=10_000)
    now = timezone.now()
    revision = make(product, starts_at=now + HOUR, ends_at=now + 2 * HOUR)

    let_pass(revision, starts_at=5 * HOUR, ends_at=5 * HOUR)
    revise_prices()

    revision.refresh_from_db()
    assert (revision.state, prices()) == (RevisionState.CANCELLED, [10_000])
    assert not PriceChange.objects.exists()


def test_scheduled_change_is_called_off_and_a_running_one_ended() -> None:
    first, second = ProductFactory.create_batch(2, price=10_000)
    later = make(first, starts_at=timezone.now() + HOUR)
    running = make(second, ends_at=timezone.now() + 48 * HOUR)

    revisions.call_off(revision_id=later.pk, reason="no", actor_id=None)
    done = revisions.end(revision_id=running.pk, reason="sold out", actor_id=None)

    assert (done, prices()) == (PutBack(1, []), [10_000, 10_000])
    for refused in (revisions.call_off, revisions.end, revisions.undo):
        for revision in (later, running):
            with pytest.raises(RevisionClosed):
                refused(revision_id=revision.pk, reason="again", actor_id=None)
    assert PriceChange.objects.count() == 2


def test_change_for_good_is_not_ended() -> None:
    revision = make(ProductFactory.create(price=10_000))

    with pytest.raises(RevisionClosed):
        revisions.end(revision_id=revision.pk, reason="no", actor_id=None)

    assert prices() == [9_000]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("pricerevision", "state = 'scheduled'"),
        ("pricerevision", "state = 'undone', closed_at = applied_at + '25 hours'"),
        ("pricerevision", "state = 'ended', closed_at = applied_at"),
        ("pricerevision", "reason = 'another'"),
        ("pricerevision", "ends_at = starts_at - interval '1 s'"),
        ("pricerevisionline", "new_price = 1"),
        ("pricerevisionline", "outcome = 'waiting'"),
        ("pricerevisionline", "outcome = 'restored'"),
        ("pricerevisionline", "change_id = NULL"),
    ],
)
def test_database_refuses_what_makes_no_sense(table: str, change: str) -> None:
    make(ProductFactory.create(price=10_000))

    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE catalog_{table} SET {change}")  # noqa: S608

    assert prices() == [9_000]


def test_many_prices_need_few_statements(django_assert_max_num_queries: Any) -> None:
    products = ProductFactory.create_batch(12, price=10_000, stock_on_hand=0)

    with django_assert_max_num_queries(16):
        revision = make(*products)
    with django_assert_max_num_queries(16):
        undo(revision)

    assert set(prices()) == {10_000}
