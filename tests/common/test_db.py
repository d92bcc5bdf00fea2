"""Transactions, repetitions and pipelines."""

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    transaction,
)
from psycopg import errors as pg

from catalog.models import Category
from common import db
from common.db import pipeline, requires_transaction, use_case, violates
from tests.concurrency import run_together, told
from tests.factories import CategoryFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def _deadlock() -> OperationalError:
    error = OperationalError("deadlock detected")
    error.__cause__ = pg.DeadlockDetected("deadlock detected")
    return error


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "RETRY_PAUSE", 0)


def test_step_refuses_to_run_outside_a_transaction() -> None:
    @requires_transaction
    def step() -> str:
        return "done"

    with pytest.raises(RuntimeError, match="step needs an open transaction"):
        step()
    with transaction.atomic():
        assert step() == "done"


def test_victim_of_a_deadlock_is_repeated_from_the_beginning() -> None:
    attempts = []

    @use_case
    def enter() -> int:
        attempts.append(CategoryFactory.create().pk)
        if len(attempts) < 3:
            raise _deadlock()
        return len(attempts)

    assert enter() == 3
    assert list(Category.objects.values_list("pk", flat=True)) == attempts[2:]


def test_deadlocks_without_end_are_reported() -> None:
    attempts = []

    @use_case
    def enter() -> None:
        attempts.append(1)
        raise _deadlock()

    with pytest.raises(OperationalError):
        enter()
    assert len(attempts) == 1 + db.MAX_RETRIES == 3


def test_other_errors_are_not_repeated() -> None:
    attempts = []

    @use_case
    def enter() -> None:
        attempts.append(1)
        raise OperationalError("the server closed the connection")

    with pytest.raises(OperationalError):
        enter()
    assert attempts == [1]


def test_use_case_within_another_is_repeated_only_as_a_whole() -> None:
    inner_calls, outer_calls = [], []

    @use_case
    def inner() -> None:
        inner_calls.append(1)
        if len(inner_calls) == 1:
            raise _deadlock()

    @use_case
    def outer() -> None:
        outer_calls.append(1)
        inner()

    outer()

    assert (len(inner_calls), len(outer_calls)) == (2, 2)


def test_real_deadlock_ends_well_for_both() -> None:
    first, second = CategoryFactory.create_batch(2)

    @use_case
    def lock(number: int) -> None:
        pair = [first.pk, second.pk][:: -1 if number else 1]
        for pk in pair:
            Category.objects.select_for_update(no_key=True).get(pk=pk)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.1)")

    assert told(run_together(lock, times=2)) == {"ok": 2}


def test_violated_constraint_is_known_by_its_name() -> None:
    UserFactory.create(email="kim@example.com")

    with pytest.raises(IntegrityError) as violation:
        UserFactory.create(email="KIM@example.com")

    assert violates(violation.value, "user_email_once")
    assert not violates(violation.value, "another_constraint")
    assert not violates(IntegrityError("without a cause"), "user_email_once")


def test_pipeline_keeps_each_statement_s_own_result() -> None:
    with transaction.atomic():
        with pipeline() as pipe:
            one = pipe.run("SELECT %(n)s::bigint", {"n": 1})
            three = pipe.run("SELECT generate_series(1, %(n)s::bigint)", {"n": 3})
            none = pipe.run("SELECT 1 WHERE %(n)s::bigint = 0", {"n": 1})
        assert (one.rows(), three.count(), none.rows()) == ([(1,)], 3, [])


def test_first_failure_in_a_pipeline_is_raised_and_nothing_is_kept() -> None:
    insert = (
        "INSERT INTO catalog_productgroup (name) VALUES (%(name)s)"
        " RETURNING 1 / length(%(name)s)"
    )

    def insert_all() -> None:
        with transaction.atomic(), pipeline() as pipe:
            for name in ("good", "", "after"):
                pipe.run(insert, {"name": name})

    with pytest.raises(DatabaseError, match="division by zero"):
        insert_all()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM catalog_productgroup")
        assert cursor.fetchone() == (0,)
