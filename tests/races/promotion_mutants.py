"""Promotions with one guard taken out, to see that a race notices."""

from collections.abc import Iterator
from contextlib import contextmanager

from promotions import services as promotions
from promotions.selectors import IS_RUNNING_SQL
from tests.races.mutants import altered_sql, without_constraints


@contextmanager
def budgets_without_limit() -> Iterator[None]:
    """Give whatever was quoted; no constraint minds."""
    guard = "AND promotion.spent + locked.amount <= promotion.budget"
    with (
        altered_sql(promotions, "TAKE_SQL", (guard, "")),
        without_constraints("promotion_spent_within_budget"),
    ):
        yield


@contextmanager
def new_buyers_again_and_again() -> Iterator[None]:
    """Forget who had a first order already."""
    with without_constraints("promotion_once_per_new_buyer"):
        yield


@contextmanager
def giving_what_was_paused() -> Iterator[None]:
    """Believe that what ran when it was read still runs."""
    with altered_sql(
        promotions,
        "TAKE_SQL",
        (IS_RUNNING_SQL, "true"),
        ("promotion.version = wanted.version", "true"),
    ):
        yield


@contextmanager
def giving_on_other_terms() -> Iterator[None]:
    """Give what was quoted, whatever the terms are by now."""
    with altered_sql(
        promotions, "TAKE_SQL", ("promotion.version = wanted.version", "true")
    ):
        yield


@contextmanager
def giving_back_again_and_again() -> Iterator[None]:
    """Give the budget back each time that somebody says so."""
    with (
        altered_sql(promotions, "RELEASE_SQL", ("AND state = 'taken'", "")),
        without_constraints("promotion_spent_within_budget"),
    ):
        yield
