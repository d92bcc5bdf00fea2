"""Workers that are killed between the commit and the push, and a bad receiver."""

import time
from dataclasses import dataclass
from statistics import fmean, median
from subprocess import Popen

from django.conf import settings
from django.db import transaction

from drill.crowd import STUCK_AFTER, Tally
from drill.outcome import Outcome, judged
from drill.processes import end, hear, start_process, tell
from drill.receiver import Receiver, receiving
from outbox import services as outbox
from outbox.models import Event

RELAY = "drill.relay"
STEPS = [1, 2, 3, 4, 5]
# Nobody of the shop listens to it, and it belongs to no order: the books know nothing.
TOPIC = "drill.run"
SUBSCRIBER = "analytics.data_platform.push"
BATCH = 20
LEASE_SECONDS = 2  # or the claims of who was killed would be free in half a minute


@dataclass(frozen=True)
class Journey:
    """Which events are on their way, to whom, and since when."""

    ids: list[str]
    receiver: Receiver
    started: float


def killed_between_commit_and_push(
    *, aggregates: int, kills: int, relays: int = 4, relay: str = RELAY
) -> Outcome:
    """Deliver five events of every aggregate; 30 % get a 500, 10 % are cut off.

    The workers have committed a claim on up to twenty events each when they are killed.
    """
    ids = _publish(aggregates)
    receiver = Receiver()
    with receiving(receiver) as address:
        workers = [start_process(relay) for _ in range(relays)]
        try:
            started = _begin(workers, address)
            journey = Journey(ids, receiver, started)
            _kill_some(workers, journey, kills=kills)
            _wait_until_done()
        finally:
            end(workers)
    return _judged(journey, kills=kills)


def _publish(aggregates: int) -> list[str]:
    before = set(Event.objects.filter(topic=TOPIC).values_list("pk", flat=True))
    for number in range(aggregates):
        for step in STEPS:
            with transaction.atomic():
                outbox.publish(
                    topic=TOPIC, aggregate=f"order/{number}", payload={"step": step}
                )
    ours = Event.objects.filter(topic=TOPIC).exclude(pk__in=before)
    return [str(pk) for pk in ours.order_by("position").values_list("pk", flat=True)]


def _begin(workers: list[Popen[str]], address: str) -> float:
    """Tell each worker what to do; return when the first began."""
    for worker in workers:
        tell(
            worker,
            {
                "platform": address,
                "subscriptions": settings.OUTBOX_SUBSCRIPTIONS,
                "lease": LEASE_SECONDS,
                "batch": BATCH,
            },
        )
    hear(workers[0])
    started = time.monotonic()
    for worker in workers[1:]:
        hear(worker)
    return started


def _kill_some(workers: list[Popen[str]], journey: Journey, *, kills: int) -> None:
    """Kill a worker after each quarter of the events."""
    deadline = time.monotonic() + STUCK_AFTER
    for number in range(kills):
        while len(journey.receiver.accepted) < len(journey.ids) * (number + 1) // 4:
            if time.monotonic() > deadline:
                raise TimeoutError("the workers deliver nothing")
            time.sleep(0.005)
        workers[number].kill()


def _wait_until_done() -> None:
    deadline = time.monotonic() + STUCK_AFTER
    while not outbox.is_drained():
        if time.monotonic() > deadline:
            raise TimeoutError("the workers do not get done")
        time.sleep(0.05)
    # What was claimed last may still be on its way.
    time.sleep(0.2)


def _judged(journey: Journey, *, kills: int) -> Outcome:
    receiver, ids = journey.receiver, journey.ids
    deliveries = receiver.deliveries()
    arrived = [receiver.first_at[one] for one in ids if one in receiver.first_at]
    numbers = Event.objects.filter(topic=TOPIC).order_by("sequence")
    sequences = list(numbers.values_list("sequence", flat=True))
    average = fmean(deliveries) if deliveries else 0.0
    # One in nine is accepted and cut off; a killed worker had a batch in hand.
    most = 1.27 + kills * BATCH / len(ids)
    lost = len(ids) - len(arrived)
    told = {"delivered": len(arrived), "lost": lost}
    return judged(
        Tally(
            {word: n for word, n in told.items() if n},
            [at - journey.started for at in arrived],
        ),
        winners=len(arrived),
        expected=len(ids),
        found={
            "lost": lost,
            # Aggregates whose order the receiver saw broken.
            "disordered": sum(
                steps != STEPS for steps in receiver.first_steps().values()
            ),
            "deliveries": median(deliveries) if deliveries else 0,
            "deliveries on average": average,
            "sent too often": average >= most,
            "gaps in numbers": sequences != list(range(1, len(sequences) + 1)),
        },
        wanted={
            "lost": 0,
            "disordered": 0,
            "deliveries": 1,
            "sent too often": False,
            "gaps in numbers": False,
        },
        became=f"each {average:.2f} times on average",
    )
