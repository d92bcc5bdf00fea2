"""Pages of lists that grow with the shop."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator


class QuickPaginator(Paginator[Any]):
    """Counts no further than anybody turns pages: a list of all takes no longer.

    What is behind ``MOST`` is found by searching or narrowing the list.
    """

    MOST = 10_000

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.MOST)

    @property
    def is_capped(self) -> bool:
        """Tell whether there are more than were counted."""
        return self._counted > self.MOST

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        # Without its order: a count needs none, and a slice would keep it.
        return int(rows.order_by()[: self.MOST + 1].count())
