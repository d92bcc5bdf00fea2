"""Staff's reports by API, and what is trending, for everybody."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts.models import User
from analytics import services as analytics
from analytics import trends
from catalog.models import FruitlessSearch, Product
from common.days import bounds, shop_day
from orders.models import OrderStatus
from tests.analytics.history import given_back, sold
from tests.api.client import Api
from tests.factories import (
    CategoryFactory,
    CouponFactory,
    ProductFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
REPORTS = ("sales", "top", "campaigns", "search")
HERE = "/api/v1/analytics"


@pytest.fixture(autouse=True)
def _day_stands_still() -> Iterator[None]:
    """Keep midnight from coming in the middle of a test."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


@pytest.fixture
def analyst() -> Api:
    """Somebody who may look at the sales and at nothing else."""
    user = UserFactory.create(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_dailysales"))
    return Api(user)


@pytest.fixture
def product() -> Product:
    """Sold three times yesterday, for 10,000 each; one came back today."""
    product: Product = ProductFactory.create(price=10_000, name="Mug")
    noon = bounds(shop_day(timezone.now()) - timedelta(days=1))[0]
    order = sold(
        noon, {product: 3}, delivery=3_000, delivery_method="standard", discount=600
    )
    given_back(bounds(shop_day(timezone.now()))[0], order, {product: 1})
    for days in (0, 1):
        analytics.roll_up_day(shop_day(timezone.now()) - timedelta(days=days))
    return product


@pytest.mark.parametrize("report", REPORTS)
def test_report_takes_its_permission(
    report: str, api: Api, guest: Api, analyst: Api
) -> None:
    assert guest.get(f"{HERE}/{report}").status == 401
    assert api.get(f"{HERE}/{report}").status == 403
    answer = analyst.get(f"{HERE}/{report}")
    assert answer.status == 200
    assert answer.header("Cache-Control") == "private, max-age=60"


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize(
    "query",
    [
        "from=2026-02-02&to=2026-02-01",
        "from=2020-01-01&to=2026-01-01",
        "from=tomorrow",
        "limit=0",
        "to=0001-01-01",
        "from=9999-12-30&to=9999-12-31",
    ],
)
def test_days_that_make_no_sense_are_refused(
    report: str, query: str, analyst: Api
) -> None:
    assert analyst.get(f"{HERE}/{report}?{query}").status == 400


def amounts(row: dict[str, Any]) -> tuple[int, int, int]:
    revenue, refunded, net = (
        row[name]["amount"] for name in ("revenue", "refunded", "net")
    )
    return revenue, refunded, net


def test_sales_are_told_by_day_with_net_and_refunds(
    product: Product, analyst: Api
) -> None:
    today = shop_day(timezone.now())
    body = analyst.get(f"{HERE}/sales?from={today - timedelta(days=2)}").body

    rows = {row["key"]: row for row in body["items"]}
    assert [amounts(row) for row in rows.values()] == [
        (0, 0, 0),
        (32_400, 0, 32_400),
        (0, 10_000, -10_000),
    ]
    yesterday = rows[str(today - timedelta(days=1))]
    assert (yesterday["orders"], yesterday["units"]) == (1, 3)
    assert yesterday["average_order"]["amount"] == 32_400
    assert rows[str(today)]["average_order"] is None
    assert body["computed_at"] is not None


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("product", ("Mug", 1, 2, (29_400, 10_000, 19_400))),
        ("category", ("Tea", None, 2, (29_400, 10_000, 19_400))),
        ("delivery", ("standard", 1, None, (32_400, 10_000, 22_400))),
    ],
)
def test_sales_are_told_by_what_was_sold(
    group: str, expected: Any, product: Product, analyst: Api
) -> None:
    Product.objects.filter(pk=product.pk).update(
        category=CategoryFactory.create(name="Tea")
    )

    [row] = analyst.get(f"{HERE}/sales?group={group}").body["items"]

    assert (row["name"], row["orders"], row["units"], amounts(row)) == expected


def test_week_and_month_add_up_to_the_same(product: Product, analyst: Api) -> None:
    totals = {
        group: sum(
            row["net"]["amount"]
            for row in analyst.get(f"{HERE}/sales?group={group}").body["items"]
        )
        for group in ("day", "week", "month")
    }

    assert set(totals.values()) == {22_400}


def test_top_products_are_ranked_by_what_they_brought(
    product: Product, analyst: Api
) -> None:
    [row] = analyst.get(f"{HERE}/top").body["items"]

    assert (row["rank"], row["product_id"], row["units"]) == (1, product.pk, 2)
    assert row["net"]["amount"] == 19_400


def test_campaign_tells_what_became_of_its_coupons(analyst: Api, user: User) -> None:
    coupon, product = CouponFactory.create(user=user), ProductFactory.create(price=100)
    order = sold(
        timezone.now(),
        {product: 10},
        user=user,
        discount=100,
        status=OrderStatus.DELIVERED,
        coupon_id=coupon.pk,
        adjustments=[{"kind": "coupon", "label": "Welcome", "amount": -100}],
    )
    type(coupon).objects.filter(pk=coupon.pk).update(state="used", order=order)

    [row] = analyst.get(f"{HERE}/campaigns").body["items"]

    assert (row["kind"], row["issued"], row["used"]) == ("coupon", 1, 1)
    assert (row["revenue"]["amount"], row["cost"]["amount"]) == (900, 100)
    assert row["new_buyers"] == 1
    assert row["uplift"]["confidence"] == "none"


def test_searches_in_vain_are_listed_by_how_often(analyst: Api) -> None:
    now = timezone.now()
    for text, times in (("unicorn", 2), ("dragon", 5)):
        FruitlessSearch.objects.create(text=text, times=times, last_at=now)

    body = analyst.get(f"{HERE}/search").body

    assert [(row["text"], row["times"]) for row in body["items"]] == [
        ("dragon", 5),
        ("unicorn", 2),
    ]


def test_trending_products_come_with_their_reason(guest: Api) -> None:
    assert guest.get("/api/v1/products/trending").body == {
        "items": [],
        "computed_at": None,
    }
    tea = CategoryFactory.create()
    steady, rising = ProductFactory.create(), ProductFactory.create(category=tea)
    today = bounds(shop_day(timezone.now()))[0]
    for days in range(20):
        for _ in range(3):
            sold(today - timedelta(days=days), {steady: 1})
        analytics.roll_up_day(shop_day(today) - timedelta(days=days))
    for _ in range(8):
        sold(today, {rising: 1})
    analytics.roll_up_day(shop_day(today))
    trends.refresh()

    body = guest.get("/api/v1/products/trending").body
    only_tea = guest.get(f"/api/v1/products/trending?category={tea.slug}").body

    assert [
        (item["product"]["id"], item["reason"]["code"], item["reason"]["orders"])
        for item in body["items"]
    ] == [(rising.pk, "rising", 8), (steady.pk, "in_demand", 9)]
    assert body["items"][1]["reason"]["usual"] == 9.0
    assert body["computed_at"] is not None
    assert [item["product"]["id"] for item in only_tea["items"]] == [rising.pk]
    assert guest.get("/api/v1/products/trending?category=nowhere").status == 400


def test_best_sellers_of_a_category(guest: Api, product: Product) -> None:
    other = CategoryFactory.create()

    here = guest.get(f"/api/v1/products/best?category={product.category.slug}").body
    there = guest.get(f"/api/v1/products/best?category={other.slug}").body

    assert [item["product"]["id"] for item in here["items"]] == [product.pk]
    assert there["items"] == []
