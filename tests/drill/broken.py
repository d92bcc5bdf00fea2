"""The engine of a drill in a shop that forgets idempotency keys."""

import sys

import django

django.setup()

# Models can be imported only from here on.
from drill import engine  # noqa: E402
from tests.races import mutants  # noqa: E402

if __name__ == "__main__":
    with mutants.forgetful_keys():
        engine.main(sys.argv[1:])
