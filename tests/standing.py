"""What the tests of a file find as it was made once, for each of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TypeVar

from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

R = TypeVar("R")


@contextmanager
def standing(
    make: Callable[[], R], blocker: DjangoDbBlocker
) -> Iterator[Callable[[], R]]:
    """Let ``make`` write what all tests of a file start with; take it away in the end.

    The transaction of each test is a savepoint in one that stays open meanwhile, so no
    test of the file may ask for real ones. Yields what returns a copy of the thing.
    """
    around = transaction.atomic()
    with blocker.unblock():
        around.__enter__()
        made = make()
    try:
        yield lambda: deepcopy(made)
    finally:
        with blocker.unblock():
            transaction.set_rollback(True)
            around.__exit__(None, None, None)
