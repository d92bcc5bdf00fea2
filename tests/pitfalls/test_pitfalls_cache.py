"""Pitfalls 44 and 45: what others say late or twice, and what a cache may decide."""

from collections.abc import Mapping, Sequence
from threading import Barrier, BrokenBarrierError, Lock
from time import sleep
from unittest.mock import patch

import pytest
from django.core.cache import cache as redis
from django.utils import timezone

from catalog import cache
from catalog import services as catalog
from catalog.cache import CardKey, cards
from catalog.messages import Update
from catalog.models import PriceChange, Product
from checkout import services as checkout
from inventory import sources
from inventory.errors import InsufficientStock
from inventory.models import MovementKind, SourceVersion, Stock, StockMovement
from inventory.sources import Taken, take
from orders.models import Order
from shop.cards import card_rows, render_cards
from tests.concurrency import run_together
from tests.factories import ProductFactory
from tests.races.stage import purchase, shoppers

pytestmark = pytest.mark.django_db(transaction=True)

CROWD = 8


def says(version: int, **what: int) -> Update:
    return Update("CUP-1", "erp", version, timezone.now(), **what)  # type: ignore[arg-type]


# --- 44: old and doubled messages ----------------------------------------------------


def test_pitfall_44_doubled_messages_at_once_have_one_effect() -> None:
    product = ProductFactory.create(sku="CUP-1", price=100, stock_on_hand=10)

    results = run_together(
        lambda _number: take(says(1, price=200, stock=3)), times=CROWD
    )

    assert sorted(map(str, results)) == ["repeated"] * (CROWD - 1) + ["taken"]
    assert PriceChange.objects.count() == 1
    assert StockMovement.objects.filter(kind=MovementKind.COUNTED).count() == 1
    product.refresh_from_db()
    assert (product.price, Stock.objects.get().on_hand) == (200, 3)
    known = SourceVersion.objects.order_by("aspect")
    assert [(row.aspect, row.taken, row.repeated) for row in known] == [
        ("price", 1, CROWD - 1),
        ("stock", 1, CROWD - 1),
    ]


def test_pitfall_44_of_many_versions_at_once_the_newest_stands() -> None:
    product = ProductFactory.create(sku="CUP-1", price=100, stock_on_hand=10)

    run_together(
        lambda number: take(says(number + 1, price=1_000 + number)), times=CROWD
    )

    product.refresh_from_db()
    assert product.price == 1_000 + CROWD - 1
    assert SourceVersion.objects.get().version == CROWD


def test_pitfall_44_mutant_without_the_comparison_goes_back_in_time() -> None:
    product = ProductFactory.create(sku="CUP-1", price=100, stock_on_hand=10)
    mutant = sources.RAISE_SQL.replace("old.version < %(version)s::bigint", "true")
    assert mutant != sources.RAISE_SQL

    with patch.object(sources, "RAISE_SQL", mutant):
        take(says(2, price=300))
        late = take(says(1, price=200))

    product.refresh_from_db()
    assert (late, product.price) == (Taken.TAKEN, 200)


def test_pitfall_44_effect_that_fails_leaves_its_version_untaken() -> None:
    product = ProductFactory.create(sku="CUP-1", price=100, stock_on_hand=10)

    with (
        patch.object(sources, "count_as_of", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        take(says(1, price=200, stock=3))
    assert take(says(1, price=200, stock=3)) is Taken.TAKEN

    product.refresh_from_db()
    assert (product.price, Stock.objects.get().on_hand) == (200, 3)


def test_pitfall_44_card_is_a_new_one_with_each_version() -> None:
    product = ProductFactory.create(sku="CUP-1", price=10_000, stock_on_hand=10)
    products = Product.objects.with_available()
    [before] = render_cards(card_rows(products))

    catalog.change_price(product_id=product.pk, price=9_000, cause="x", actor_id=None)

    [after] = render_cards(card_rows(products))
    assert ("10,000" in before, "9,000" in after) == (True, True)
    assert "10,000" not in after


# --- 45: a cache decides nothing, and is made once -----------------------------------


def test_pitfall_45_poisoned_cache_decides_no_sale() -> None:
    product = ProductFactory.create(price=10_000, stock_on_hand=1)
    first, second = shoppers(2)
    rows = card_rows(Product.objects.with_available())
    render_cards(rows)
    # Whatever any cache holds says: a bargain, and plenty of it.
    poison = '<article data-price="1" data-stock="999">₩1</article>'
    for key in list(cache._memory):
        cache._memory[key] = poison
        redis.set(cache._redis_key(key), poison, 60)
        redis.set(cache._newest_key(key), poison, 60)
    assert render_cards(rows) == [poison]

    order_id = checkout.place_and_pay(purchase(first, product)).id
    with pytest.raises(InsufficientStock):
        checkout.place_and_pay(purchase(second, product))

    assert Order.objects.get(pk=order_id).subtotal == 10_000
    assert Stock.objects.get().on_hand == 0


class Kitchen:
    """Renders slowly, and counts how often."""

    def __init__(self) -> None:
        self.rendered: list[CardKey] = []
        self._lock = Lock()
        self.barrier: Barrier | None = None

    def render(self, keys: Sequence[CardKey]) -> Mapping[CardKey, str]:
        with self._lock:
            self.rendered += keys
        if self.barrier is not None:
            try:
                self.barrier.wait(5)
            except BrokenBarrierError:
                pass
        else:
            sleep(0.05)
        return {key: f"card {key[-1]}" for key in keys}


@pytest.fixture
def _nothing_is_known() -> None:
    redis.clear()
    cache.forget_memory()


@pytest.mark.usefixtures("_nothing_is_known")
def test_pitfall_45_crowd_has_a_card_rendered_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "WAIT_SECONDS", 30)
    monkeypatch.setattr(cache, "FLIGHT_SECONDS", 60)
    kitchen, key = Kitchen(), ("card", "en", 1, 7)

    results = run_together(lambda _n: cards([key], kitchen.render), times=CROWD)

    assert results == [{key: "card 7"}] * CROWD
    assert kitchen.rendered == [key]


@pytest.mark.usefixtures("_nothing_is_known")
def test_pitfall_45_mutant_without_flights_stampedes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "_takes_off", lambda _key: True)
    kitchen, key = Kitchen(), ("card", "en", 1, 7)
    kitchen.barrier = Barrier(CROWD)

    run_together(lambda _n: cards([key], kitchen.render), times=CROWD)

    assert kitchen.rendered == [key] * CROWD


@pytest.mark.usefixtures("_nothing_is_known")
def test_pitfall_45_older_card_is_shown_while_somebody_renders(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "WAIT_SECONDS", 0.01)
    kitchen = Kitchen()
    older, newer = ("card", "en", 1, 7), ("card", "en", 1, 8)
    cards([older], kitchen.render)
    redis.set(cache._flight_key(newer), 1, 60)

    assert cards([newer], kitchen.render) == {newer: "card 7"}

    # It is not taken for the newer one afterwards.
    redis.delete(cache._flight_key(newer))
    assert cards([newer], kitchen.render) == {newer: "card 8"}
    assert kitchen.rendered == [older, newer]


@pytest.mark.usefixtures("_nothing_is_known")
def test_pitfall_45_who_dies_while_rendering_leaves_the_card_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "WAIT_SECONDS", 0.01)
    kitchen, key = Kitchen(), ("card", "en", 1, 7)
    redis.set(cache._flight_key(key), 1, 60)

    assert cards([key], kitchen.render) == {key: "card 7"}


def test_pitfall_45_cards_do_not_all_run_out_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds: list[int] = []
    monkeypatch.setattr(
        redis, "set_many", lambda _cards, timeout: seconds.append(timeout)
    )

    for number in range(20):
        cards([("card", "en", number, 1)], Kitchen().render)

    assert len(set(seconds)) > 1
    assert min(seconds) >= cache.REDIS_SECONDS * (1 - cache.JITTER) - 1
    assert max(seconds) <= cache.REDIS_SECONDS
