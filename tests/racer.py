"""One of the processes of ``run_in_processes``."""

import importlib
import json
import sys
from contextlib import nullcontext

import django

django.setup()

# Models can be imported only from here on.
from tests.concurrency import run_together, told  # noqa: E402
from tests.races import mutants  # noqa: E402


def main() -> None:
    """Read what to do, wait for the start, do it, say what came of it."""
    order = json.loads(sys.stdin.readline())
    module, _, name = order["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    numbers, arguments = order["numbers"], order["arguments"]
    print(json.dumps("ready"), flush=True)  # noqa: T201
    sys.stdin.readline()
    name = order["mutant"]
    with mutants.MUTANTS[name]() if name else nullcontext():
        results = run_together(
            lambda index: function(numbers[index], **arguments),
            times=len(numbers),
            clients=min(order["clients"], len(numbers)),
        )
    print(json.dumps(told(results)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
