"""What coupons and promotions brought in, and whether it was because of them.

**Uplift** is what holders of a coupon spent more than shoppers like them without it,
while it was valid. "Like them" is said by what both spent in the 90 days before claims
opened: nothing, or the lowest, middle or highest third of those who bought; who joined
later is a band of its own. The estimate is the difference of means within each band,
weighted by the holders in it (subclassification: W. G. Cochran, "The effectiveness of
adjustment by subclassification in removing bias in observational studies", Biometrics
24 (1968), 295-313):

    uplift = sum_b (H_b / H) * (mean_b(holders) - mean_b(others))
    error² = sum_b (H_b / H)² * (s²_b(holders) / H_b + s²_b(others) / O_b)

with sample variances s², over the bands that have at least two of both; 95 % of such
intervals, uplift ± 1.96 error, cover what is estimated. Nobody is drawn by lot here:
who claims a coupon may have meant to buy anyway, and no band can see that. So even a
certain difference says "bought more", not "because of the coupon".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import sqrt

from django.db.models import Q
from django.utils import timezone

from analytics.sql import given_back, rows
from coupons.models import CouponBatch
from promotions.models import Promotion

BEFORE = timedelta(days=90)
NORMAL_95 = 1.96
# The usual rule of thumb for means to be about normal.
ENOUGH = 30


class Confidence(StrEnum):
    """How much an uplift can be trusted."""

    NONE = "none"  # nobody to compare with
    SMALL = "small"  # too few in a group
    CHANCE = "chance"  # could be none at all
    LIKELY = "likely"


@dataclass(frozen=True, slots=True)
class Band:
    """Holders and others who had spent alike, and what they spent since."""

    holders: int
    others: int
    holders_mean: float
    others_mean: float
    holders_variance: float
    others_variance: float

    @property
    def is_comparable(self) -> bool:
        return min(self.holders, self.others) > 1


@dataclass(frozen=True, slots=True)
class Uplift:
    """The more per holder, in minor units, with its 95 % interval."""

    holders: int
    others: int
    amount: float
    error: float
    confidence: Confidence

    @property
    def low(self) -> float:
        return self.amount - NORMAL_95 * self.error

    @property
    def high(self) -> float:
        return self.amount + NORMAL_95 * self.error


@dataclass(frozen=True, slots=True)
class Effect:
    """What the orders with a coupon of a batch came to, as in ``Campaign``."""

    used: int = 0
    revenue: int = 0
    cost: int = 0
    new_buyers: int = 0


NOTHING = (0, 0, 0, 0)
NO_UPLIFT = Uplift(0, 0, 0.0, 0.0, Confidence.NONE)


@dataclass(frozen=True, slots=True)
class Campaign:
    """A batch of coupons, or a promotion, and what became of it; minor units.

    ``revenue`` is what the orders that used it paid, less what went back of them;
    ``cost`` what they got off. ``issued`` and ``uplift`` are ``None`` for promotions,
    which nobody holds.
    """

    id: int
    name: str
    issued: int | None
    used: int
    revenue: int
    cost: int
    new_buyers: int
    starts_at: datetime
    ends_at: datetime | None
    uplift: Uplift | None


def compare(bands: list[Band]) -> Uplift:
    """Estimate the uplift from the bands, as the module says."""
    usable = [band for band in bands if band.is_comparable]
    holders = sum(band.holders for band in usable)
    others = sum(band.others for band in usable)
    if not usable:
        return NO_UPLIFT
    amount = variance = 0.0
    for band in usable:
        weight = band.holders / holders
        amount += weight * (band.holders_mean - band.others_mean)
        variance += weight**2 * (
            band.holders_variance / band.holders + band.others_variance / band.others
        )
    error = sqrt(variance)
    if min(holders, others) < ENOUGH:
        confidence = Confidence.SMALL
    elif abs(amount) <= NORMAL_95 * error:
        confidence = Confidence.CHANCE
    else:
        confidence = Confidence.LIKELY
    return Uplift(holders, others, amount, error, confidence)


# An order counts once it was paid, unless it was called off. Whatever lowers the price
# and is no promotion is the coupon.
_BATCHES = f"""
    WITH used AS (
        SELECT coupon.batch_id, "order".id, "order".total,
               {given_back('"order"')} AS refunded,
               coalesce((SELECT -sum((step ->> 'amount')::bigint)
                           FROM jsonb_array_elements("order".adjustments) AS step
                          WHERE step ->> 'kind' NOT IN ('promotion', 'delivery')), 0)
                   AS cost,
               NOT EXISTS (SELECT FROM orders_order AS earlier
                            WHERE earlier.user_id = "order".user_id
                              AND earlier.paid_at < "order".paid_at) AS is_first
          FROM coupons_coupon AS coupon
          JOIN orders_order AS "order" ON "order".id = coupon.order_id
         WHERE coupon.state = 'used' AND "order".paid_at IS NOT NULL
           AND coupon.batch_id = ANY(%(ids)s)
    )
    SELECT batch_id, count(*), sum(total - refunded)::bigint, sum(cost)::bigint,
           count(*) FILTER (WHERE is_first)
      FROM used GROUP BY batch_id
"""  # noqa: S608 — our own text
_PROMOTIONS = f"""
    WITH used AS (
        SELECT given.promotion_id, given.amount, "order".id, "order".total,
               {given_back('"order"')} AS refunded,
               "order".user_id IS NOT NULL AND NOT EXISTS (
                           SELECT FROM orders_order AS earlier
                            WHERE earlier.user_id = "order".user_id
                              AND earlier.paid_at < "order".paid_at) AS is_first
          FROM promotions_promotionuse AS given
          JOIN orders_order AS "order" ON "order".id = given.order_id
         WHERE given.state = 'taken' AND "order".paid_at IS NOT NULL
           AND given.promotion_id = ANY(%(ids)s)
    )
    SELECT promotion_id, count(*), sum(total - refunded)::bigint, sum(amount)::bigint,
           count(*) FILTER (WHERE is_first)
      FROM used GROUP BY promotion_id
"""  # noqa: S608 — our own text
_BANDS = f"""
    WITH spending AS (
        SELECT "order".user_id,
               sum(net) FILTER (WHERE paid_at < %(opened)s) AS before,
               sum(net) FILTER (WHERE paid_at >= %(start)s) AS during
          FROM (SELECT id, user_id, paid_at, total - {given_back("placed")} AS net
                  FROM orders_order AS placed
                 WHERE paid_at >= %(before)s AND paid_at < %(end)s
                   AND user_id IS NOT NULL
                   AND status IN ('paid', 'processing', 'shipped', 'delivered')
               ) AS "order"
         GROUP BY "order".user_id
    ), third AS (
        SELECT percentile_disc(ARRAY[1/3.0, 2/3.0]) WITHIN GROUP (ORDER BY before)
                   AS bounds
          FROM spending WHERE before > 0
    ), person AS (
        SELECT coalesce(during, 0)::float8 AS during,
               EXISTS (SELECT FROM coupons_coupon AS coupon
                        WHERE coupon.batch_id = %(id)s AND coupon.user_id = shopper.id
                          AND coupon.state <> 'revoked') AS holds,
               CASE WHEN shopper.created_at >= %(opened)s THEN 'later'
                    WHEN coalesce(before, 0) <= 0 THEN 'nothing'
                    WHEN before <= third.bounds[1] THEN 'low'
                    WHEN before <= third.bounds[2] THEN 'middle'
                    ELSE 'high' END AS band
          FROM accounts_user AS shopper CROSS JOIN third
          LEFT JOIN spending ON spending.user_id = shopper.id
         WHERE shopper.is_active AND NOT shopper.is_staff
           AND shopper.created_at < %(end)s
    )
    SELECT count(*) FILTER (WHERE holds), count(*) FILTER (WHERE NOT holds),
           coalesce(avg(during) FILTER (WHERE holds), 0),
           coalesce(avg(during) FILTER (WHERE NOT holds), 0),
           coalesce(var_samp(during) FILTER (WHERE holds), 0),
           coalesce(var_samp(during) FILTER (WHERE NOT holds), 0)
      FROM person GROUP BY band ORDER BY band
"""  # noqa: S608 — our own text


def batches(*, start: datetime, end: datetime, limit: int) -> list[Campaign]:
    """Judge the batches that opened before ``end`` and were valid after ``start``.

    The latest first. Their numbers are of their whole life, not of that time only.
    """
    found = CouponBatch.objects.filter(opens_at__lt=end, valid_until__gt=start)
    found = found.order_by("-opens_at", "-pk")[:limit]
    sums = _sums(_BATCHES, [batch.pk for batch in found])
    now = timezone.now()
    return [
        Campaign(
            batch.pk,
            batch.name,
            batch.issued,
            *sums.get(batch.pk, NOTHING),
            starts_at=batch.opens_at,
            ends_at=batch.valid_until,
            uplift=uplift(batch, now=now),
        )
        for batch in found
    ]


def effect(batch_id: int) -> Effect:
    """Sum up what the orders with a coupon of one batch came to."""
    return Effect(*_sums(_BATCHES, [batch_id]).get(batch_id, NOTHING))


def promotions(*, start: datetime, end: datetime, limit: int) -> list[Campaign]:
    """Sum up the promotions that ran in [start, end), the latest first.

    Everybody who fits gets them, so there is nobody to compare with.
    """
    found = Promotion.objects.filter(
        Q(ends_at__isnull=True) | Q(ends_at__gt=start), starts_at__lt=end
    ).order_by("-starts_at", "-pk")[:limit]
    sums = _sums(_PROMOTIONS, [promotion.pk for promotion in found])
    return [
        Campaign(
            promotion.pk,
            promotion.name,
            None,
            *sums.get(promotion.pk, NOTHING),
            starts_at=promotion.starts_at,
            ends_at=promotion.ends_at,
            uplift=None,
        )
        for promotion in found
    ]


def uplift(batch: CouponBatch, *, now: datetime) -> Uplift:
    """Compare the holders of a batch with others, from when it is valid until now."""
    opened = min(batch.opens_at, batch.valid_from)
    start = max(batch.opens_at, batch.valid_from)
    end = min(batch.valid_until, now)
    if start >= end or not batch.issued:
        return NO_UPLIFT
    bands = rows(
        _BANDS,
        {
            "id": batch.pk,
            "before": opened - BEFORE,
            "opened": opened,
            "start": start,
            "end": end,
        },
    )
    return compare([Band(*row) for row in bands])


def _sums(sql: str, ids: list[int]) -> dict[int, tuple[int, int, int, int]]:
    """Return used, revenue, cost and new buyers by id."""
    return {
        key: (used, revenue, cost, new)
        for key, used, revenue, cost, new in rows(sql, {"ids": ids})
    }
