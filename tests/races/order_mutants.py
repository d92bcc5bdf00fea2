"""Orders, refunds and returns with one guard taken out; see ``mutants``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from drill.crowd import Run, race
from drill.races import goods
from payments import refunds
from tests.races.mutants import orders_without_lock, without_constraints


@contextmanager
def goods_without_lock(together: int) -> Iterator[None]:
    """Decide about an order's goods on what was read before others decided."""
    with orders_without_lock(together):
        yield


@contextmanager
def goods_without_lock_in_the_race(together: int) -> Iterator[None]:
    """Do so only while everybody acts: what they act on needs the lock, too."""

    def race_without_lock(*args: Any, **options: Any) -> Run[Any]:
        with goods_without_lock(together):
            return race(*args, **options)

    with patch.object(goods, "race", race_without_lock):
        yield


@contextmanager
def refunds_without_limit(together: int) -> Iterator[None]:
    """Give back what was read as paid; no constraint minds."""
    with (
        orders_without_lock(together),
        without_constraints("payment_refunded_within_amount"),
    ):
        yield


@contextmanager
def forgetful_refunds() -> Iterator[None]:
    """Find no refund by its key."""
    with patch.object(refunds, "find", lambda _key: None):
        yield
