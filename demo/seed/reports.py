"""What the shop knows of its past once that is written."""

from collections.abc import Iterable
from datetime import date

from analytics import funnel, trends
from catalog.models import FruitlessSearch, SynonymGroup
from demo.seed.moments import HOUR, aware

# What shoppers of the demo looked for in vain: text, times, hours ago, found instead.
IN_VAIN = (
    ("paper lantern", 14, 2, ""),
    ("rice cooker", 11, 5, ""),
    ("cermaic bowl", 7, 9, "ceramic bowl"),
    ("led lamp usb", 5, 26, ""),
    ("wool blanket xxl", 3, 50, ""),
)
# What the catalogue calls by one name, and shoppers by another.
SYNONYMS = (
    ("sofa", "couch"),
    ("cup", "mug"),
    ("backpack", "rucksack"),
    ("torch", "flashlight"),
    ("bicycle", "bike"),
    ("television", "tv"),
    ("running shoe", "trainers", "sneakers"),
    ("aubergine", "eggplant"),
)


def know(days: Iterable[date], now: int) -> None:
    """Count the funnel of the days, score the products, learn what shoppers say."""
    for day in days:
        funnel.count_day(day)
    funnel.count_fresh_days()
    trends.refresh()
    SynonymGroup.objects.bulk_create(SynonymGroup(words=list(it)) for it in SYNONYMS)
    FruitlessSearch.objects.bulk_create(
        FruitlessSearch(
            text=text,
            times=times,
            corrected_to=instead,
            first_at=aware(now - 3 * hours * HOUR),
            last_at=aware(now - hours * HOUR),
        )
        for text, times, hours, instead in IN_VAIN
    )
