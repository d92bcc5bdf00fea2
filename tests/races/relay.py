"""A relay process of race 25 with a guard taken out: it delivers until it is killed."""

import os

import django

django.setup()

# Models can be imported only from here on.
from drill import relay  # noqa: E402
from tests.races import mutants  # noqa: E402

if __name__ == "__main__":
    with mutants.MUTANTS[os.environ["MUTANT"]]():
        relay.main()
