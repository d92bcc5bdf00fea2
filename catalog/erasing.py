"""What the searches say of somebody who wants to be forgotten."""

from catalog import fruitless
from catalog.models import FruitlessSearch
from common.traces import Traces


def forget_searches(traces: Traces) -> int:
    """Delete the searches in vain that name a person; return how many.

    Who searched is not known. What waits in Redis is written down first.
    """
    fruitless.store()
    named = FruitlessSearch.objects.filter(traces.within("text", "corrected_to"))
    return named.delete()[0]
