"""What a promotion would have cost, and whom it would have reached.

A draft is run over orders that were really placed and carts that are full right now,
by the same function that prices them. Each is priced twice, with the promotions of its
moment and with the draft beside them: the difference is the draft's doing. Nothing is
written.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from cart.models import CartItem
from catalog.models import Category
from common.days import shop_day
from common.db import run
from common.progress import Progress
from coupons import services as coupons
from coupons.models import Coupon
from delivery.terms import DeliveryTerms
from orders.models import DEAD
from promotions.history import terms_of
from promotions.models import REGULAR_DAYS, Promotion
from promotions.pricing import (
    CouponTerms,
    Item,
    PromotionTerms,
    Quote,
    Reason,
    quote,
)
from promotions.selectors import Buyer

# Oldest first, page by page, with what was known of their shoppers at the moment.
ORDERS_SQL = f"""
    SELECT placed.id, placed.number, placed.user_id, placed.placed_at,
           placed.coupon_id, coalesce((SELECT sum((step ->> 'amount')::bigint)
                       FROM jsonb_array_elements(placed.adjustments) AS step
                      WHERE step ->> 'kind' = 'delivery'), 0)::bigint,
           past.orders, past.recent, content.lines
      FROM orders_order AS placed
     CROSS JOIN LATERAL (
           SELECT count(*) AS orders,
                  count(*) FILTER (WHERE earlier.paid_at <= placed.placed_at
                                     AND earlier.paid_at > placed.placed_at
                      - make_interval(days => {REGULAR_DAYS})) AS recent
             FROM orders_order AS earlier
            WHERE earlier.user_id = placed.user_id AND earlier.id < placed.id
              AND earlier.status <> ALL(%(dead)s::text[])) AS past
     CROSS JOIN LATERAL (
           SELECT json_agg(json_build_array(line.product_id, line.sku, line.name,
                      line.unit_price, line.quantity, product.weight_grams,
                      product.category_id) ORDER BY line.id)::text AS lines
             FROM orders_orderline AS line
             JOIN catalog_product AS product ON product.id = line.product_id
            WHERE line.order_id = placed.id) AS content
     WHERE placed.placed_at >= %(since)s::timestamptz
       AND placed.placed_at < %(until)s::timestamptz
       AND placed.status <> ALL(%(dead)s::text[]) AND placed.id > %(after)s::uuid
     ORDER BY placed.id
     LIMIT %(page)s::bigint
"""  # noqa: S608 — our own text
# The newest order that is not looked at any more, and how many there are.
EXTENT_SQL = """
    WITH found AS (
        SELECT id FROM orders_order
         WHERE placed_at >= %(since)s::timestamptz
           AND placed_at < %(until)s::timestamptz
           AND status <> ALL(%(dead)s::text[])
    )
    SELECT (SELECT id FROM found ORDER BY id DESC OFFSET %(limit)s::bigint LIMIT 1),
           (SELECT count(*) FROM found)
"""
PAGE = 1_000
FIRST = UUID(int=0)
# The same of everybody who has a cart, right now.
BUYERS_SQL = f"""
    SELECT cart.user_id, count(*),
           count(*) FILTER (WHERE earlier.paid_at
                                > now() - make_interval(days => {REGULAR_DAYS}))
      FROM cart_cart AS cart
      JOIN orders_order AS earlier ON earlier.user_id = cart.user_id
     WHERE earlier.status <> ALL(%(dead)s::text[])
     GROUP BY cart.user_id
"""  # noqa: S608 — our own text


@dataclass(frozen=True, slots=True)
class Case:
    """Something that was, or is about to be, bought."""

    label: str
    moment: datetime
    buyer: Buyer
    items: tuple[Item, ...]
    # Category by product id.
    shelves: Mapping[int, int]
    coupon: CouponTerms | None
    delivery: DeliveryTerms | None


@dataclass(frozen=True, slots=True)
class Biggest:
    """The purchase that would have got most, by its number, in minor units."""

    label: str
    amount: int
    total_before: int


@dataclass
class Tally:
    """What a draft would have done to purchases; amounts in minor units.

    ``refused`` counts those it would not have reached by the first rule that failed;
    ``displaced`` those in which it would have taken another promotion's place, and
    ``displaced_by`` the other way round, by name. ``free`` would have cost nothing.
    """

    seen: int = 0
    touched: int = 0
    cost: int = 0
    # Of those it touches: what they came to without it.
    turnover: int = 0
    free: int = 0
    biggest: Biggest | None = None
    refused: Counter[Reason] = field(default_factory=Counter)
    displaced: Counter[str] = field(default_factory=Counter)
    displaced_by: Counter[str] = field(default_factory=Counter)
    cost_by_day: dict[date, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def share(self) -> int:
        """How many of a hundred purchases it touches."""
        return self.touched * 100 // self.seen if self.seen else 0

    @property
    def cost_share(self) -> float:
        """What it costs, in per cent of the turnover it touches."""
        return round(self.cost * 100 / self.turnover, 1) if self.turnover else 0.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """A draft over the orders of some days, and over the carts of the moment."""

    since: datetime
    orders: Tally
    carts: Tally
    # Whether there were more orders than were looked at.
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Scoped:
    """A promotion with what it covers, by product and by category."""

    promotion: Promotion
    terms: PromotionTerms
    products: frozenset[int]
    categories: frozenset[int]

    def terms_for(self, case: Case, *, left: int | None) -> PromotionTerms:
        covers = None
        if self.products or self.categories:
            covers = frozenset(
                product_id
                for product_id, category_id in case.shelves.items()
                if product_id in self.products or category_id in self.categories
            )
        return replace(
            self.terms,
            covers=covers,
            budget_left=left,
            is_for_you=case.buyer.is_of(self.promotion.audience),
        )

    def ran_at(self, moment: datetime) -> bool:
        ends_at = self.promotion.ends_at
        is_over = ends_at is not None and ends_at <= moment
        return self.promotion.starts_at <= moment and not is_over


def simulate(
    draft: Promotion, *, days: int, limit: int, progress: Progress | None = None
) -> Simulation:
    """Run a saved draft over the orders of the last ``days`` and over today's carts.

    Its own dates do not matter, nor whether it is active. At most the newest ``limit``
    orders are looked at, from the oldest on, so that a budget runs out as it would
    have. ``progress`` shows how far it is.
    """
    now = timezone.now()
    since = now - timedelta(days=days)
    families = _families()
    scoped = _scoped(draft, families)
    others = [_scoped(one, families) for one in _others(draft, since)]
    running = [one for one in others if one.promotion.is_running(now)]
    carts = _carts(now)
    span = {"since": since, "until": now, "dead": list(DEAD)}
    [(cut, number)] = run(EXTENT_SQL, span | {"limit": limit}).rows()
    placed = _watched(progress, "orders", _ordered(span, cut), min(number, limit))
    return Simulation(
        since=since,
        orders=_tally(scoped, others, placed),
        carts=_tally(scoped, running, _watched(progress, "carts", carts, len(carts))),
        is_cut=cut is not None,
    )


def _watched(
    progress: Progress | None, label: str, cases: Iterable[Case], total: int
) -> Iterable[Case]:
    return cases if progress is None else progress.over(label, cases, total)


def _tally(draft: _Scoped, others: Sequence[_Scoped], cases: Iterable[Case]) -> Tally:
    tally = Tally()
    promotion = draft.promotion
    left = None if promotion.budget is None else promotion.budget - promotion.spent
    for case in cases:
        beside = [
            one.terms_for(case, left=None) for one in others if one.ran_at(case.moment)
        ]
        terms = draft.terms_for(case, left=left)
        before = _price(case, beside)
        after = _price(case, [*beside, terms])
        given = after.promotions.get(promotion.pk, 0)
        if left is not None:
            left -= given
        _note(tally, case, before, after, promotion.pk)
    return tally


def _price(case: Case, promotions: Sequence[PromotionTerms]) -> Quote:
    return quote(
        case.items, promotions=promotions, coupon=case.coupon, delivery=case.delivery
    )


def _note(
    tally: Tally, case: Case, before: Quote, after: Quote, promotion_id: int
) -> None:
    tally.seen += 1
    refusals = {one.source_id: one for one in after.refusals if one.kind == "promotion"}
    if refusal := refusals.get(promotion_id):
        tally.refused[refusal.reason] += 1
        if refusal.by:
            tally.displaced_by[refusal.by] += 1
        return
    cost = before.total - after.total
    tally.touched += 1
    tally.cost += cost
    tally.turnover += before.total
    tally.free += after.total == 0
    tally.cost_by_day[shop_day(case.moment)] += cost
    lost = before.promotions.keys() - after.promotions.keys()
    tally.displaced.update(refusals[one].label for one in lost)
    if tally.biggest is None or cost > tally.biggest.amount:
        tally.biggest = Biggest(case.label, cost, before.total)


def _others(draft: Promotion, since: datetime) -> list[Promotion]:
    ran = Q(is_active=True) | Q(uses__isnull=False)
    return list(
        Promotion.objects.exclude(pk=draft.pk)
        .filter(ran, Q(ends_at=None) | Q(ends_at__gt=since))
        .prefetch_related("products", "categories")
        .distinct()
    )


def _scoped(promotion: Promotion, families: Mapping[int, frozenset[int]]) -> _Scoped:
    shelves = [families[category.pk] for category in promotion.categories.all()]
    return _Scoped(
        promotion=promotion,
        terms=terms_of(promotion),
        products=frozenset(product.pk for product in promotion.products.all()),
        categories=frozenset().union(*shelves),
    )


def _families() -> dict[int, frozenset[int]]:
    """Return each category with all below it, by id."""
    parents = dict(Category.objects.values_list("pk", "parent_id"))
    families: dict[int, set[int]] = {category_id: set() for category_id in parents}
    for category_id in parents:
        above: int | None = category_id
        while above is not None:
            families[above].add(category_id)
            above = parents[above]
    return {category_id: frozenset(family) for category_id, family in families.items()}


def _ordered(span: Mapping[str, Any], cut: UUID | None) -> Iterator[Case]:
    """Read the orders after ``cut`` a page at a time: there can be very many."""
    after = cut or FIRST
    while rows := run(ORDERS_SQL, {**span, "after": after, "page": PAGE}).rows():
        after = rows[-1][0]
        coupon_ids = [row[4] for row in rows if row[4] is not None]
        held = Coupon.objects.select_related("batch").in_bulk(coupon_ids)
        terms = {coupon_id: _coupon(coupon) for coupon_id, coupon in held.items()}
        for row in rows:
            yield _case(row, terms)


def _case(row: Sequence[Any], terms: Mapping[int, CouponTerms]) -> Case:
    number, user_id, moment, coupon_id, delivery, earlier, recent, text = row[1:]
    lines = orjson.loads(text)
    return Case(
        label=number,
        moment=moment,
        buyer=Buyer(user_id is not None, earlier, recent),
        items=tuple(Item(*line[:6]) for line in lines),
        shelves={line[0]: line[6] for line in lines},
        coupon=terms.get(coupon_id),
        delivery=DeliveryTerms("", "", delivery, None),
    )


def _coupon(coupon: Coupon) -> CouponTerms:
    # It was good enough for its order, whatever has become of it since.
    return replace(coupons.terms_of(coupon), refused=None)


def _carts(now: datetime) -> list[Case]:
    """Return the carts that hold something on sale, as they would be ordered now."""
    buyers = {
        user_id: Buyer(True, earlier, recent)  # noqa: FBT003 — its first field
        for user_id, earlier, recent in run(BUYERS_SQL, {"dead": list(DEAD)}).rows()
    }
    items: dict[int, list[CartItem]] = defaultdict(list)
    found = CartItem.objects.selected().filter(product__published_at__lte=Now())
    for item in found.select_related("product", "cart").order_by("pk"):
        items[item.cart_id].append(item)
    return [_cart(own, buyers, now) for own in items.values()]


def _cart(
    items: Sequence[CartItem], buyers: Mapping[int, Buyer], now: datetime
) -> Case:
    cart = items[0].cart
    nobody = Buyer(is_known=cart.user_id is not None)
    return Case(
        label=f"cart {cart.pk}",
        moment=now,
        buyer=buyers.get(cart.user_id or 0, nobody),
        items=tuple(
            Item(
                product_id=item.product_id,
                sku=item.product.sku,
                name=item.product.name,
                unit_price=item.product.price,
                quantity=item.quantity,
                weight=item.product.weight_grams,
            )
            for item in items
        ),
        shelves={item.product_id: item.product.category_id for item in items},
        coupon=None,
        # Nobody knows yet where it goes.
        delivery=None,
    )
