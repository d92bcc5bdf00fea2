"""What a product cost before, and what may be called a reduction."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from catalog.models import Category, PriceChange, Product
from promotions.history import Era, PriceHistory, Reduction, Run, history_of
from promotions.models import Promotion, PromotionUse
from promotions.pricing import PromotionKind, PromotionTerms
from tests.factories import CategoryFactory, ProductFactory, PromotionFactory
from tests.shop.pages import text_of

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def run(percent: int, starts: float, ends: float | None = None, **other: bool) -> Run:
    terms = PromotionTerms(
        promotion_id=percent,
        name=f"{percent} %",
        kind=PromotionKind.PERCENT,
        value=percent,
    )
    ended = None if ends is None else days_ago(ends)
    return Run(terms, days_ago(starts), ended, is_lasting=other.get("is_lasting", True))


def history(prices: dict[float, int], *runs: Run) -> PriceHistory:
    """Build a history from prices by how many days ago they began."""
    eras = [Era(days_ago(ago), prices[ago]) for ago in sorted(prices, reverse=True)]
    return PriceHistory(eras, runs)


def test_price_that_never_changed_is_no_reduction() -> None:
    assert history({400: 10_000}).reduction(NOW) is None


def test_lowered_price_is_compared_with_the_lowest_before() -> None:
    known = history({400: 10_000, 35: 8_000, 20: 12_000, 2: 9_000})

    # 8,000 was still in force 32 days ago, within 30 days of the reduction.
    assert known.reduction(NOW) is None
    assert history({400: 10_000, 20: 12_000, 2: 9_000}).reduction(NOW) == Reduction(
        price=9_000, lowest=10_000, began=days_ago(2), labels=()
    )


def test_price_raised_only_to_be_lowered_is_no_reduction() -> None:
    assert history({400: 10_000, 10: 15_000, 1: 10_000}).reduction(NOW) is None


def test_what_was_lower_more_than_thirty_days_before_does_not_count() -> None:
    known = history({400: 5_000, 33: 10_000, 2: 9_000})

    assert known.lowest_before(days_ago(2)) == 10_000


def test_window_is_half_open() -> None:
    known = history({400: 5_000, 32: 10_000, 2: 9_000})

    # At the first instant of the window the new price holds.
    assert known.lowest_before(days_ago(2)) == 10_000
    assert known.lowest_before(days_ago(2) - timedelta(seconds=1)) == 5_000


def test_steps_down_are_one_reduction_that_began_with_the_first() -> None:
    known = history({400: 10_000, 6: 9_000, 3: 8_000})

    assert known.reduction(NOW) == Reduction(8_000, 10_000, days_ago(6), ())


def test_promotion_is_compared_with_the_lowest_before_it_began() -> None:
    known = history({400: 10_000}, run(20, starts=3))

    reduction = known.reduction(NOW)

    assert reduction == Reduction(8_000, 10_000, days_ago(3), ("20 %",))
    assert reduction.percent == 20


def test_an_earlier_promotion_was_a_lower_price() -> None:
    known = history({400: 10_000}, run(30, starts=20, ends=10), run(20, starts=3))

    # Seven thousand in the thirty days before: eight thousand is no reduction.
    assert known.reduction(NOW) is None
    assert known.lowest_before(days_ago(3)) == 7_000


def test_promotions_together_count_as_they_are_priced() -> None:
    known = history({400: 10_000}, run(10, starts=3), run(50, starts=2))

    assert known.reduction(NOW) == Reduction(
        4_500, 10_000, days_ago(3), ("10 %", "50 %")
    )


def test_promotion_whose_budget_may_run_out_is_not_announced_but_counts() -> None:
    known = history(
        {400: 10_000}, run(30, starts=9, ends=5, is_lasting=False), run(40, starts=2)
    )

    assert known.lowest_before(days_ago(2)) == 7_000
    limited = history({400: 10_000}, run(40, starts=2, is_lasting=False))
    assert limited.reduction(NOW) is None


def test_points_tell_each_price_and_since_when() -> None:
    known = history({400: 10_000, 5: 12_000}, run(50, starts=20, ends=10))

    assert known.points(NOW) == [
        Era(days_ago(90), 10_000),
        Era(days_ago(20), 5_000),
        Era(days_ago(10), 10_000),
        Era(days_ago(5), 12_000),
    ]


def test_new_product_has_no_price_before() -> None:
    assert history({1: 10_000}).lowest_before(days_ago(2)) is None
    assert history({1: 10_000}).at(days_ago(2)) is None


# --- As it is read --------------------------------------------------------------------


@pytest.fixture
def jar(db: None) -> Product:
    product = ProductFactory.create(price=10_000)
    since = timezone.now() - timedelta(days=300)
    Product.objects.filter(pk=product.pk).update(created_at=since, published_at=since)
    product.refresh_from_db()
    return product


def read(product: Product) -> PriceHistory:
    return history_of(product, shelves=[product.category_id])


def test_changes_by_staff_are_the_eras(jar: Product) -> None:
    PriceChange.objects.create(
        product=jar, old_price=12_000, new_price=10_000, cause="sale"
    )

    assert [era.price for era in read(jar).eras] == [12_000, 10_000]
    reduction = read(jar).reduction(timezone.now())
    assert reduction is not None
    assert (reduction.price, reduction.lowest) == (10_000, 12_000)


def test_promotions_of_the_shelf_and_of_all_above_count(jar: Product) -> None:
    above = CategoryFactory.create()
    Category.objects.filter(pk=jar.category_id).update(parent=above)
    promotion = PromotionFactory.create(value=20)
    promotion.categories.add(above)
    other = PromotionFactory.create(value=90)
    other.categories.add(CategoryFactory.create())

    known = history_of(jar, shelves=[jar.category_id, above.pk])

    assert [run.terms.promotion_id for run in known.runs] == [promotion.pk]


def test_promotions_on_conditions_are_offers(jar: Product) -> None:
    PromotionFactory.create(name="Big basket", min_spend=50_000)
    PromotionFactory.create(name="Later", starts_at=timezone.now() + timedelta(days=1))

    assert [offer.name for offer in read(jar).offers] == ["Big basket"]
    assert read(jar).reduction(timezone.now()) is None


def test_stopped_promotion_counts_if_somebody_got_it(jar: Product) -> None:
    start = timezone.now() - timedelta(days=5)
    never = PromotionFactory.create(is_active=False, value=60, starts_at=start)
    given = PromotionFactory.create(is_active=False, value=50, starts_at=start)
    PromotionUse.objects.create(
        promotion=given, order_id="0197e0ef-0000-7000-8000-000000000000", amount=1
    )

    runs = read(jar).runs

    assert [run.terms.promotion_id for run in runs] == [given.pk] != [never.pk]
    assert read(jar).lowest_before(timezone.now()) == 5_000


def test_page_shows_the_lowest_price_before(client: Client, jar: Product) -> None:
    PromotionFactory.create(name="Autumn", value=20)

    page = text_of(client.get(f"/p/{jar.slug}-{jar.pk}/"))

    assert "₩8,000 in your cart" in page
    assert "Lowest price of the 30 days before: ₩10,000 (now 20% less)" in page
    assert "What it cost before" in page


@pytest.mark.django_db
def test_price_before_a_product_was_on_sale_is_no_price_before() -> None:
    product = ProductFactory.create(price=8_000)
    created, shown = days_ago(40), days_ago(10)
    Product.objects.filter(pk=product.pk).update(created_at=created, published_at=shown)
    for ago, old, new in ((30, 20_000, 10_000), (5, 10_000, 9_000), (5, 9_000, 8_000)):
        PriceChange.objects.create(
            product=product, old_price=old, new_price=new, changed_at=days_ago(ago)
        )
    product.refresh_from_db()

    known = history_of(product, shelves=[])

    assert known.eras[0] == Era(shown, 10_000)
    # Two changes at one instant are one.
    assert known.reduction(NOW) == Reduction(8_000, 10_000, days_ago(5), ())


@pytest.mark.django_db
def test_price_that_was_lowered_before_it_was_on_sale_is_no_reduction() -> None:
    product = ProductFactory.create(price=10_000)
    Product.objects.filter(pk=product.pk).update(
        created_at=days_ago(40), published_at=days_ago(10)
    )
    PriceChange.objects.create(
        product=product, old_price=20_000, new_price=10_000, changed_at=days_ago(30)
    )
    product.refresh_from_db()

    assert history_of(product, shelves=[]).reduction(NOW) is None


def test_price_raised_at_the_moment_a_promotion_begins_is_no_reduction() -> None:
    known = history({400: 10_000, 3: 12_500}, run(20, starts=3))

    assert known.at(days_ago(3)) == 10_000
    assert known.reduction(NOW) is None


def test_promotion_right_after_another_is_no_reduction_of_its_own() -> None:
    known = history({400: 10_000}, run(20, starts=20, ends=3), run(20, starts=3))

    assert known.reduction(NOW) is None


def test_thousand_changes_are_looked_up_and_not_run_through() -> None:
    looked_at = 0

    class Counting(list[Era]):
        def __getitem__(self, place: Any) -> Any:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(place)

    eras = [Era(days_ago(80 - n * 0.08), 10_000 + n % 7) for n in range(1_000)]
    known = PriceHistory(Counting(eras), [run(10, starts=3)])

    assert len(known.points(NOW)) > 990
    # Two to the tenth is more than a thousand.
    assert looked_at < 1_002 * 13


@pytest.mark.django_db
def test_page_shows_the_newest_prices_of_very_many(
    client: Client, jar: Product
) -> None:
    for n in range(60):
        PriceChange.objects.create(
            product=jar,
            old_price=10_000 + n,
            new_price=10_001 + n,
            changed_at=timezone.now() - timedelta(hours=61 - n),
        )

    page = text_of(client.get(f"/p/{jar.slug}-{jar.pk}/"))

    assert "₩10,060" in page
    assert "₩10,031" in page
    assert "₩10,030" not in page


def later(promotion: Promotion, **change: Any) -> PriceHistory:
    """Change a promotion of ten days ago, in a transaction of its own."""
    long_ago = timezone.now() - timedelta(days=10)
    Promotion.objects.filter(pk=promotion.pk).update(created_at=long_ago)
    Promotion.objects.filter(pk=promotion.pk).update(**change)
    product = Product.objects.get()
    return history_of(product, shelves=[product.category_id])


@pytest.fixture
def running(jar: Product) -> Promotion:
    since = timezone.now() - timedelta(days=10)
    promotion: Promotion = PromotionFactory.create(value=20, starts_at=since)
    assert read(jar).reduction(timezone.now()) is not None
    return promotion


@pytest.mark.parametrize(
    "change",
    [
        {"value": 30},
        {"is_active": True, "min_spend": 0, "priority": 7},
        {"starts_at": NOW - timedelta(days=90)},
    ],
)
def test_promotion_whose_terms_were_changed_announces_nothing(
    running: Promotion, change: dict[str, Any]
) -> None:
    assert later(running, **change).reduction(timezone.now()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Another name"},
        {"ends_at": datetime(2099, 1, 1, tzinfo=UTC)},
        {"announcement": "Come and see"},
    ],
)
def test_change_that_moves_no_price_is_no_new_beginning(
    running: Promotion, change: dict[str, Any]
) -> None:
    assert later(running, **change).reduction(timezone.now()) is not None


def test_promotion_that_was_paused_and_resumed_announces_nothing(
    running: Promotion,
) -> None:
    later(running, is_active=False)
    assert later(running, is_active=True).reduction(timezone.now()) is None


def test_scope_that_was_changed_later_is_a_new_beginning(
    running: Promotion, jar: Product
) -> None:
    later(running)
    running.products.add(jar)

    assert read(jar).reduction(timezone.now()) is None


def test_promotion_that_was_made_with_its_scope_is_unchanged(jar: Product) -> None:
    since = timezone.now() - timedelta(days=2)
    promotion = PromotionFactory.create(value=20, starts_at=since)
    promotion.products.add(jar)

    promotion.refresh_from_db()
    assert promotion.changed_at is None
    assert read(jar).reduction(timezone.now()) is not None


def test_promotion_that_was_stopped_long_ago_is_no_price_of_today(
    running: Promotion, jar: Product
) -> None:
    PromotionUse.objects.create(promotion=running, order_id=uuid4(), amount=1)
    later(running, is_active=False)
    stopped = timezone.now() - timedelta(days=5)
    Promotion.objects.filter(pk=running.pk).update(changed_at=stopped)

    [run_of_it] = read(jar).runs

    assert run_of_it.ends_at == stopped
