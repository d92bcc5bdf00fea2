"""What the shop learns: sales by day, what shoppers look at, what goes together."""

from analytics.models.behaviour import (
    Behaviour,
    BehaviourEvent,
    NotInterested,
    Privacy,
)
from analytics.models.recommendations import (
    CategoryFavourite,
    ItemPair,
    PairKind,
    PairRun,
)
from analytics.models.reports import (
    DailyFunnel,
    DailyTakings,
    ProductScore,
    ReportRun,
)
from analytics.models.sales import DailySales, DirtyDay, RollupRun
from analytics.models.segments import CustomerSegment

__all__ = [
    "Behaviour",
    "BehaviourEvent",
    "CategoryFavourite",
    "CustomerSegment",
    "DailyFunnel",
    "DailySales",
    "DailyTakings",
    "DirtyDay",
    "ItemPair",
    "NotInterested",
    "PairKind",
    "PairRun",
    "Privacy",
    "ProductScore",
    "ReportRun",
    "RollupRun",
]
