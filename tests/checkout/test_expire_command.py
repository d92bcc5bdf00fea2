"""``manage.py expire_orders``."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from checkout import services as checkout
from checkout.services import Purchase
from inventory.models import Stock
from orders.models import Order, OrderStatus
from tests.factories import ProductFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def overdue() -> Order:
    """Place two orders; the time of one is up."""
    user = UserFactory.create()
    cup = ProductFactory.create()
    wish = Purchase(user_id=user.pk, email=user.email, quantities={cup.pk: 1})
    placed = [checkout.place_order(wish).id for _ in range(2)]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_order SET expires_at = now() - interval '1 second'"
            " WHERE id = %s",
            [placed[0]],
        )
    return Order.objects.get(pk=placed[0])


def run(*words: str) -> Any:
    said = StringIO()
    call_command("expire_orders", *words, "--json", stdout=said)
    return json.loads(said.getvalue())


def test_orders_whose_time_is_up_give_back_what_they_hold(overdue: Order) -> None:
    assert run() == {"expired": 1, "waiting": 0}

    overdue.refresh_from_db()
    assert overdue.status == OrderStatus.EXPIRED
    assert Order.objects.filter(status=OrderStatus.PENDING).count() == 1
    assert Stock.objects.get().reserved == 1
    assert run() == {"expired": 0, "waiting": 0}


def test_rehearsal_only_says_which(overdue: Order) -> None:
    assert run("--dry-run") == {"dry_run": True, "due": [overdue.number]}

    overdue.refresh_from_db()
    assert overdue.status == OrderStatus.PENDING
    said = StringIO()
    call_command("expire_orders", "--dry-run", stdout=said)
    assert said.getvalue() == f"{overdue.number}\n1 orders are due\n"


def test_people_are_told_in_words(overdue: Order) -> None:
    said = StringIO()

    call_command("expire_orders", stdout=said)

    assert said.getvalue() == "1 orders expired, 0 wait\n"


def test_unknown_option_is_bad_use(overdue: Order) -> None:
    with pytest.raises(CommandError):
        call_command("expire_orders", "--all")

    overdue.refresh_from_db()
    assert overdue.status == OrderStatus.PENDING
