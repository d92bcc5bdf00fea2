"""Personal coupons with one guard taken out, to see that a race notices."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Barrier
from typing import Any
from unittest.mock import patch

from coupons import personal
from coupons.models import PersonalRule
from coupons.personal import Candidate
from tests.concurrency import STUCK_AFTER


@contextmanager
def deciding_without_a_queue(together: int) -> Iterator[None]:
    """Let every worker decide on what it read before the others wrote."""
    barrier = Barrier(together, timeout=STUCK_AFTER)
    draw = personal._draw

    def draw_together(
        rule: PersonalRule, fresh: Sequence[Candidate], affordable: int
    ) -> Any:
        barrier.wait()
        return draw(rule, fresh, affordable)

    with (
        patch.object(personal, "_lock", lambda pk: PersonalRule.objects.get(pk=pk)),
        patch.object(personal, "_queue_up", lambda: None),
        patch.object(personal, "_draw", draw_together),
    ):
        yield
