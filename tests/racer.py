"""One of the processes of ``run_in_processes``, with a guard taken out."""

import os

import django

django.setup()

# Models can be imported only from here on.
from drill import racer  # noqa: E402
from tests.races import mutants  # noqa: E402

if __name__ == "__main__":
    with mutants.MUTANTS[os.environ["MUTANT"]]():
        racer.main()
