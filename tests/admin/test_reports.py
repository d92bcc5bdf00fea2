"""The reports of the admin: who may see them, what they say, and as a file."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics import funnel, trends
from analytics import services as analytics
from analytics.models import DailySales, DirtyDay
from analytics.pages import PAGES
from catalog.models import Product
from common.days import shop_day
from tests.admin.acting import told
from tests.factories import UserFactory
from tests.shops import Shop

pytestmark = pytest.mark.django_db
HERE = "/admin/analytics/dailysales/reports"
NAMES = [page.name for page in PAGES]


@pytest.fixture(autouse=True)
def _day_stands_still() -> Iterator[None]:
    """Keep midnight from coming in the middle of a test."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


def staff(client: Client, *codenames: str) -> User:
    """Sign somebody in who may do just that."""
    user: User = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)
    return user


@pytest.mark.parametrize("name", NAMES)
def test_report_opens_and_can_be_downloaded(
    name: str, shop: Shop, boss: User, client: Client
) -> None:
    trends.refresh()
    funnel.count_fresh_days()

    page = client.get(f"{HERE}/{name}/")
    file = client.get(f"{HERE}/{name}/", {"format": "csv"})

    assert page.status_code == 200
    assert "style=" not in page.content.decode()
    text = b"".join(file.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    header, *rows = csv.reader(StringIO(text))
    [table, *_others] = page.context["report"].tables
    assert header == [str(column.label) for column in table.columns]
    assert len(rows) == len(table.values)
    assert file["Content-Disposition"].startswith(f'attachment; filename="{name}-')


@pytest.mark.parametrize("name", NAMES)
def test_report_of_an_empty_shop_opens(name: str, boss: User, client: Client) -> None:
    assert client.get(f"{HERE}/{name}/").status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_report_takes_its_permission(name: str, client: Client) -> None:
    staff(client, "view_order")
    assert client.get(f"{HERE}/{name}/").status_code == 403

    staff(client, "view_dailysales")
    assert client.get(f"{HERE}/{name}/").status_code == 200


def test_shopper_sees_no_report(client: Client) -> None:
    client.force_login(UserFactory.create())

    assert client.get(f"{HERE}/sales/").status_code == 302


def test_unknown_report_and_table_are_not_found(boss: User, client: Client) -> None:
    assert client.get(f"{HERE}/weather/").status_code == 404
    answer = client.get(f"{HERE}/sales/", {"format": "csv", "table": "7"})
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        {"first": "2026-02-02", "last": "2026-02-01"},
        {"first": "0001-01-01", "last": "0001-01-02"},
        {"first": "yesterday", "last": "2026-02-01"},
        {"grain": "hour"},
    ],
)
def test_days_that_make_no_sense_show_the_usual_ones(
    query: dict[str, str], boss: User, client: Client
) -> None:
    page = client.get(f"{HERE}/sales/", query)

    assert page.status_code == 200
    assert page.context["form"].errors
    assert page.context["period"].last == shop_day(timezone.now())


def test_sales_report_adds_up_what_was_sold(
    shop: Shop, boss: User, client: Client
) -> None:
    today = shop_day(timezone.now())
    days = {"first": str(today - timedelta(days=20)), "last": str(today)}

    totals = set()
    for grain in ("day", "week", "month"):
        page = client.get(f"{HERE}/sales/", {**days, "grain": grain})
        [table] = page.context["report"].tables
        totals.add(tuple(sum(row[place] for row in table.values) for place in (1, 5)))

    assert len(totals) == 1
    [(orders, net)] = totals
    assert orders > 0
    assert net > 0


def test_name_that_looks_like_a_formula_is_none_in_the_file(
    shop: Shop, boss: User, client: Client
) -> None:
    Product.objects.update(name="=HYPERLINK()")

    file = client.get(f"{HERE}/products/", {"format": "csv"})

    text = b"".join(file.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    names = {row[0] for row in list(csv.reader(StringIO(text)))[1:]}
    assert names == {"'=HYPERLINK()"}


def test_days_are_rolled_up_again_and_that_is_written_down(
    shop: Shop, boss: User, client: Client
) -> None:
    analytics.roll_up_fresh_days()
    right = DailySales.objects.latest("pk").units
    DailySales.objects.filter(pk=DailySales.objects.latest("pk").pk).update(units=999)
    today = shop_day(timezone.now())
    days = {"first": str(today - timedelta(days=9)), "last": str(today)}

    answer: Any = client.post(f"{HERE}/recompute/", {**days, "grain": "day"})

    assert told(answer) == ["Days rolled up again: 10. Rows that differed: 1."]
    assert DailySales.objects.latest("pk").units == right
    assert LogEntry.objects.get().change_message == "Rolled up again"


def test_many_days_are_left_to_the_worker(boss: User, client: Client) -> None:
    today = shop_day(timezone.now())
    days = {"first": str(today - timedelta(days=99)), "last": str(today)}

    client.post(f"{HERE}/recompute/", {**days, "grain": "day"})

    assert DirtyDay.objects.count() == 100


def test_rolling_up_takes_its_permission(client: Client) -> None:
    staff(client, "view_dailysales")
    today = str(shop_day(timezone.now()))

    answer = client.post(
        f"{HERE}/recompute/", {"first": today, "last": today, "grain": "day"}
    )

    assert answer.status_code == 403
    assert client.get(f"{HERE}/recompute/").status_code == 405
    assert b"Roll these days up again" not in client.get(f"{HERE}/sales/").content


def test_customers_page_says_what_they_buy(
    shop: Shop, boss: User, client: Client
) -> None:
    page = client.get(f"/admin/accounts/user/{shop.user.pk}/change/").content.decode()
    other = client.get(f"/admin/accounts/user/{shop.other.pk}/change/").content.decode()

    assert "What they buy" in page
    assert "Favourite categories" in page
    assert "They have not bought anything yet." in other

    staff(client, "view_user")
    page = client.get(f"/admin/accounts/user/{shop.user.pk}/change/").content.decode()
    assert "What they buy" not in page
