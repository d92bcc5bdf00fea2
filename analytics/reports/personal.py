"""What personal coupons bring, by those who were left out of them by lot.

Both groups were drawn from the same customers on the same night, so the difference of
their means is the coupon's doing, whether it was used or only read. Spending counts
from the decision until the coupon's end, less what went back of it.
"""

from dataclasses import dataclass

from analytics.reports.campaigns import Band, Uplift, compare
from analytics.sql import given_back, rows
from coupons import personal
from coupons.models import PersonalRule

_ARMS = f"""
    WITH person AS (
        SELECT offer.coupon_id IS NOT NULL AS is_offered,
               coupon.state = 'used' AS is_used, coalesce((
                   SELECT sum(placed.total - {given_back("placed")})
                     FROM orders_order AS placed
                    WHERE placed.user_id = offer.user_id
                      AND placed.paid_at >= offer.decided_at
                      AND placed.paid_at < offer.decided_at
                          + make_interval(days => rule.days_valid)
                      AND placed.status IN ('paid', 'processing', 'shipped',
                                            'delivered')), 0)::float8 AS spent
          FROM coupons_personaloffer AS offer
          JOIN coupons_personalrule AS rule ON rule.id = offer.rule_id
          LEFT JOIN coupons_coupon AS coupon ON coupon.id = offer.coupon_id
         WHERE offer.rule_id = %(rule_id)s
    )
    SELECT count(*) FILTER (WHERE is_offered), count(*) FILTER (WHERE NOT is_offered),
           coalesce(avg(spent) FILTER (WHERE is_offered), 0),
           coalesce(avg(spent) FILTER (WHERE NOT is_offered), 0),
           coalesce(var_samp(spent) FILTER (WHERE is_offered), 0),
           coalesce(var_samp(spent) FILTER (WHERE NOT is_offered), 0),
           count(*) FILTER (WHERE is_used)
      FROM person
"""  # noqa: S608 — our own text


@dataclass(frozen=True, slots=True)
class RuleReport:
    """What became of a rule's coupons, in minor units.

    ``committed`` is what its budget has spent or promised; the means are spending per
    head; ``uplift`` compares them.
    """

    offered: int
    held_out: int
    used: int
    committed: int
    offered_mean: float
    held_out_mean: float
    uplift: Uplift


def report(rule: PersonalRule) -> RuleReport:
    """Judge a rule by everything it has decided so far."""
    [(offered, held_out, *means, used)] = rows(_ARMS, {"rule_id": rule.pk})
    band = Band(offered, held_out, *means)
    return RuleReport(
        offered=offered,
        held_out=held_out,
        used=used,
        committed=personal.committed(rule),
        offered_mean=band.holders_mean,
        held_out_mean=band.others_mean,
        uplift=compare([band]),
    )
