"""The first page of the admin: each sees what their role may, and as a file."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics import services as analytics
from analytics.models import DailyFunnel, DailyTakings
from common.days import shop_day
from orders.models import Order
from tests.factories import UserFactory
from tests.roles import make_roles, member
from tests.shops import Shop

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _day_stands_still() -> Iterator[None]:
    """Keep midnight from coming in the middle of a test."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


def member_of(role: str, client: Client) -> None:
    """Sign somebody in who has just this role."""
    make_roles()
    client.force_login(member(role))


def needs(client: Client) -> list[str]:
    """Return what the page says may need somebody."""
    page = client.get("/admin/")
    return [str(label) for label, _count, _url in page.context["attention"]]


def file_of(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(StringIO(text)))


def test_warehouse_sees_its_own_work_and_no_money(shop: Shop, client: Client) -> None:
    member_of("warehouse", client)

    labels = needs(client)
    page = client.get("/admin/").content.decode()

    assert "Products low in stock" in labels
    assert "Paid over a day ago, not shipped" in labels
    assert "Money taken that bought nothing" not in labels
    assert "Messages late or given up" not in labels
    assert "Revenue" not in page
    assert client.get("/admin/dashboard.csv").status_code == 403


def test_analyst_sees_sales_and_no_messages(shop: Shop, client: Client) -> None:
    member_of("analyst", client)

    page = client.get("/admin/")

    assert "figures" in page.context
    assert "Messages late or given up" not in needs(client)
    assert client.get("/admin/dashboard.csv").status_code == 200


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("7", 7), ("30", 30), ("90", 90), ("", 30), ("8", 30), ("x", 30), ("-1", 30)],
)
def test_page_shows_as_many_days_as_were_asked_for(
    asked: str, shown: int, boss: User, client: Client
) -> None:
    page = client.get("/admin/", {"days": asked})

    assert len(page.context["chart"].bars) == shown
    assert page.content.decode().count('aria-current="true"') == 1


def test_file_has_the_numbers_of_the_rollup(
    shop: Shop, boss: User, client: Client
) -> None:
    analytics.roll_up_fresh_days()
    today = shop_day(timezone.now())
    DailyFunnel.objects.create(day=today, visits=40, viewed=20, added=9, bought=4)

    header, *rows = file_of(client.get("/admin/dashboard.csv", {"days": "7"}))

    taken = DailyTakings.objects.filter(day=today)
    assert header[:5] == ["Day", "Paid orders", "Revenue", "Refunds", "Net"]
    assert [row[0] for row in rows] == [
        str(today - timedelta(days=back)) for back in range(7)
    ]
    assert int(rows[0][1]) == sum(row.orders for row in taken) > 0
    assert int(rows[0][2]) == sum(
        row.goods - row.discount + row.delivery for row in taken
    )
    assert rows[0][6:] == ["40", "4", "0.1"]


def test_conversion_is_shown_beside_that_of_a_week_ago(
    boss: User, client: Client
) -> None:
    today = shop_day(timezone.now())
    for day, bought in ((today, 4), (today - timedelta(days=7), 2)):
        DailyFunnel.objects.create(day=day, visits=40, viewed=20, bought=bought)

    figures = client.get("/admin/").context["figures"]

    [found] = [figure for figure in figures if figure.label == "Conversion"]
    assert (found.today, found.before) == ("10.0 %", "5.0 %")
    assert found.difference == "+5.0 pp"


def test_today_is_compared_with_the_same_time_a_week_ago(
    shop: Shop, boss: User, client: Client
) -> None:
    moved = Order.objects.filter(pk=shop.orders["processing"])
    a_week_ago = timezone.now() - timedelta(days=7)
    moved.update(paid_at=a_week_ago - timedelta(seconds=1))
    total = moved.get().total

    figures = {
        str(figure.label): figure for figure in client.get("/admin/").context["figures"]
    }

    in_the_window = shop_day(a_week_ago - timedelta(seconds=1)) == shop_day(a_week_ago)
    assert figures["Paid orders"].before == ("1" if in_the_window else "0")
    if in_the_window:
        assert f"{total:,}" in figures["Revenue"].before


def test_balance_that_is_not_the_sum_of_its_entries_is_told(
    shop: Shop, boss: User, client: Client
) -> None:
    assert client.get("/admin/").context["ledger"] == 0
    assert "0 ✓" in client.get("/admin/").content.decode()

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE points_pointaccount SET balance = balance + 1 WHERE user_id = %s",
            [shop.user.pk],
        )

    page = client.get("/admin/")
    assert page.context["ledger"] == 1
    assert "run verify" in page.content.decode()


def test_ledger_is_nothing_for_who_may_not_see_it(client: Client) -> None:
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_order"))
    client.force_login(user)

    assert "ledger" not in client.get("/admin/").context


def test_each_line_leads_to_a_list_of_just_that(
    shop: Shop, boss: User, client: Client
) -> None:
    page = client.get("/admin/")

    for label, count, url in page.context["attention"]:
        listed = client.get(url).context["cl"]
        assert listed.queryset.count() == count, label
