"""A refund makes the day it was given on dirty, whenever that is heard of."""

from datetime import UTC, datetime

import pytest

from analytics.models import DailySales, DirtyDay
from analytics.refunds import note
from analytics.services import roll_up_fresh_days
from checkout import services as checkout
from outbox import services as outbox
from outbox.services import DELIVERED, OutgoingEvent
from tests.parcels import lines_of, paid_order

pytestmark = pytest.mark.django_db


def refunded(moment: str) -> OutgoingEvent:
    return OutgoingEvent(
        id=None,  # type: ignore[arg-type]  # nobody looks at it
        topic="order.refunded",
        aggregate="order/x",
        payload={"refund": {"refunded_at": moment}},
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        sequence=1,
        attempt=1,
    )


def test_day_is_the_shops() -> None:
    # 23:30 in Seoul, and half past midnight there.
    outcomes = note(
        [refunded("2026-03-01T14:30:00+00:00"), refunded("2026-03-01T15:30:00+00:00")]
    )

    assert list(outcomes) == [DELIVERED, DELIVERED]
    days = DirtyDay.objects.order_by("day").values_list("day", flat=True)
    assert [str(day) for day in days] == ["2026-03-01", "2026-03-02"]


def test_refund_is_in_the_days_sales() -> None:
    order = paid_order(3)
    [line] = lines_of(order)
    checkout.refund(
        order_id=order.pk, quantities={line.pk: 2}, reason="", actor_id=None, key="k"
    )
    outbox.deliver_due()
    assert DirtyDay.objects.exists()

    roll_up_fresh_days()

    sales = DailySales.objects.get(product_id=line.product_id)
    assert (sales.units, sales.revenue) == (3, 30_000)
    assert (sales.refunded_units, sales.refunded) == (2, 20_000)
    assert not DirtyDay.objects.exists()
