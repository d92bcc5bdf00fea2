"""The lines of the README, run as they stand there."""

import re
import shutil
import subprocess

import pytest
from django.conf import settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from coupons.models import Coupon
from orders.models import Order
from points import services as points
from tests.factories import CouponBatchFactory, ProductFactory

README = (settings.BASE_DIR / "README.md").read_text()
PRICE, CHARGED = 20_000, 300_000


def lines() -> str:
    """Return the first block of commands about the API."""
    section = README.partition("## The API in 60 seconds")[2]
    found = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def test_they_are_six_calls() -> None:
    assert lines().count("curl ") == 6


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.django_db(transaction=True)
def test_six_calls_from_nothing_to_a_paid_order(live_server: LiveServer) -> None:
    batch = CouponBatchFactory.create(pk=2)
    ProductFactory.create(pk=9, price=PRICE, stock_on_hand=5)

    done = subprocess.run(
        ["bash", "-euc", lines()],
        env={
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "API": f"{live_server.url}/api/v1",
            "ME": "readme@example.com",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    user = User.objects.get(email="readme@example.com")
    order = Order.objects.get(user=user)
    assert (order.status, order.total) == ("paid", PRICE * 9 // 10)
    assert Coupon.objects.get(user=user).batch_id == batch.pk
    assert points.balance_of(user.pk) == CHARGED - order.total
