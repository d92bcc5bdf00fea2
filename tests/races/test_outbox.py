"""Race 25: four relays, two of which are killed, and a bad receiver."""

import pytest
from pytest_django.fixtures import Settings

from drill.outcome import Outcome
from drill.races import relays
from outbox.models import Event

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _subscription(settings: Settings) -> None:
    settings.OUTBOX_SUBSCRIPTIONS = {relays.TOPIC: [relays.SUBSCRIBER]}


def by_mutant(
    monkeypatch: pytest.MonkeyPatch, name: str, *, aggregates: int
) -> Outcome:
    """Let all relays be as ``name`` has them, and kill none."""
    monkeypatch.setenv("MUTANT", name)
    return relays.killed_between_commit_and_push(
        aggregates=aggregates, kills=0, relay="tests.races.relay"
    )


def test_race_25_every_event_arrives_in_order_though_relays_are_killed() -> None:
    outcome = relays.killed_between_commit_and_push(aggregates=60, kills=2)

    assert outcome.complaints() == []
    assert outcome.winners == outcome.attempts == Event.objects.count() == 300
    assert (outcome.found["lost"], outcome.found["disordered"]) == (0, 0)
    assert outcome.found["deliveries"] == 1
    sequences = Event.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, 301))
    # One in nine was accepted and cut off; a killed relay had up to twenty in hand.
    assert outcome.found["deliveries on average"] < 1.4


def test_race_25_lease_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = by_mutant(monkeypatch, "claims_without_lease", aggregates=60)

    assert not outcome.is_good
    assert outcome.found["deliveries on average"] > 1.4


def test_race_25_order_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = by_mutant(monkeypatch, "claims_in_any_order", aggregates=20)

    assert not outcome.is_good
    assert outcome.found["disordered"]


def test_race_25_early_mark_mutant_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = by_mutant(monkeypatch, "delivered_when_claimed", aggregates=20)

    assert not outcome.is_good
    assert outcome.found["lost"]
