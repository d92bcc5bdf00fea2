"""Points that staff give or take: alone up to a limit, above it in twos."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.db.models.functions import Now
from pytest_django import Settings

from accounts.models import User
from points import checking, corrections
from points import services as points
from points.errors import (
    AmountOutOfRange,
    DecidedAlready,
    InsufficientPoints,
    OwnAccount,
    SecondPersonNeeded,
)
from points.models import (
    CorrectionState,
    EntryKind,
    LedgerEntry,
    PointAccount,
    PointCorrection,
)
from tests.books import assert_books_balance
from tests.concurrency import run_together
from tests.factories import StaffFactory, UserFactory

LIMIT = 10_000


@pytest.fixture(autouse=True)
def _limit(settings: Settings) -> None:
    settings.POINTS_TWO_EYES_LIMIT = LIMIT


@pytest.fixture
def first(db: None) -> User:
    return StaffFactory.create()


@pytest.fixture
def second(db: None) -> User:
    return StaffFactory.create()


@pytest.fixture
def shopper(db: None) -> User:
    return UserFactory.create(points=500)


def asked(shopper: User, first: User, amount: int = LIMIT + 1) -> PointCorrection:
    return corrections.ask(
        user_id=shopper.pk, amount=amount, reason="late parcel", actor_id=first.pk
    )


def test_few_points_move_at_once(shopper: User, first: User) -> None:
    made = corrections.ask(
        user_id=shopper.pk,
        amount=LIMIT,
        reason="late parcel",
        reference="7KQF2M9X4T",
        actor_id=first.pk,
    )

    assert points.balance_of(shopper.pk) == 500 + LIMIT
    entry = LedgerEntry.objects.get(kind=EntryKind.ADJUST)
    assert (entry.amount, entry.reference) == (LIMIT, "7KQF2M9X4T")
    assert (made.state, made.entry, made.decided_by) == ("done", entry, None)
    assert_books_balance()


def test_many_points_wait_for_somebody_else(shopper: User, first: User) -> None:
    made = asked(shopper, first)

    assert points.balance_of(shopper.pk) == 500
    assert (made.state, made.entry, made.decided_at) == ("open", None, None)
    assert not LedgerEntry.objects.filter(kind=EntryKind.ADJUST).exists()


def test_many_small_steps_are_a_big_one(shopper: User, first: User) -> None:
    steps = [asked(shopper, first, amount) for amount in (6_000, -4_000, 1)]

    assert [step.state for step in steps] == ["done", "done", "open"]
    assert points.balance_of(shopper.pk) == 500 + 2_000


def test_steps_of_yesterday_or_of_others_do_not_count(
    shopper: User, first: User, second: User
) -> None:
    asked(shopper, first, LIMIT)
    assert asked(shopper, second, LIMIT).state == "done"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE points_pointcorrection SET asked_at = now() - interval '25 hours'"
        )
        cursor.execute("SET LOCAL session_replication_role = DEFAULT")

    assert asked(shopper, first, LIMIT).state == "done"


def test_second_person_lets_the_points_move(
    shopper: User, first: User, second: User
) -> None:
    made = asked(shopper, first)

    corrections.approve(correction_id=made.pk, actor_id=second.pk)

    made.refresh_from_db()
    assert (made.state, made.decided_by) == ("done", second)
    assert made.entry is not None
    assert made.entry.amount == LIMIT + 1
    assert points.balance_of(shopper.pk) == 500 + LIMIT + 1
    assert_books_balance()


def test_who_asked_cannot_approve(shopper: User, first: User) -> None:
    made = asked(shopper, first)

    with pytest.raises(SecondPersonNeeded):
        corrections.approve(correction_id=made.pk, actor_id=first.pk)

    made.refresh_from_db()
    assert made.state == "open"
    assert points.balance_of(shopper.pk) == 500


def test_database_does_not_let_one_person_be_two(shopper: User, first: User) -> None:
    made = asked(shopper, first)

    with pytest.raises(IntegrityError, match="takes_two_people"), transaction.atomic():
        PointCorrection.objects.filter(pk=made.pk).update(
            state=CorrectionState.REJECTED, decided_by=first, decided_at=Now()
        )


def test_second_person_says_no_for_a_reason(
    shopper: User, first: User, second: User
) -> None:
    made = asked(shopper, first)

    corrections.reject(correction_id=made.pk, actor_id=second.pk, reason="no proof")

    made.refresh_from_db()
    assert (made.state, made.answer, made.entry) == ("rejected", "no proof", None)
    assert points.balance_of(shopper.pk) == 500
    with pytest.raises(DecidedAlready):
        corrections.approve(correction_id=made.pk, actor_id=second.pk)


def test_nobody_gives_points_to_themselves(
    shopper: User, first: User, second: User
) -> None:
    with pytest.raises(OwnAccount):
        asked(first, first)
    made = asked(second, first)

    with pytest.raises(OwnAccount):
        corrections.approve(correction_id=made.pk, actor_id=second.pk)

    assert points.balance_of(second.pk) == 0


@pytest.mark.parametrize("amount", [-501, -LIMIT - 1])
def test_more_than_there_is_cannot_be_taken(
    amount: int, shopper: User, first: User
) -> None:
    with pytest.raises(InsufficientPoints):
        asked(shopper, first, amount)

    assert not PointCorrection.objects.exists()
    assert points.balance_of(shopper.pk) == 500


def test_nothing_is_no_correction(shopper: User, first: User) -> None:
    with pytest.raises(AmountOutOfRange):
        asked(shopper, first, 0)

    assert not PointCorrection.objects.exists()


def test_what_was_asked_for_stays_as_it_was_asked(shopper: User, first: User) -> None:
    made = asked(shopper, first)

    for change in ({"amount": 1}, {"reason": "x"}, {"user": first}):
        with pytest.raises(ProgrammingError, match="pgtrigger"), transaction.atomic():
            PointCorrection.objects.filter(pk=made.pk).update(**change)
    with pytest.raises(ProgrammingError, match="pgtrigger"), transaction.atomic():
        PointCorrection.objects.filter(pk=made.pk).delete()


def test_one_ledger_is_worked_out_anew(shopper: User) -> None:
    assert checking.check(shopper.pk).is_sound
    assert checking.check(2**40).is_sound

    PointAccount.objects.filter(pk=shopper.pk).update(balance=501)

    found = checking.check(shopper.pk)
    assert (found.balance, found.total, found.is_sound) == (501, 500, False)


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_once_count_once() -> None:
    shopper, first = UserFactory.create(points=500), StaffFactory.create()
    others = [StaffFactory.create() for _ in range(4)]
    made = asked(shopper, first)

    results = run_together(
        lambda number: corrections.approve(
            correction_id=made.pk, actor_id=others[number].pk
        ),
        times=4,
    )

    assert sum(isinstance(result, PointCorrection) for result in results) == 1
    assert sum(isinstance(result, DecidedAlready) for result in results) == 3
    assert points.balance_of(shopper.pk) == 500 + LIMIT + 1
    assert_books_balance()


def test_charges_for_a_shopper_count_to_the_limit_as_well(
    shopper: User, first: User
) -> None:
    def charge(key: str) -> LedgerEntry:
        return corrections.charge(
            user_id=shopper.pk,
            amount=LIMIT - 1_000,
            reason="paid in cash",
            idempotency_key=key,
            actor_id=first.pk,
        )

    made = charge("a")
    again = charge("a")
    with pytest.raises(SecondPersonNeeded):
        charge("b")
    waiting = asked(shopper, first, 1_001)

    assert (made.kind, again.pk) == (EntryKind.CHARGE, made.pk)
    assert waiting.state == CorrectionState.OPEN
    assert PointCorrection.objects.get(entry=made).reason == "paid in cash"
    assert points.balance_of(shopper.pk) == 500 + LIMIT - 1_000
    assert_books_balance()


@pytest.mark.django_db(transaction=True)
def test_steps_at_once_do_not_get_round_the_limit() -> None:
    shopper, first = UserFactory.create(points=500), StaffFactory.create()

    run_together(lambda _number: asked(shopper, first, 4_000), times=4)

    states = PointCorrection.objects.order_by("state").values_list("state", flat=True)
    assert list(states) == ["done", "done", "open", "open"]
    assert points.balance_of(shopper.pk) == 500 + 8_000
