"""What a product cost before, and whether a lower price may be called one.

A reduction is announced beside the lowest price of the 30 days before it began, other
reductions of that time included (the EU's Price Indication Directive, 98/6/EC, article
6a). Whoever raises a price first and lowers it then has no reduction to announce.
"""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from catalog.models import PriceChange, Product
from promotions.models import Promotion
from promotions.pricing import Audience, Item, PromotionKind, PromotionTerms, quote

WINDOW = timedelta(days=30)
# How far back a page shows what a product cost.
SHOWN = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Era:
    """A price without promotions, and since when it held."""

    since: datetime
    price: int


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a product's price by staff."""

    at: datetime
    old: int
    new: int


@dataclass(frozen=True, slots=True)
class Run:
    """A promotion that lowers the price of a single unit for everybody, and when.

    ``is_lasting`` says that everybody who buys now gets it: it was not stopped, and no
    budget can run out. ``changed_at`` is when its terms became these, if they were
    changed: it may have been paused before, or have given more.
    """

    terms: PromotionTerms
    starts_at: datetime
    ends_at: datetime | None
    is_lasting: bool
    changed_at: datetime | None = None

    def runs_at(self, moment: datetime) -> bool:
        """Tell whether it lowered the price at that moment."""
        return self.starts_at <= moment and (
            self.ends_at is None or moment < self.ends_at
        )


@dataclass(frozen=True, slots=True)
class Reduction:
    """A price that is lower than before, as it may be announced.

    ``price`` is what one unit costs now, ``lowest`` the lowest price of the 30 days
    before ``began``; ``labels`` are the promotions, empty if staff lowered the price.
    """

    price: int
    lowest: int
    began: datetime
    labels: tuple[str, ...]

    @property
    def percent(self) -> int:
        """By how many percent it is lower, rounded down."""
        return (self.lowest - self.price) * 100 // self.lowest


@dataclass(frozen=True, slots=True)
class PriceHistory:
    """What a unit cost when. ``eras`` are in order of time; the last one holds.

    ``offers`` are the promotions that run for the product on conditions.
    """

    eras: Sequence[Era]
    runs: Sequence[Run]
    offers: Sequence[Promotion] = ()

    def at(self, moment: datetime) -> int | None:
        """Return what a unit cost then, promotions included; ``None`` before it was."""
        base = self._base(moment)
        return None if base is None else _reduced(base, self._running(moment))

    def lowest_before(self, moment: datetime) -> int | None:
        """Return the lowest price of the 30 days before; ``None`` if there was none."""
        first = moment - WINDOW
        prices = [self.at(turn) for turn in self._turns(first, moment)]
        return min((price for price in prices if price is not None), default=None)

    def reduction(self, now: datetime) -> Reduction | None:
        """Return the reduction that may be announced now, if there is one."""
        running = [run for run in self._running(now) if run.is_lasting]
        base = self._base(now)
        if base is None:
            return None
        price = _reduced(base, running)
        began = min((run.starts_at for run in running), default=self._lowered())
        if began is None:
            return None
        # To go on after a pause, or to give more, is to begin once more.
        changes = [run.changed_at for run in running if run.changed_at]
        known = [self.lowest_before(moment) for moment in (began, *changes)]
        lowest = min((one for one in known if one is not None), default=None)
        if lowest is None or price >= lowest:
            return None
        labels = tuple(run.terms.name for run in running)
        return Reduction(price, lowest, began, labels)

    def points(self, now: datetime) -> list[Era]:
        """Return the prices of the last days and since when, promotions included."""
        first = max(now - SHOWN, self.eras[0].since)
        shown: list[Era] = []
        for turn in [*self._turns(first, now), now]:
            price = self.at(turn)
            if price is not None and (not shown or shown[-1].price != price):
                shown.append(Era(turn, price))
        return shown

    def _turns(self, first: datetime, end: datetime) -> list[datetime]:
        """Return when the price can have become another: from ``first`` until ``end``.

        The first instant is one of them, the last one is not.
        """
        turns = {era.since for era in self.eras} | {first}
        for run in self.runs:
            turns |= {run.starts_at, run.ends_at or end}
        return sorted(turn for turn in turns if first <= turn < end)

    def _base(self, moment: datetime) -> int | None:
        after = bisect_right(self.eras, moment, key=lambda era: era.since)
        return self.eras[after - 1].price if after else None

    def _running(self, moment: datetime) -> list[Run]:
        return [run for run in self.runs if run.runs_at(moment)]

    def _lowered(self) -> datetime | None:
        """Return when staff lowered the price to what it is; ``None`` if they did not.

        Several steps down in a row are one reduction: it began with the first.
        """
        began = None
        for before, after in zip(
            reversed(self.eras[:-1]), reversed(self.eras[1:]), strict=True
        ):
            if after.price >= before.price:
                break
            began = after.since
        return began


def history_of(
    product: Product,
    *,
    shelves: Collection[int],
    changes: Sequence[Change] | None = None,
) -> PriceHistory:
    """Read what a product cost and its promotions, in two statements.

    ``shelves`` are its category and all above it; ``changes`` all those of its price,
    the oldest first, if they are known: then one statement is enough.
    """
    now = timezone.now()
    promotions = list(_promotions(product, shelves))
    plain = [one for one in promotions if _lowers_a_unit(one)]
    return PriceHistory(
        eras=_eras(product, _changes(product) if changes is None else changes),
        runs=[_run(promotion, now) for promotion in plain],
        offers=[one for one in promotions if one not in plain and one.is_running(now)],
    )


def _changes(product: Product) -> list[Change]:
    rows = PriceChange.objects.filter(product=product).order_by("changed_at", "pk")
    return [
        Change(*row) for row in rows.values_list("changed_at", "old_price", "new_price")
    ]


def _eras(product: Product, changes: Sequence[Change]) -> list[Era]:
    began = min([product.created_at, *(change.at for change in changes[:1])])
    first = changes[0].old if changes else product.price
    eras = [Era(began, first), *(Era(change.at, change.new) for change in changes)]
    return _since_on_sale(eras, product.published_at)


def _since_on_sale(eras: Sequence[Era], published_at: datetime | None) -> list[Era]:
    """Leave out the prices at which nobody could buy it yet."""
    if published_at is None:
        return list(eras)
    before = [era for era in eras if era.since <= published_at]
    first = [Era(published_at, before[-1].price)] if before else []
    return [*first, *(era for era in eras if era.since > published_at)]


def _promotions(product: Product, shelves: Collection[int]) -> QuerySet[Promotion]:
    """Return what everybody can get on a product, with what is over by now.

    A promotion that was stopped counts if an order ever got it.
    """
    is_for_all = Q(products=None, categories=None)
    is_for_it = Q(products=product.pk) | Q(categories__in=shelves)
    return (
        Promotion.objects.filter(is_for_all | is_for_it)
        .filter(Q(is_active=True) | Q(uses__isnull=False), starts_at__lte=Now())
        .filter(Q(ends_at=None) | Q(ends_at__gt=Now() - SHOWN - WINDOW))
        .filter(audience=Audience.EVERYONE)
        .distinct()
    )


def _lowers_a_unit(promotion: Promotion) -> bool:
    return promotion.kind == PromotionKind.PERCENT and not promotion.min_spend


def _run(promotion: Promotion, now: datetime) -> Run:
    ends_at = promotion.ends_at
    if not promotion.is_active:
        # It was stopped then, or before.
        stopped = promotion.changed_at or now
        ends_at = min(ends_at or stopped, stopped)
    return Run(
        terms=replace(terms_of(promotion), budget_left=None),
        starts_at=promotion.starts_at,
        ends_at=ends_at,
        is_lasting=promotion.is_active and promotion.budget is None,
        changed_at=_changed_while_known(promotion),
    )


def _changed_while_known(promotion: Promotion) -> datetime | None:
    changed = promotion.changed_at
    return changed if changed and changed > promotion.starts_at else None


def terms_of(promotion: Promotion) -> PromotionTerms:
    """Return what a promotion gives to who is of its audience, on what it is for."""
    left = None
    if promotion.budget is not None:
        left = promotion.budget - promotion.spent
    return PromotionTerms(
        promotion_id=promotion.pk,
        name=promotion.name,
        kind=PromotionKind(promotion.kind),
        value=promotion.value,
        take=promotion.take,
        pay=promotion.pay,
        max_discount=promotion.max_discount,
        min_spend=promotion.min_spend,
        priority=promotion.priority,
        exclusive_group=promotion.exclusive_group,
        budget_left=left,
        version=promotion.version,
    )


def _reduced(base: int, running: Sequence[Run]) -> int:
    unit = Item(product_id=0, sku="", name="", unit_price=base, quantity=1)
    return quote([unit], promotions=[run.terms for run in running]).total
