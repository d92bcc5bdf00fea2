"""What goes together, who is shown it, and who is spared it."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import combinations
from random import Random
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User
from analytics import behaviour, picks, privacy, pseudonyms, recommendations, trial
from analytics import services as analytics
from analytics.models import CategoryFavourite, ItemPair, PairKind, PairRun
from analytics.picks import Audience, Pick, varied
from analytics.pseudonyms import PLAIN_OF_256
from analytics.reasons import reason_text
from analytics.recommendations import (
    FEWEST_TOGETHER,
    ORDER_WINDOW,
    SHRINKAGE,
    make_favourites,
    make_pairs,
)
from analytics.tasks import make_recommendations
from cart import services as carts
from catalog.models import Product, ProductGroup
from checkout import services as checkout
from common.days import shop_day
from orders.models import OrderLine, OrderStatus
from tests.analytics.observing import (
    act,
    buy,
    crowd,
    look,
    plain_visitor,
    visitor,
)
from tests.factories import CategoryFactory, ProductFactory
from tests.races.stage import shoppers

pytestmark = pytest.mark.django_db
NOBODY = Audience()


def products(number: int, **more: object) -> list[Product]:
    return ProductFactory.create_batch(number, stock_on_hand=500, **more)


def ids(found: Sequence[Pick]) -> list[int]:
    return [pick.id for pick in found]


@pytest.fixture
def town() -> None:
    """Let others buy and look at something else: a pair stands out of many."""
    [other] = products(1)
    crowd(25, other)
    behaviour.record(act("view", visitor(number), other) for number in range(60, 85))


def pair(one: Product, two: Product, kind: PairKind = PairKind.BOUGHT) -> ItemPair:
    return ItemPair.objects.get(product=one, other=two, kind=kind)


# --- The formula ---------------------------------------------------------------------


Bought = tuple[UUID, int, datetime]  # in which order, what, when


def oracle() -> dict[tuple[int, int], tuple[float, int, int]]:
    """Compute pairs as the docstring says it, one shopper after the other."""
    lines = OrderLine.objects.filter(order__status=OrderStatus.PAID)
    taken: dict[int | None, list[Bought]] = {}
    for line in lines.select_related("order"):
        assert line.paid_at is not None
        bought = (line.order_id, line.product_id, line.paid_at)
        taken.setdefault(line.order.user_id, []).append(bought)
    having = Counter(p for acts in taken.values() for p in {a[1] for a in acts})
    together: Counter[tuple[int, int]] = Counter()
    orders: Counter[tuple[int, int]] = Counter()
    for acts in taken.values():
        orders.update(pairs_of(acts, timedelta(0)))
        together.update(set(pairs_of(acts, ORDER_WINDOW)))
    found = {}
    for (one, two), count in together.items():
        expected = having[one] * having[two] / len(taken)
        score = round((count + SHRINKAGE) / (expected + SHRINKAGE), 6)
        if count >= FEWEST_TOGETHER and score > 1:
            value = (score, count, orders[one, two])
            found[one, two] = found[two, one] = value
    return found


def pairs_of(acts: list[Bought], window: timedelta) -> list[tuple[int, int]]:
    """Return the pairs of one shopper; none of theirs is in two orders at once."""
    return [
        (min(one[1], two[1]), max(one[1], two[1]))
        for one, two in combinations(acts, 2)
        if one[1] != two[1]
        and (one[0] == two[0] or (window and abs(one[2] - two[2]) <= window))
    ]


def test_pairs_are_what_the_formula_says() -> None:
    rng = Random(4)
    shelf = products(8)
    users = shoppers(12)
    for user in users:
        for _ in range(rng.randint(1, 4)):
            # Some of the same shopper's orders are within the window, some are not.
            ago = timedelta(hours=rng.randint(1, 200))
            buy(user, *rng.sample(shelf, rng.randint(1, 3)), ago=ago)

    make_pairs(PairKind.BOUGHT)

    made = {
        (row.product_id, row.other_id): (row.score, row.together, row.orders)
        for row in ItemPair.objects.all()
    }
    expected = oracle()
    assert len(expected) > 6
    assert made.keys() == expected.keys()
    for key, (score, together, orders) in expected.items():
        assert made[key][0] == pytest.approx(score, abs=1e-6)
        assert made[key][1:] == (together, orders)


@pytest.mark.usefixtures("town")
def test_one_shopper_never_makes_a_pair_and_few_do_not_beat_thirty() -> None:
    popular, partner, rare, odd, once = products(5)
    crowd(30, popular, partner)
    crowd(2, rare, odd)
    [single] = shoppers(1)
    for _ in range(5):
        buy(single, popular, once)

    make_pairs(PairKind.BOUGHT)

    assert not ItemPair.objects.filter(other=once).exists()
    assert pair(popular, partner).together == 30
    assert pair(rare, odd).score < pair(popular, partner).score
    # Plain lift would think the world of it: 58 · 2 / (2 · 2) = 29.
    assert 1 < pair(rare, odd).score < 1.2


def test_what_everybody_buys_anyway_is_no_pair() -> None:
    milk, lamp, other = products(3)
    users = shoppers(12)
    for number, user in enumerate(users):
        buy(user, milk)
        buy(user, lamp if number < 6 else other)

    make_pairs(PairKind.BOUGHT)

    # As many as chance would have: no score above one.
    assert not ItemPair.objects.filter(product=milk).exists()


def test_unpaid_cancelled_and_old_orders_do_not_count() -> None:
    one, two = products(2)
    for user in crowd(2, one, two):
        [order] = user.orders.all()
        checkout.cancel(
            order_id=order.pk, user_id=user.pk, actor_id=user.pk, reason="no"
        )
    for user in shoppers(2):
        buy(user, one, two, ago=recommendations.ORDER_HISTORY + timedelta(days=1))

    assert make_pairs(PairKind.BOUGHT).pairs == 0


@pytest.mark.usefixtures("town")
def test_visits_make_pairs_within_one_visit() -> None:
    lamp, shade, chair = products(3)
    for number in range(4):
        actor = visitor(number)
        look(actor, lamp, shade)
        behaviour.record([act("view", actor, chair, session="another")])

    make_pairs(PairKind.VIEWED)

    found = pair(lamp, shade, PairKind.VIEWED)
    assert (found.together, found.orders) == (4, 4)
    assert not ItemPair.objects.filter(other=chair).exists()


@pytest.mark.usefixtures("town")
def test_second_run_of_the_night_writes_nothing() -> None:
    one, two, three = products(3)
    crowd(3, one, two)
    first = make_pairs(PairKind.BOUGHT)
    rows = list(ItemPair.objects.order_by("pk").values_list("pk", "score"))

    assert first.changed == 2
    assert make_pairs(PairKind.BOUGHT).changed == 0
    assert list(ItemPair.objects.order_by("pk").values_list("pk", "score")) == rows

    crowd(3, two, three)
    # Fewer than all know each other now: the old pair has another score.
    assert make_pairs(PairKind.BOUGHT).changed == 4
    assert PairRun.objects.get().pairs == 4


def test_pair_that_no_longer_holds_goes() -> None:
    one, two, three = products(3)
    crowd(2, one, two)
    make_pairs(PairKind.BOUGHT)
    ItemPair.objects.create(
        product=one, other=three, kind=PairKind.BOUGHT, score=9, together=9
    )
    ItemPair.objects.create(
        product=one, other=three, kind=PairKind.VIEWED, score=9, together=9
    )

    assert make_pairs(PairKind.BOUGHT).changed == 1
    assert not ItemPair.objects.filter(other=three, kind=PairKind.BOUGHT).exists()
    assert ItemPair.objects.filter(other=three, kind=PairKind.VIEWED).exists()


@pytest.mark.usefixtures("town")
def test_pairs_are_made_once_a_night_and_favourites_each_time() -> None:
    one, two = products(2)
    crowd(2, one, two)
    make_recommendations()
    assert ItemPair.objects.count() == 2
    first = dict(PairRun.objects.values_list("kind", "computed_at"))
    analytics.roll_up_day(shop_day(timezone.now()))

    make_recommendations()

    assert CategoryFavourite.objects.filter(product__in=[one, two]).count() == 2
    assert dict(PairRun.objects.values_list("kind", "computed_at")) == first

    PairRun.objects.update(computed_at=timezone.now() - timedelta(days=1))
    make_recommendations()
    assert PairRun.objects.get(kind="also_bought").computed_at > first["also_bought"]


# --- What may be shown ---------------------------------------------------------------


@pytest.mark.usefixtures("town")
def test_only_what_is_on_sale_and_in_stock_at_this_moment_is_shown() -> None:
    lamp, bulb, gone, hidden = products(4)
    crowd(3, lamp, bulb, gone, hidden)
    make_pairs(PairKind.BOUGHT)
    assert set(ids(picks.related([lamp.pk], NOBODY))) == {bulb.pk, gone.pk, hidden.pk}

    _sell_out(gone)
    Product.objects.filter(pk=hidden.pk).update(published_at=None)

    assert ids(picks.related([lamp.pk], NOBODY)) == [bulb.pk]


@pytest.mark.usefixtures("town")
def test_reason_says_how_many_orders_had_both() -> None:
    lamp, bulb = products(2)
    crowd(4, lamp, bulb)
    make_pairs(PairKind.BOUGHT)

    [pick] = picks.related([lamp.pk], NOBODY)

    assert (pick.why, pick.number) == (picks.BOUGHT_TOGETHER, 4)
    assert reason_text(pick) == "Bought together in 4 orders"


def test_product_without_pairs_gets_what_its_category_sells_then_what_is_new() -> None:
    shelf = CategoryFactory.create(name="Lamps")
    lamp, best, new = products(3, category=shelf)
    products(2)
    for user in shoppers(1):
        buy(user, best, ago=timedelta(0))
    analytics.roll_up_day(shop_day(timezone.now()))
    make_favourites()

    found = picks.related([lamp.pk], NOBODY)

    assert [(pick.id, pick.why) for pick in found] == [
        (best.pk, picks.POPULAR),
        (new.pk, picks.SHELF),
    ]
    assert reason_text(found[0]) == "Popular in Lamps this week"
    assert reason_text(found[1]) == "New in Lamps"


@pytest.mark.usefixtures("town")
def test_ties_go_to_the_lower_id() -> None:
    lamp, *others = products(6)
    crowd(3, lamp, *others)
    make_pairs(PairKind.BOUGHT)

    found = ids(picks.related([lamp.pk], NOBODY))

    assert found == sorted(other.pk for other in others)


@pytest.mark.usefixtures("town")
def test_other_sizes_of_the_product_are_not_related_to_it() -> None:
    group = ProductGroup.objects.create(name="Shirt")
    small, large = products(2, group=group)
    crowd(3, small, large)
    make_pairs(PairKind.BOUGHT)

    assert picks.related([small.pk], NOBODY) == []


def test_list_has_two_of_a_group_and_half_of_a_category() -> None:
    def pick(number: int, category: int, group: int | None = None) -> Pick:
        return Pick(number, 1, 1, category, group, 1, picks.SHELF, 0, "")

    same = [pick(number, 1) for number in range(10)]
    mixed = [*same, *(pick(number, number) for number in range(10, 13))]
    sizes = [pick(number, number, group=7) for number in range(5)]

    assert ids(varied(mixed, 4)) == [0, 1, 10, 11]
    assert ids(varied(same, 4)) == [0, 1, 2, 3]
    assert ids(varied(sizes, 4)) == [0, 1]


# --- For you -------------------------------------------------------------------------


@pytest.fixture
def shopper() -> User:
    [user] = shoppers(1)
    return user


def for_you(user: User) -> list[Pick]:
    choices = privacy.choices_of(user.pk)
    actor = pseudonyms.of_user(user.pk) if choices.consents else None
    return picks.for_you(Audience(user.pk, actor), 10)


def test_for_you_comes_from_own_orders_visits_and_cart(shopper: User) -> None:
    had, fits_had, seen, fits_seen, wanted, fits_wanted = products(6)
    for one, two in ((had, fits_had), (seen, fits_seen), (wanted, fits_wanted)):
        crowd(3, one, two)
    make_pairs(PairKind.BOUGHT)
    assert for_you(shopper) == []

    buy(shopper, had)
    carts.add(cart_id=carts.of_user(shopper.pk).pk, product_id=wanted.pk, quantity=1)
    privacy.choose(user_id=shopper.pk, consents=True)
    look(pseudonyms.of_user(shopper.pk), seen)

    found = for_you(shopper)
    assert {pick.id: pick.why for pick in found} == {
        fits_had.pk: picks.BECAUSE_BOUGHT,
        fits_seen.pk: picks.BECAUSE_VIEWED,
        fits_wanted.pk: picks.BECAUSE_IN_CART,
    }
    names = {pick.id: pick.name for pick in found}
    assert names[fits_seen.pk] == seen.name
    # A wish counts more than what one has.
    assert ids(found) == [fits_wanted.pk, fits_seen.pk, fits_had.pk]


@pytest.mark.usefixtures("town")
def test_what_was_bought_within_30_days_is_not_recommended(shopper: User) -> None:
    seen, lately, long_ago = products(3)
    for other in (lately, long_ago):
        crowd(3, seen, other)
    make_pairs(PairKind.BOUGHT)
    buy(shopper, seen)
    buy(shopper, lately, ago=timedelta(days=29))
    buy(shopper, long_ago, ago=timedelta(days=31))

    assert lately.pk not in ids(for_you(shopper))


@pytest.mark.usefixtures("town")
def test_views_without_consent_are_not_looked_at(shopper: User) -> None:
    seen, fits = products(2)
    crowd(3, seen, fits)
    make_pairs(PairKind.BOUGHT)
    look(pseudonyms.of_user(shopper.pk), seen)

    assert for_you(shopper) == []


def test_recently_viewed_is_the_last_first_and_only_with_consent() -> None:
    one, two = products(2)
    look(visitor(), one, ago=timedelta(minutes=9))
    look(visitor(), two)

    assert ids(picks.recently_viewed(Audience(actor=visitor()), 5)) == [two.pk, one.pk]
    assert picks.recently_viewed(NOBODY, 5) == []


@pytest.mark.usefixtures("town")
def test_dismissed_product_is_in_no_list_until_it_is_taken_back(shopper: User) -> None:
    lamp, bulb = products(2)
    crowd(3, lamp, bulb)
    make_pairs(PairKind.BOUGHT)
    analytics.roll_up_day(shop_day(timezone.now()))
    make_favourites()
    buy(shopper, lamp)
    audience = Audience(shopper.pk)

    def shown() -> list[bool]:
        lists = (
            picks.related([lamp.pk], audience),
            picks.for_you(audience, 10),
            picks.popular(audience, 10),
        )
        return [bulb.pk in ids(found) for found in lists]

    assert shown() == [True, True, True]

    assert privacy.dismiss(user_id=shopper.pk, product_id=bulb.pk) is True
    assert privacy.dismiss(user_id=shopper.pk, product_id=bulb.pk) is False
    assert shown() == [False, False, False]

    assert privacy.undo_dismissal(user_id=shopper.pk, product_id=bulb.pk) is True
    assert shown() == [True, True, True]


@pytest.mark.usefixtures("town")
def test_visitor_s_own_list_is_honoured_as_well() -> None:
    lamp, bulb = products(2)
    crowd(3, lamp, bulb)
    make_pairs(PairKind.BOUGHT)

    assert picks.related([lamp.pk], Audience(without=(bulb.pk,))) == []


# --- The test ------------------------------------------------------------------------


def test_a_tenth_of_the_actors_sees_plain_lists_always_the_same() -> None:
    names = [pseudonyms.of_user(number) for number in range(5_000)]
    plain = [name for name in names if pseudonyms.is_plain(name)]

    assert 0.08 < len(plain) / len(names) < 0.12
    assert plain == [name for name in names if pseudonyms.is_plain(name)]
    assert pseudonyms.is_plain(None) is False
    assert PLAIN_OF_256 == 26


@pytest.mark.usefixtures("town")
def test_plain_list_knows_no_pairs_and_no_ranking() -> None:
    shelf = CategoryFactory.create()
    lamp, bulb = products(2, category=shelf)
    [far] = products(1)
    crowd(3, lamp, far)
    make_pairs(PairKind.BOUGHT)

    found = picks.related([lamp.pk], Audience(clever=False))

    assert [(pick.id, pick.why) for pick in found] == [(bulb.pk, picks.SHELF)]


def test_report_counts_both_arms() -> None:
    [lamp] = products(1)
    clever, plain = visitor(), plain_visitor()
    behaviour.record(
        [
            *(act("shown", clever, source="related") for _ in range(4)),
            act("click", clever, lamp, source="related"),
            act("purchase", clever, lamp),
            *(act("shown", plain, source="related") for _ in range(2)),
            act("click", plain, lamp, source="related"),
            act("shown", plain, source="no_such_list"),
        ]
    )

    rows = {(row.source, row.is_plain): row for row in trial.report()}

    assert len(rows) == 2 * len(trial.LISTS)
    one, two = rows["related", False], rows["related", True]
    assert (one.actors, one.shown, one.clicks, one.bought) == (1, 4, 1, 1)
    assert (two.actors, two.shown, two.clicks, two.bought) == (1, 2, 1, 0)
    assert (one.click_rate, two.click_rate) == (25.0, 50.0)
    assert rows["cart", False].shown == 0


def _sell_out(product: Product) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inventory_stock SET reserved = on_hand WHERE product_id = %s",
            [product.pk],
        )
