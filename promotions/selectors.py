"""Which promotions run right now, as values for ``quote()``."""

from dataclasses import dataclass
from typing import Any

import orjson

from promotions.models import REGULAR_ORDERS
from promotions.pricing import Audience, PromotionKind, PromotionTerms

# Whether ``promotion`` applies right now, by the database's clock.
IS_RUNNING_SQL = """
    promotion.is_active AND promotion.starts_at <= now()
        AND (promotion.ends_at IS NULL OR promotion.ends_at > now())
"""
# All that run, with those of ``product_ids`` that each is for; null is everything.
# ``read_running`` reads it.
RUNNING_SQL = f"""
    SELECT json_agg(json_build_array(
               promotion.id, promotion.name, promotion.kind, promotion.value,
               promotion.take, promotion.pay, promotion.max_discount,
               promotion.min_spend, promotion.audience, promotion.priority,
               promotion.exclusive_group, promotion.budget - promotion.spent,
               promotion.version,
               CASE WHEN EXISTS (SELECT FROM promotions_promotion_products
                                  WHERE promotion_id = promotion.id)
                      OR EXISTS (SELECT FROM promotions_promotion_categories
                                  WHERE promotion_id = promotion.id)
                    THEN (
                  WITH RECURSIVE family AS (
                      SELECT category_id AS id FROM promotions_promotion_categories
                       WHERE promotion_id = promotion.id
                       UNION
                      SELECT child.id FROM catalog_category AS child
                        JOIN family ON child.parent_id = family.id
                  )
                  SELECT coalesce(json_agg(covered.id), '[]')
                    FROM catalog_product AS covered
                   WHERE covered.id = ANY(%(product_ids)s::bigint[])
                     AND (covered.category_id IN (SELECT id FROM family)
                          OR covered.id IN (
                              SELECT product_id FROM promotions_promotion_products
                               WHERE promotion_id = promotion.id)))
               END))::text
      FROM promotions_promotion AS promotion
     WHERE {IS_RUNNING_SQL}
"""  # noqa: S608 — our own text
# Whether anybody has to know who the shopper is.
IS_CHOOSY_SQL = f"""
    EXISTS (SELECT FROM promotions_promotion AS promotion
             WHERE promotion.audience <> 'everyone' AND {IS_RUNNING_SQL})
"""


@dataclass(frozen=True, slots=True)
class Buyer:
    """What decides for which audiences somebody is; a guest is for none but all.

    ``orders`` are those that stand, paid or not; ``recent`` the paid ones of the last
    ``REGULAR_DAYS``.
    """

    is_known: bool = False
    orders: int = 0
    recent: int = 0

    def is_of(self, audience: str) -> bool:
        """Tell whether a promotion for that audience is for this buyer."""
        if audience == Audience.EVERYONE:
            return True
        if not self.is_known:
            return False
        if audience == Audience.NEW:
            return not self.orders
        return self.recent >= REGULAR_ORDERS


def read_running(text: str | None, buyer: Buyer) -> tuple[PromotionTerms, ...]:
    """Read what ``RUNNING_SQL`` wrote, for a buyer."""
    return tuple(_terms(row, buyer) for row in orjson.loads(text)) if text else ()


def _terms(row: list[Any], buyer: Buyer) -> PromotionTerms:
    promotion_id, name, kind, value, take, pay, most, min_spend, *rest = row
    audience, priority, group, budget_left, version, covers = rest
    return PromotionTerms(
        promotion_id=promotion_id,
        name=name,
        kind=PromotionKind(kind),
        value=value,
        take=take,
        pay=pay,
        max_discount=most,
        min_spend=min_spend,
        covers=None if covers is None else frozenset(covers),
        is_for_you=buyer.is_of(audience),
        priority=priority,
        exclusive_group=group,
        budget_left=budget_left,
        version=version,
    )
