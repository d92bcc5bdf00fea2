"""The shop with a guard of outside payments taken out; see ``mutants.py``."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Barrier
from time import sleep
from typing import Any
from unittest.mock import patch
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.sessions.models import Session

from api import tokens
from inventory import services as inventory
from orders import services as orders
from orders.models import Order
from payments import services as payments
from payments.models import Payment
from shop.accounts_adapter import AccountAdapter
from tests.concurrency import STUCK_AFTER
from tests.races import mutants


@contextmanager
def setting_out_without_lock(together: int) -> Iterator[None]:
    """Look for a payment under way without a lock; all look before anybody writes."""
    barrier = Barrier(together, timeout=STUCK_AFTER)
    look = payments.open_attempt

    def read(order_id: UUID, **_owner: Any) -> Order:
        return Order.objects.get(pk=order_id)

    def look_together(order_id: UUID) -> Payment | None:
        found = look(order_id)
        barrier.wait()
        return found

    with (
        patch.object(orders, "lock", read),
        patch.object(payments, "open_attempt", look_together),
    ):
        yield


@contextmanager
def deciding_without_locks() -> Iterator[None]:
    """Decide a provider's word on an order and a payment as they were a while ago."""

    def read(payment_id: UUID) -> Payment:
        payment = Payment.objects.get(pk=payment_id)
        sleep(0.1)
        return payment

    with ExitStack() as stack:
        stack.enter_context(mutants.orders_without_lock())
        stack.enter_context(patch.object(payments, "lock_payment", read))
        stack.enter_context(
            mutants.altered_sql(
                payments,
                "RECEIVE_SQL",
                ("ON CONFLICT (provider, event_id) DO NOTHING", ""),
            )
        )
        stack.enter_context(mutants.without_constraints("provider_event_once"))
        yield


@contextmanager
def retaking_what_is_gone() -> Iterator[None]:
    """Sell the goods of an expired order whether they are still there or not."""
    with (
        mutants.altered_sql(
            inventory, "RETAKE_SQL", ("count(*) FILTER (WHERE is_enough)", "count(*)")
        ),
        mutants.without_constraints(
            "stock_reserved_within_on_hand", "stock_movement_result_possible"
        ),
    ):
        yield


@contextmanager
def passwords_without_comparing() -> Iterator[None]:
    """Set a password without looking whether it is still the one that was proved."""
    with patch.object(
        AccountAdapter, "set_password", DefaultAccountAdapter.set_password
    ):
        yield


@contextmanager
def refreshing_without_lock() -> Iterator[None]:
    """Rotate a token on a sign-in as it was a while ago."""

    def read(session_key: str) -> Session | None:
        session = Session.objects.filter(session_key=session_key).first()
        sleep(0.1)
        return session

    with patch.object(tokens, "_lock", read):
        yield
