"""``manage.py outbox``, as operators and their scripts use it."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from outbox import services as outbox
from outbox.models import Dispatch, Event
from outbox.services import Outcome
from tests.outbox.steps import FIRST, SECOND, deliver_all, publish
from tests.outbox.steps import subscriptions as subscriptions
from tests.outbox.subscribers import first


def run(*words: str) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    said, code = StringIO(), 0
    try:
        call_command("outbox", *words, stdout=said, stderr=StringIO())
    except SystemExit as end:
        code = int(str(end.code))
    return code, said.getvalue()


def ask(*words: str) -> tuple[int, Any]:
    code, said = run(*words, "--json")
    return code, json.loads(said)


def give_up(number: int, topic: str = "paid") -> Dispatch:
    """Publish something that its first subscriber will never take."""
    first.answer = lambda _event: Outcome(error="no such order", is_final=True)
    publish(number, topic=topic)
    outbox.deliver_due()
    first.answer = lambda _event: Outcome()
    return Dispatch.objects.dead().latest("pk")


def test_status_says_who_was_told_and_how_late() -> None:
    publish(1, topic="both")
    outbox.deliver_due()
    publish(2)

    code, told = ask("status")

    assert code == 0
    assert told["ok"] is True
    assert told["fresh"]["waiting"] == 1
    by_name = {one["subscriber"]: one for one in told["subscribers"]}
    assert sorted(by_name) == sorted([FIRST, SECOND])
    one = by_name[FIRST]
    assert (one["waiting"], one["dead"], one["delivered"]) == (0, 0, 1)
    assert 0 <= one["lag_p50"] <= one["lag_p99"] < 60


def test_status_ends_with_1_if_something_was_given_up() -> None:
    give_up(1)

    code, told = ask("status")

    assert code == 1
    assert told["wrong"] == [FIRST]
    code, said = run("status")
    assert code == 1
    assert FIRST in said


def test_status_ends_with_1_if_nobody_has_looked_for_long() -> None:
    Event.objects.create(
        topic="paid",
        aggregate="order/1",
        payload={},
        occurred_at=timezone.now() - timedelta(minutes=16),
    )

    code, told = ask("status")

    assert code == 1
    assert told["wrong"] == []
    assert told["fresh"]["oldest"] > 15 * 60


def test_dead_lists_what_was_given_up_and_why() -> None:
    dead = give_up(7)

    code, told = ask("dead")

    assert (code, told["count"]) == (1, 1)
    (one,) = told["dead"]
    assert (one["id"], one["aggregate"]) == (dead.pk, "order/7")
    assert one["last_error"] == "no such order"
    assert ask("dead", "--subscriber", SECOND) == (0, {"count": 0, "dead": []})
    assert ask("dead", "--younger-than", "1h")[1]["count"] == 1
    assert ask("dead", "--older-than", "1h")[1]["count"] == 0
    assert "no such order" in run("dead")[1]


def test_replay_sends_again_what_is_meant_and_nothing_else() -> None:
    one, other = give_up(1), give_up(2)

    code, told = ask("replay", "--aggregate", "order/1")

    assert (code, told["replayed"], told["ids"]) == (0, 1, [one.pk])
    deliver_all()
    one.refresh_from_db()
    other.refresh_from_db()
    assert one.delivered_at is not None
    assert other.dead_at is not None
    assert ask("replay", "--id", str(other.pk))[1]["replayed"] == 1
    assert ask("replay", "--all")[1]["replayed"] == 0


def test_rehearsal_of_a_replay_changes_nothing() -> None:
    dead = give_up(1)

    code, said = run("replay", "--topic", "paid", "--dry-run")

    assert code == 0
    assert "1 would be sent again" in said
    dead.refresh_from_db()
    assert dead.dead_at is not None


def test_what_waits_for_a_pause_goes_at_once_if_it_is_meant() -> None:
    first.answer = lambda _event: Outcome(error="busy", patience="patient")
    publish(1)
    outbox.deliver_due()

    assert ask("replay", "--all")[1]["replayed"] == 0
    assert ask("replay", "--subscriber", FIRST, "--waiting")[1]["replayed"] == 1
    assert Dispatch.objects.get().attempts == 0


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("undo",),
        ("replay",),
        ("replay", "--older-than", "soon"),
        ("status", "--within", "1 h"),
    ],
)
def test_bad_use_is_refused(words: tuple[str, ...]) -> None:
    give_up(1)

    with pytest.raises(CommandError):
        run(*words)

    assert Dispatch.objects.dead().count() == 1
    assert Event.objects.count() == 1
