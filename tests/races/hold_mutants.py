"""Holds with one guard taken out, to see that a race notices; as in ``mutants``."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from unittest.mock import patch

from django.db import transaction
from django.db.models.functions import Now

from inventory import restock
from inventory import services as inventory
from inventory.journal import move
from inventory.models import Hold, HoldState, MovementKind, Stock
from tests.races.mutants import altered_sql, without_constraints


@contextmanager
def everybody_before_the_line() -> Iterator[None]:
    """Keep what came back only once it is on the shelf for all to see."""
    with patch.object(inventory, "pass_on", lambda _changes: None):
        yield


@contextmanager
def holds_used_again_and_again() -> Iterator[None]:
    """Take a hold for good whatever became of it, where no constraint minds."""
    guard = "AND hold.state = 'active'"
    with (
        altered_sql(inventory, "SELL_HELD_SQL", (guard, "")),
        without_constraints(
            "stock_reserved_within_on_hand",
            "stock_movement_result_possible",
            "stock_movement_hold_made_and_settled_once",
        ),
    ):
        yield


@contextmanager
def lapsing_without_a_second_look() -> Iterator[None]:
    """Let go what was due a moment ago."""

    def lapse(hold_id: int) -> bool:
        hold = Hold.objects.due().filter(pk=hold_id).first()
        if hold is None:
            return False
        sleep(0.2)
        with transaction.atomic():
            stock = Stock.objects.select_for_update(no_key=True).get(pk=hold.product_id)
            move(stock, kind=MovementKind.UNHELD, deltas=(0, -1), reference="hold/0")
            Hold.objects.active().filter(pk=hold_id).update(
                state=HoldState.RELEASED, settled_at=Now()
            )
        return True

    with (
        patch.object(restock, "lapse", lapse),
        patch.object(inventory, "lapse", lapse),
        without_constraints(
            "stock_reserved_within_on_hand",
            "stock_movement_result_possible",
            "stock_movement_hold_made_and_settled_once",
        ),
    ):
        yield


@contextmanager
def telling_again_and_again() -> Iterator[None]:
    """Leave those in the line who have been told."""
    told = "SET state = 'offered', offered_at = now()"
    with (
        altered_sql(restock, "KEEP_SQL", (told, "SET offered_at = NULL")),
        without_constraints("inventory_hold_alert_id_key"),
    ):
        yield
