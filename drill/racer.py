"""One of the processes of ``race_in_processes``."""

import importlib
from typing import Any

import django

django.setup()

# Models can be imported only from here on.
from drill import processes  # noqa: E402
from drill.crowd import race  # noqa: E402


def main() -> None:
    """Take part in races until there are no more."""
    processes.listen()
    while order := processes.receive():
        _take_part(**order)


def _take_part(
    *, function: str, arguments: dict[str, Any], clients: int, numbers: list[int]
) -> None:
    """Wait for the start, do one's share, say what came of it."""
    module, _, name = function.partition(":")
    call = getattr(importlib.import_module(module), name)
    processes.say("ready")
    processes.receive()
    tally = race(
        lambda index: call(numbers[index], **arguments),
        times=len(numbers),
        clients=clients,
    ).tally
    processes.say({"told": tally.told, "seconds": tally.seconds})


if __name__ == "__main__":
    main()
