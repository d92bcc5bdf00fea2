"""``manage.py rollup_sales``."""

import json
from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics.models import DailySales, RollupRun
from checkout import services as checkout
from checkout.services import Purchase
from common.days import shop_day
from tests.factories import ProductFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def today() -> date:
    """Sell two cups; return the shop day."""
    user = UserFactory.create(points=50_000)
    cup = ProductFactory.create(price=9_000)
    checkout.place_and_pay(
        Purchase(user_id=user.pk, email=user.email, quantities={cup.pk: 2})
    )
    return shop_day(timezone.now())


def run(*words: str) -> Any:
    said = StringIO()
    call_command("rollup_sales", *words, "--json", stdout=said)
    return json.loads(said.getvalue())


def test_fresh_days_are_rolled_up_without_options(today: date) -> None:
    told = run()

    assert told["changed"] > 0
    assert DailySales.objects.get(day=today).units == 2
    assert run()["changed"] == 0


def test_days_are_counted_back_from_today(today: date) -> None:
    told = run("--days", "3")

    days = [str(today - timedelta(days=ago)) for ago in (2, 1, 0)]
    assert list(told["days"]) == days
    assert told["days"][str(today)] > 0
    assert RollupRun.objects.count() == 3


def test_stretch_of_days_is_made_anew(today: date) -> None:
    run("--days", "1")
    DailySales.objects.update(units=99)

    told = run("--from", str(today - timedelta(days=1)), "--to", str(today))

    assert list(told["days"].values()) == [0, 1]
    assert DailySales.objects.get().units == 2


def test_people_are_told_in_words(today: date) -> None:
    said = StringIO()

    call_command("rollup_sales", "--days", "2", stdout=said)

    assert said.getvalue().startswith("2 days rolled up, ")


@pytest.mark.parametrize(
    "words",
    [
        ("--days", "0"),
        ("--days", "3", "--to", "2026-01-01"),
        ("--from", "2026-02-01", "--to", "2026-01-01"),
        ("--from", "1900-01-01"),
        ("--to", "2999-01-01"),
        ("--from", "yesterday"),
    ],
)
def test_bad_use_rolls_nothing_up(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        run(*words)

    assert not RollupRun.objects.exists()
