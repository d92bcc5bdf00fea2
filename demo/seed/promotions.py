"""Promotions of the demo: over, running and to come, and what orders got of them."""

from dataclasses import dataclass
from uuid import UUID

from catalog.models import Category
from common.days import bounds, shop_day
from demo.catalogue import categories
from demo.seed.goods import Goods
from demo.seed.moments import DAY, aware, moment
from demo.seed.tables import PROMOTION_USES, Writer
from promotions.models import Campaign, Promotion, UseState
from promotions.pricing import PromotionKind, PromotionTerms, Quote


@dataclass(frozen=True, slots=True)
class Deal:
    """A promotion; times are days from the last midnight, ``scope`` a category."""

    name: str
    campaign: str
    kind: PromotionKind
    value: int
    starts: int
    ends: int | None
    scope: str = ""
    take: int = 0
    pay: int = 0
    max_discount: int | None = None
    min_spend: int = 0
    audience: str = "everyone"
    priority: int = 0
    exclusive_group: str = ""
    # For each 1 500 orders of the story.
    budget: int | None = None
    announcement: str = ""


SEASON = "Autumn at home"
ALWAYS = "Always on"
DEALS = (
    Deal(
        *("Kitchen days", SEASON, PromotionKind.PERCENT, 10, -18, -8, "home-kitchen"),
        max_discount=20_000,
        priority=10,
        exclusive_group="season",
        budget=3_000_000,
    ),
    Deal(
        *("Autumn books", SEASON, PromotionKind.N_FOR_M, 0, -12, 9, "books-stationery"),
        take=3,
        pay=2,
        priority=5,
        announcement="Take three books, pay for two.",
    ),
    Deal(
        *(
            "A week outdoors",
            SEASON,
            PromotionKind.PERCENT,
            15,
            -4,
            4,
            "sports-outdoors",
        ),
        max_discount=30_000,
        priority=10,
        exclusive_group="season",
        budget=1_500_000,
        announcement="15 % off everything for sports, at most ₩30,000 an order.",
    ),
    Deal(
        *("₩5,000 off ₩150,000", ALWAYS, PromotionKind.FIXED, 5_000, -10, None),
        min_spend=150_000,
        priority=1,
        budget=2_000_000,
    ),
    Deal(
        *("Thank you, regulars", ALWAYS, PromotionKind.PERCENT, 3, 0, None),
        audience="regulars",
        max_discount=10_000,
    ),
    Deal(
        *("Delivery on the house", ALWAYS, PromotionKind.FREE_DELIVERY, 0, -6, 20),
        min_spend=30_000,
    ),
    Deal(
        *("Winter garden", "Winter", PromotionKind.PERCENT, 20, 6, 20, "garden-tools"),
        priority=10,
        exclusive_group="season",
        budget=1_000_000,
        announcement="20 % off everything for the garden.",
    ),
)
PER_ORDERS = 1_500


@dataclass(slots=True)
class _Running:
    """A promotion and what the story has taken of it so far."""

    row: Promotion
    starts: int
    ends: int | None
    # Ids of the products it is for; all if ``None``.
    covers: frozenset[int] | None
    spent: int = 0

    def terms(self) -> PromotionTerms:
        row = self.row
        return PromotionTerms(
            promotion_id=row.pk,
            name=row.name,
            kind=PromotionKind(row.kind),
            value=row.value,
            take=row.take,
            pay=row.pay,
            max_discount=row.max_discount,
            min_spend=row.min_spend,
            covers=self.covers,
            priority=row.priority,
            exclusive_group=row.exclusive_group,
            budget_left=None if row.budget is None else row.budget - self.spent,
        )


class Promotions:
    """What was on at each moment, and who got what."""

    def __init__(self, writer: Writer, goods: Goods, orders: int, now: int) -> None:
        self._writer = writer
        scale = max(1, orders // PER_ORDERS)
        self._all = [_begin(deal, goods, scale, now) for deal in DEALS]

    def terms(self, at: int) -> list[PromotionTerms]:
        """Return what ran at a moment for everybody."""
        return [
            one.terms()
            for one in self._all
            if one.starts <= at and (one.ends is None or at < one.ends)
            if one.row.audience == "everyone"
        ]

    def give(self, order_id: UUID, priced: Quote, at: int, *, is_dead: bool) -> None:
        """Write down what an order got; a dead one's has long gone back."""
        by_id = {one.row.pk: one for one in self._all}
        state = UseState.RELEASED if is_dead else UseState.TAKEN
        for promotion_id, amount in priced.promotions.items():
            if not is_dead:
                by_id[promotion_id].spent += amount
            row = (promotion_id, order_id, amount, state.value, aware(at))
            self._writer.add(PROMOTION_USES, row)

    def settle(self) -> None:
        """Write what was spent of each budget."""
        for one in self._all:
            if one.row.budget is not None:
                Promotion.objects.filter(pk=one.row.pk).update(spent=one.spent)


def _begin(deal: Deal, goods: Goods, scale: int, now: int) -> _Running:
    today = moment(bounds(shop_day(aware(now)))[0])
    starts = today + deal.starts * DAY
    ends = None if deal.ends is None else today + deal.ends * DAY
    campaign, _is_new = Campaign.objects.get_or_create(name=deal.campaign)
    row = Promotion.objects.create(
        campaign=campaign,
        name=deal.name,
        kind=deal.kind,
        value=deal.value,
        take=deal.take,
        pay=deal.pay,
        max_discount=deal.max_discount,
        min_spend=deal.min_spend,
        audience=deal.audience,
        starts_at=aware(starts),
        ends_at=None if ends is None else aware(ends),
        priority=deal.priority,
        exclusive_group=deal.exclusive_group,
        budget=None if deal.budget is None else deal.budget * scale,
        announcement=deal.announcement,
        # Whoever is to know does by now.
        announced_at=aware(starts) if starts <= now else None,
    )
    row.refresh_from_db()
    if deal.scope:
        row.categories.add(Category.objects.get(slug=deal.scope))
    return _Running(row, starts, ends, _covered(deal.scope, goods))


def _covered(scope: str, goods: Goods) -> frozenset[int] | None:
    if not scope:
        return None
    [category] = [one for one in categories() if one.slug == scope]
    skus = {article.sku for shelf in category.shelves for article in shelf.articles}
    return frozenset(
        goods.first_id + place
        for place, sku in enumerate(goods.skus)
        if sku.partition("/")[0] in skus
    )
