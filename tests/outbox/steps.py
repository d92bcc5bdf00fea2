"""What the relay's tests do again and again."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from pytest_django import Settings

from outbox import services as outbox
from outbox.models import Dispatch
from tests.outbox.subscribers import first, second

FIRST = "tests.outbox.subscribers.first"
SECOND = "tests.outbox.subscribers.second"
BROKEN = "tests.outbox.subscribers.broken"


@pytest.fixture(autouse=True)
def subscriptions(settings: Settings, db: None) -> Iterator[None]:
    settings.OUTBOX_SUBSCRIPTIONS = {
        "paid": (FIRST,),
        "both": (FIRST, SECOND),
        "bug": (BROKEN, SECOND),
        "gone": ("tests.outbox.subscribers.not_there", SECOND),
        "unheard": (),
    }
    yield
    first.reset()
    second.reset()


def publish(n: int, *, aggregate: str = "", topic: str = "paid") -> None:
    with transaction.atomic():
        outbox.publish(
            topic=topic, aggregate=aggregate or f"order/{n}", payload={"n": n}
        )


def let_time_pass(seconds: float) -> None:
    """Make everything that waits wait that much less."""
    Dispatch.objects.waiting().update(
        next_attempt_at=F("next_attempt_at") - timedelta(seconds=seconds)
    )


def deliver_all() -> None:
    while outbox.deliver_due():
        pass
