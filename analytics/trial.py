"""Whether recommendations are worth their place: they are tried against plain lists.

A fixed tenth of those who consent to be observed sees plain lists of the category in
the same places. For both arms it is counted how often a list was shown, how often it
was followed, and what was bought within a week of following it.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from analytics.pseudonyms import PLAIN_OF_256
from common.db import run

# The lists that are tried, by the names that pages and API give them.
LISTS = ("related", "bought_together", "cart", "for_you")
DAYS = 28
BOUGHT_WITHIN = timedelta(days=7)

REPORT_SQL = """
    WITH act AS (
        SELECT kind, source, actor, product_id, at,
               ('x' || right(actor::text, 2))::bit(8)::int < %(plain)s AS is_plain
          FROM analytics_behaviourevent
         WHERE at >= %(since)s AND kind IN ('shown', 'click')
           AND source = ANY(%(lists)s::text[])
    ), followed AS (
        SELECT act.*, EXISTS (
                   SELECT FROM analytics_behaviourevent AS bought
                    WHERE bought.actor = act.actor AND bought.kind = 'purchase'
                      AND bought.product_id = act.product_id
                      AND bought.at BETWEEN act.at AND act.at + %(within)s::interval
               ) AS is_bought
          FROM act WHERE kind = 'click'
    ), shown AS (
        SELECT source, is_plain, count(*) AS shown, count(DISTINCT actor) AS actors
          FROM act WHERE kind = 'shown' GROUP BY source, is_plain
    ), clicked AS (
        SELECT source, is_plain, count(*) AS clicks,
               count(DISTINCT (actor, product_id)) FILTER (WHERE is_bought) AS orders
          FROM followed GROUP BY source, is_plain
    )
    SELECT list.source, arm.is_plain, coalesce(shown.actors, 0),
           coalesce(shown.shown, 0), coalesce(clicked.clicks, 0),
           coalesce(clicked.orders, 0)
      FROM unnest(%(lists)s::text[]) WITH ORDINALITY AS list (source, place)
     CROSS JOIN (VALUES (false), (true)) AS arm (is_plain)
      LEFT JOIN shown USING (source, is_plain)
      LEFT JOIN clicked USING (source, is_plain)
     ORDER BY list.place, arm.is_plain
"""


@dataclass(frozen=True, slots=True)
class ArmOfList:
    """One list as one arm met it."""

    source: str
    is_plain: bool
    actors: int
    shown: int
    clicks: int
    bought: int

    @property
    def click_rate(self) -> float:
        """Clicks of a hundred lists that were shown."""
        return 100 * self.clicks / self.shown if self.shown else 0.0

    @property
    def bought_rate(self) -> float:
        """Products bought of a hundred lists that were shown."""
        return 100 * self.bought / self.shown if self.shown else 0.0


def report(*, days: int = DAYS) -> list[ArmOfList]:
    """Count both arms of each list over the last ``days`` days."""
    params = {
        "plain": PLAIN_OF_256,
        "since": timezone.now() - timedelta(days=days),
        "lists": list(LISTS),
        "within": BOUGHT_WITHIN,
    }
    return [ArmOfList(*row) for row in run(REPORT_SQL, params).rows()]
