"""The shop is filled as large as wished, once, and the same each time."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from analytics import recommendations
from analytics.models import BehaviourEvent
from analytics.selectors import best_sellers
from catalog.models import Product, ProductPhoto
from demo.catalogue import articles
from orders.models import Order, OrderLine
from points.models import PointAccount
from tests.books import assert_books_balance

Seed = Callable[..., None]


@pytest.fixture
def seed(capfd: pytest.CaptureFixture[str]) -> Seed:
    """Run the command without photos."""

    def run(**options: Any) -> None:
        call_command("seed_demo", no_photos=True, **options)
        capfd.readouterr()

    return run


@pytest.fixture
def planners_rows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Tell what the planner knew when pairs were counted, and what was there."""
    rows: list[tuple[int, int]] = []
    make_all = recommendations.make_all

    def look_and_make() -> None:
        for model in (OrderLine, BehaviourEvent):
            known = "SELECT reltuples::int FROM pg_class WHERE oid = %s::regclass"
            with connection.cursor() as cursor:
                cursor.execute(known, [model._meta.db_table])
                rows.append((cursor.fetchone()[0], model._default_manager.count()))
        make_all()

    monkeypatch.setattr(recommendations, "make_all", look_and_make)
    return rows


def test_there_are_as_many_orders_and_products_as_wished(
    db: None, seed: Seed, planners_rows: list[tuple[int, int]]
) -> None:
    seed(products=40, orders=120, users=30)

    # A table that it knows nothing of is empty to it: then it compares all with all.
    assert [known == there > 0 for known, there in planners_rows] == [True, True]
    assert Product.objects.count() == 40
    assert Order.objects.count() == 120
    assert User.objects.filter(is_staff=False).count() == 30
    assert_books_balance()


def test_beyond_the_catalogue_products_are_made_up(db: None, seed: Seed) -> None:
    known = len(list(articles()))

    seed(products=known + 50, orders=60)

    assert Product.objects.count() == known + 50
    names = Product.objects.values_list("name", flat=True)
    assert len(set(names)) == known + 50
    photos = ProductPhoto.objects.values_list("image", flat=True)
    assert len(set(photos)) == known
    assert_books_balance()


def test_the_best_sellers_are_the_popular_ones(db: None, seed: Seed) -> None:
    seed(orders=1500)
    by_popularity = sorted(articles(), key=lambda article: -article.popularity)
    favourites = {article.sku for article in by_popularity[:60]}

    assert len(best_sellers().items) == 5
    best = best_sellers(days=7, limit=20)
    skus = Product.objects.in_bulk([item.product_id for item in best.items])
    # By chance they would be four. What is bought together with them comes between.
    assert sum(product.sku in favourites for product in skus.values()) >= 8


def test_the_same_seed_gives_the_same_shop(db: None, seed: Seed) -> None:
    until = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    seed(orders=80, seed=7, until=until, flush=True)
    first = _fingerprint()

    seed(orders=80, seed=7, until=until, flush=True)
    assert _fingerprint() == first

    seed(orders=80, seed=8, until=until, flush=True)
    assert _fingerprint() != first


def test_busy_hours_are_busy(db: None, seed: Seed) -> None:
    seed(orders=1500)
    hours = Counter(
        order.astimezone(timezone.get_default_timezone()).hour
        for order in Order.objects.values_list("placed_at", flat=True)
    )

    assert sum(hours[hour] for hour in (19, 20, 21, 22)) > 5 * sum(
        hours[hour] for hour in (2, 3, 4, 5)
    )


def test_a_shop_with_data_is_left_alone(db: None, seed: Seed) -> None:
    seed(orders=20)
    orders = Order.objects.count()

    with pytest.raises(CommandError, match="--flush"):
        seed(orders=10)

    assert Order.objects.count() == orders


def test_production_is_never_filled(db: None, seed: Seed, settings: Settings) -> None:
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="production"):
        seed(orders=10)

    assert not Product.objects.exists()


@pytest.mark.slow
def test_photos_are_made_once(db: None, tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path
    call_command("seed_demo", products=6, orders=0)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}

    call_command("seed_demo", products=6, orders=0, flush=True)

    assert len(made) == 6 * 3 * 2
    assert {path: path.stat().st_mtime_ns for path in made} == made
    names = ProductPhoto.objects.values_list("image", flat=True)
    assert all((tmp_path / name).exists() for name in names)


def _fingerprint() -> list[tuple[Any, ...]]:
    """Return what must be equal, down to ids and hashes."""
    orders = Order.objects.order_by("pk").values_list(
        "pk", "number", "user__email", "status", "total", "placed_at", "paid_at"
    )
    accounts = PointAccount.objects.order_by("pk").values_list("pk", "head_hash")
    return [*orders, *((pk, bytes(head)) for pk, head in accounts)]
