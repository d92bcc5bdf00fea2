"""What a promotion would have cost, from orders and carts that are there."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cart import services as carts
from catalog.models import Product
from checkout import services as checkout
from checkout import simulator
from checkout.services import Purchase
from checkout.simulator import Simulation, Tally, simulate
from common.days import shop_day
from orders.models import Order
from promotions.models import Promotion, PromotionUse
from promotions.pricing import Audience, PromotionKind, Reason
from tests.factories import (
    CouponBatchFactory,
    CouponFactory,
    DeliveryMethodFactory,
    ProductFactory,
    PromotionFactory,
    StaffFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def jar() -> Product:
    DeliveryMethodFactory.create(cost=3_000, free_from=50_000)
    return ProductFactory.create(price=10_000, stock_on_hand=500)


def buy(product: Product, quantity: int = 1, **wish: Any) -> str:
    user = wish.pop("user", None) or UserFactory.create(points=1_000_000)
    purchase = Purchase(
        user_id=user.pk, email=user.email, quantities={product.pk: quantity}, **wish
    )
    return checkout.place_and_pay(purchase).number


def run(draft: Promotion, *, days: int = 30, limit: int = 100) -> Simulation:
    return simulate(draft, days=days, limit=limit)


def draft_of(**values: Any) -> Promotion:
    return PromotionFactory.create(is_active=False, **values)


def test_draft_costs_what_its_orders_would_have_been_cheaper(jar: Product) -> None:
    small, big = buy(jar), buy(jar, 4)

    orders = run(draft_of(value=10, min_spend=20_000)).orders

    assert (orders.seen, orders.touched, orders.cost) == (2, 1, 4_000)
    assert (orders.turnover, orders.share, orders.cost_share) == (43_000, 50, 9.3)
    assert orders.biggest is not None
    assert (orders.biggest.label, orders.biggest.amount) == (big, 4_000)
    assert orders.biggest.label != small
    assert orders.refused == {Reason.BELOW_MIN_SPEND: 1}
    assert orders.cost_by_day == {shop_day(timezone.now()): 4_000}


def test_simulation_changes_nothing(jar: Product) -> None:
    buy(jar)
    draft = draft_of(budget=50_000)
    before = list(Order.objects.values()), list(Promotion.objects.values())

    run(draft)

    assert (list(Order.objects.values()), list(Promotion.objects.values())) == before
    assert not PromotionUse.objects.exists()


def test_old_and_dead_orders_do_not_count(jar: Product) -> None:
    user = UserFactory.create(points=1_000_000)
    cancelled = checkout.place_order(
        Purchase(user_id=user.pk, email=user.email, quantities={jar.pk: 1})
    )
    checkout.cancel(order_id=cancelled.id, user_id=user.pk, actor_id=None, reason="")
    buy(jar)

    draft = draft_of()

    assert run(draft).orders.seen == 1
    assert simulate(draft, days=0, limit=9).orders.seen == 0


def test_discounts_that_were_given_stay_as_they_were(jar: Product) -> None:
    PromotionFactory.create(value=50)
    batch = CouponBatchFactory.create(value=10, max_discount=None)
    user = UserFactory.create(points=1_000_000)
    coupon = CouponFactory.create(user=user, batch=batch)
    buy(jar, user=user, coupon_id=coupon.pk)

    orders = run(draft_of(value=20)).orders

    # 10,000 → 5,000 → 4,500 with the coupon; the draft takes a fifth before it:
    # 5,000 → 4,000 → 3,600.
    assert (orders.turnover, orders.cost) == (7_500, 900)


def test_draft_in_a_group_tells_whom_it_displaces(jar: Product) -> None:
    PromotionFactory.create(name="Autumn", exclusive_group="season", value=10)
    buy(jar)

    stronger = run(draft_of(exclusive_group="season", priority=5, value=30)).orders
    weaker = run(draft_of(exclusive_group="season", priority=-5, value=30)).orders

    assert (stronger.cost, stronger.displaced) == (2_000, {"Autumn": 1})
    assert (weaker.touched, weaker.displaced_by) == (0, {"Autumn": 1})
    assert weaker.refused == {Reason.EXCLUDED: 1}


def test_budget_runs_out_as_it_would_have(jar: Product) -> None:
    for _order in range(3):
        buy(jar)

    orders = run(draft_of(value=10, budget=2_500)).orders

    assert (orders.touched, orders.cost) == (2, 2_000)
    assert orders.refused == {Reason.BUDGET_SPENT: 1}


def test_audience_is_that_of_the_moment(jar: Product) -> None:
    user = UserFactory.create(points=1_000_000)
    for _order in range(4):
        buy(jar, user=user)

    new = run(draft_of(audience=Audience.NEW)).orders
    regulars = run(draft_of(audience=Audience.REGULARS)).orders

    # The first order was a new buyer's; before the fourth there were three.
    assert (new.touched, new.refused) == (1, {Reason.NOT_FOR_YOU: 3})
    assert (regulars.touched, regulars.refused) == (1, {Reason.NOT_FOR_YOU: 3})


def test_free_delivery_and_free_orders_are_counted(jar: Product) -> None:
    buy(jar)

    delivery = run(draft_of(kind=PromotionKind.FREE_DELIVERY, value=0)).orders
    everything = run(draft_of(value=100)).orders

    assert (delivery.cost, delivery.free) == (3_000, 0)
    assert (everything.cost, everything.free) == (10_000, 0)
    DeliveryMethodFactory._meta.model.objects.update(cost=0)
    buy(jar)
    assert run(draft_of(value=100)).orders.free == 1


def test_scope_is_that_of_the_shelves_below(jar: Product) -> None:
    other = ProductFactory.create(price=7_000)
    buy(jar)
    buy(other)
    draft = draft_of(value=10)
    draft.categories.add(other.category)

    orders = run(draft).orders

    assert (orders.touched, orders.cost) == (1, 700)
    assert orders.refused == {Reason.NOT_IN_CART: 1}


def test_carts_of_this_moment_are_priced_as_well(jar: Product) -> None:
    own = carts.of_user(UserFactory.create().pk)
    guests = carts.of_guest("a" * 43)
    carts.add(cart_id=own.pk, product_id=jar.pk, quantity=3)
    carts.add(cart_id=guests.pk, product_id=jar.pk, quantity=1)

    found = run(draft_of(value=10, min_spend=20_000))
    new = run(draft_of(audience=Audience.NEW))

    assert (found.carts.seen, found.carts.touched, found.carts.cost) == (2, 1, 3_000)
    assert found.orders == Tally()
    assert (new.carts.touched, new.carts.refused) == (1, {Reason.NOT_FOR_YOU: 1})


def test_limit_takes_the_newest_and_says_so(jar: Product) -> None:
    for quantity in (1, 2, 3):
        buy(jar, quantity)

    found = run(draft_of(value=10), limit=2)

    assert found.is_cut
    assert (found.orders.seen, found.orders.cost) == (2, 5_000)


def test_orders_are_read_page_by_page(jar: Product) -> None:
    for quantity in (1, 2, 3, 4, 5):
        buy(jar, quantity)
    draft = draft_of(value=10, budget=5_500)
    whole = run(draft, limit=4)

    with patch.object(simulator, "PAGE", 2), CaptureQueriesContext(connection) as sent:
        found = run(draft, limit=4)

    # The budget lasts for the second and third: it runs out as it would have.
    assert (found.orders.seen, found.orders.cost) == (4, 5_000)
    assert found == replace(whole, since=found.since)
    texts = [one["sql"] for one in sent.captured_queries]
    assert sum("jsonb_array_elements(placed.adjustments)" in one for one in texts) == 3


def test_command_prints_figures_and_json(jar: Product) -> None:
    buy(jar)
    draft = draft_of(value=10)

    text, data = StringIO(), StringIO()
    call_command("simulate_promotion", draft.pk, stdout=text)
    call_command("simulate_promotion", draft.pk, "--json", stdout=data)

    assert "Orders: 1 of 1 would get it (100 %)" in text.getvalue()
    assert "cost ₩1,000" in text.getvalue()
    assert json.loads(data.getvalue())["orders"]["cost"] == 1_000


def test_command_refuses_what_makes_no_sense() -> None:
    with pytest.raises(CommandError, match="no promotion 999"):
        call_command("simulate_promotion", 999)
    for days in ("0", "3651", str(10**12)):
        with pytest.raises(CommandError, match="from 1 to 3650"):
            call_command("simulate_promotion", draft_of().pk, "--days", days)


def test_page_is_for_staff_with_the_permission(client: Client, jar: Product) -> None:
    buy(jar)
    draft = draft_of(name="Winter", value=10)
    path = f"/admin/promotions/promotion/{draft.pk}/simulate/"

    client.force_login(UserFactory.create(is_staff=True))
    assert client.get(path).status_code == 403
    client.force_login(StaffFactory.create())
    page = client.get(path, {"days": "7"})

    assert page.status_code == 200
    assert "₩1,000 (7.7 %)" in page.content.decode()
    assert client.get(path, {"days": "nonsense"}).status_code == 200
    assert client.get(path.replace(str(draft.pk), "999999")).status_code == 404


def test_dates_of_the_draft_do_not_matter(jar: Product) -> None:
    buy(jar)
    later = timezone.now() + timedelta(days=9)

    assert run(draft_of(starts_at=later)).orders.touched == 1


def test_page_of_a_promotion_leads_to_its_simulation(client: Client) -> None:
    draft = draft_of()
    client.force_login(StaffFactory.create())

    page = client.get(f"/admin/promotions/promotion/{draft.pk}/change/")

    address = f'href="/admin/promotions/promotion/{draft.pk}/simulate/"'
    assert address in page.content.decode()
