"""Race 25: four relays, two of which are killed, and a bad receiver."""

import time
from dataclasses import dataclass
from statistics import fmean, median
from subprocess import Popen

import pytest
from django.db import transaction
from pytest_django.fixtures import Settings

from outbox import services as outbox
from outbox.models import Dispatch, Event
from tests.concurrency import STUCK_AFTER, hear, start_process
from tests.races.receiver import Receiver, receiving

pytestmark = pytest.mark.slow

STEPS = [1, 2, 3, 4, 5]
# Nobody of the shop listens to it, and it belongs to no order: the books know nothing.
TOPIC = "race.run"


@pytest.fixture(autouse=True)
def _subscription(settings: Settings) -> None:
    settings.OUTBOX_SUBSCRIPTIONS = {TOPIC: ["analytics.data_platform.push"]}


@dataclass(frozen=True)
class Outcome:
    # Events that the receiver never had, and aggregates whose order it saw broken.
    lost: int
    disordered: int
    deliveries: float
    deliveries_on_average: float
    sequences: list[int | None]


def relays_and_a_bad_receiver(
    *, aggregates: int, kills: int, mutant: str = ""
) -> Outcome:
    """Deliver five events of every aggregate; 30 % get a 500, 10 % are cut off."""
    for number in range(aggregates):
        for step in STEPS:
            with transaction.atomic():
                outbox.publish(
                    topic=TOPIC,
                    aggregate=f"order/{number}",
                    payload={"step": step},
                )
    receiver = Receiver()
    with receiving(receiver) as address:
        # A killed relay's claims are free again after seconds, not half a minute.
        environment = {
            "DATA_PLATFORM_URL": address,
            "OUTBOX_LEASE_SECONDS": "2",
            "MUTANT": mutant,
        }
        relays = [start_process("tests.races.relay", **environment) for _ in range(4)]
        try:
            for relay in relays:
                hear(relay)
            _kill_some(relays, receiver, kills=kills, events=aggregates * len(STEPS))
            _wait_until_done()
        finally:
            for relay in relays:
                relay.kill()
                relay.communicate()
    events = {str(pk) for pk in Event.objects.values_list("pk", flat=True)}
    deliveries = receiver.deliveries()
    return Outcome(
        lost=len(events - {event["id"] for event in receiver.accepted}),
        disordered=sum(steps != STEPS for steps in receiver.first_steps().values()),
        deliveries=median(deliveries),
        deliveries_on_average=fmean(deliveries),
        sequences=list(
            Event.objects.order_by("sequence").values_list("sequence", flat=True)
        ),
    )


def _kill_some(
    relays: list[Popen[str]], receiver: Receiver, *, kills: int, events: int
) -> None:
    """Kill a relay after each quarter of the events."""
    end = time.monotonic() + STUCK_AFTER
    for number in range(kills):
        while len(receiver.accepted) < events * (number + 1) // 4:
            assert time.monotonic() < end, "the relays deliver nothing"
            time.sleep(0.005)
        relays[number].kill()


def _wait_until_done() -> None:
    end = time.monotonic() + STUCK_AFTER
    while not outbox.is_drained():
        assert time.monotonic() < end, f"{Dispatch.objects.waiting().count()} waiting"
        time.sleep(0.05)
    # What was claimed last may still be on its way.
    time.sleep(0.2)


def test_race_25_every_event_arrives_in_order_though_relays_are_killed() -> None:
    outcome = relays_and_a_bad_receiver(aggregates=60, kills=2)

    assert outcome == Outcome(
        lost=0,
        disordered=0,
        deliveries=1,
        deliveries_on_average=outcome.deliveries_on_average,
        sequences=list(range(1, 301)),
    )
    # One in nine was accepted and cut off; a killed relay had up to twenty in hand.
    assert outcome.deliveries_on_average < 1.4


def test_race_25_lease_mutant_is_caught() -> None:
    outcome = relays_and_a_bad_receiver(
        aggregates=60, kills=0, mutant="claims_without_lease"
    )

    assert outcome.deliveries_on_average > 1.4


def test_race_25_order_mutant_is_caught() -> None:
    outcome = relays_and_a_bad_receiver(
        aggregates=20, kills=0, mutant="claims_in_any_order"
    )

    assert outcome.disordered


def test_race_25_early_mark_mutant_is_caught() -> None:
    outcome = relays_and_a_bad_receiver(
        aggregates=20, kills=0, mutant="delivered_when_claimed"
    )

    assert outcome.lost
