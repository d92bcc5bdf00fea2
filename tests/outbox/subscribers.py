"""Subscribers that do as the test says and remember what they got."""

from collections.abc import Callable, Sequence

from outbox.services import DELIVERED, Outcome, OutgoingEvent

Answer = Callable[[OutgoingEvent], Outcome]


class Recorder:
    """Remembers the events it got; each call answers as ``answer`` says."""

    def __init__(self) -> None:
        self.got: list[OutgoingEvent] = []
        self.calls: list[int] = []
        self.answer: Answer = lambda _event: DELIVERED

    def __call__(self, events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
        self.calls.append(len(events))
        self.got.extend(events)
        return [self.answer(event) for event in events]

    def payloads(self) -> list[int]:
        return [int(event.payload["n"]) for event in self.got]

    def reset(self) -> None:
        self.__init__()  # type: ignore[misc]


first = Recorder()
second = Recorder()


def broken(_events: Sequence[OutgoingEvent]) -> Sequence[Outcome]:
    """Raise, as a subscriber with a bug does."""
    raise RuntimeError("a bug")
