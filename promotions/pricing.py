"""One pure function that says what a purchase costs, and why.

No database, no clock, no settings: the cart page, checkout, the API and the simulator
call it with the same values and get the same answer. All amounts are integers in minor
units.

Discounts are given one after the other, each on what the earlier ones have left:
automatic promotions by falling priority (then by their number), then the coupon. What
has to be spent for one is judged by the prices before any discount.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from common.money import allocate, percent_of
from delivery.terms import DeliveryTerms as DeliveryTerms


class PromotionKind(StrEnum):
    """How a promotion makes things cheaper."""

    PERCENT = "percent"
    FIXED = "fixed"
    N_FOR_M = "n_for_m"
    FREE_DELIVERY = "free_delivery"


class Audience(StrEnum):
    """Whom a promotion is for."""

    EVERYONE = "everyone"
    NEW = "new"
    REGULARS = "regulars"


class Reason(StrEnum):
    """Why a discount does not apply: the first rule that failed."""

    NOT_YET_VALID = "not_yet_valid"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    ALREADY_USED = "already_used"
    NOT_FOR_YOU = "not_for_you"
    NOT_IN_CART = "not_in_cart"
    BELOW_MIN_SPEND = "below_min_spend"
    TOO_FEW = "too_few"
    EXCLUDED = "excluded"
    NOTHING_LEFT = "nothing_left"
    BUDGET_SPENT = "budget_spent"


# What a promotion can be for: these products, or everything.
Covered = frozenset[int] | None


@dataclass(frozen=True, slots=True)
class Item:
    """A product at its price of the moment, times ``quantity``."""

    product_id: int
    sku: str
    name: str
    unit_price: int
    quantity: int
    # Of one piece, in grams.
    weight: int = 0

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class PromotionTerms:
    """What a promotion gives, and to which of the products that are bought.

    ``value`` is a percentage or an amount. Of each ``take`` units ``pay`` are paid for.
    ``budget_left`` ``None`` is no limit; ``is_for_you`` whether the shopper is of its
    audience. ``covers`` ``None`` means everything.
    """

    promotion_id: int
    name: str
    kind: PromotionKind
    value: int = 0
    take: int = 0
    pay: int = 0
    max_discount: int | None = None
    min_spend: int = 0
    covers: Covered = None
    is_for_you: bool = True
    priority: int = 0
    exclusive_group: str = ""
    budget_left: int | None = None
    # Which edition of the terms this is.
    version: int = 1


@dataclass(frozen=True, slots=True)
class CouponTerms:
    """What a coupon gives: percent (with a cap) or a fixed amount, from a minimum."""

    coupon_id: int
    name: str
    percent: int | None
    fixed: int | None
    max_discount: int | None
    min_spend: int
    # Set when the coupon itself cannot be used, whatever is bought.
    refused: Reason | None = None
    covers: Covered = None
    # "personal" for one that the shop gave to this shopper alone.
    kind: str = "coupon"


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One step from the subtotal to the total; negative in the shopper's favour.

    ``kind`` is "promotion", "coupon", "personal" or "delivery"; ``source_id`` the
    promotion's or coupon's number. ``rule`` says how the amount came about: a
    ``PromotionKind``.
    """

    kind: str
    label: str
    amount: int
    source_id: int | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A discount that does not apply: the first rule that failed, what is missing.

    ``missing`` is an amount; ``missing_units`` are units of what it is for; ``by`` is
    the name of the promotion that was given instead.
    """

    kind: str
    label: str
    reason: Reason
    missing: int
    source_id: int | None = None
    missing_units: int = 0
    by: str = ""


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """An item with its exact part of the discount."""

    item: Item
    discount_share: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What a purchase costs. ``total = subtotal - discount + delivery_cost``.

    ``discount`` is on the goods; a free delivery shows in ``delivery_cost``.
    """

    lines: tuple[QuotedLine, ...]
    subtotal: int
    discount: int
    delivery_cost: int
    total: int
    adjustments: tuple[Adjustment, ...]
    refusals: tuple[Refusal, ...]

    @property
    def coupon_refusal(self) -> Refusal | None:
        """Why the coupon that was asked for is not given."""
        asked = (one for one in self.refusals if one.kind != "promotion")
        return next(asked, None)

    @property
    def delivery_price(self) -> int:
        """What delivery costs before a promotion makes it free."""
        return sum(one.amount for one in self.adjustments if one.kind == "delivery")

    @property
    def saved(self) -> int:
        """What all discounts come to, the one on delivery included."""
        return -sum(one.amount for one in self.adjustments if one.amount < 0)

    @property
    def promotions(self) -> dict[int, int]:
        """What each promotion gives, by its number; only those that give something."""
        return {
            step.source_id: -step.amount
            for step in self.adjustments
            if step.kind == "promotion" and step.source_id is not None
        }


def quote(
    items: Sequence[Item],
    *,
    promotions: Sequence[PromotionTerms] = (),
    coupon: CouponTerms | None = None,
    delivery: DeliveryTerms | None = None,
) -> Quote:
    """Price ``items``; same input, same answer, in whatever order it comes.

    The discount never exceeds the subtotal, and the lines' shares of it add up to it
    exactly (largest remainder). The table of delivery is read by the goods before
    discount. ``delivery`` is one that takes the parcel; whoever offers it has made sure
    of that.
    """
    # Odd units go by the order of the lines, which must not be the shopper's.
    places = sorted(range(len(items)), key=lambda place: _identity(items[place]))
    bill = _Bill([items[place] for place in places])
    bill.add_delivery(delivery)
    for terms in sorted(promotions, key=lambda one: (-one.priority, one.promotion_id)):
        bill.give_promotion(terms)
    if coupon is not None:
        bill.give_coupon(coupon)
    return bill.quote(places)


def weight_of(items: Sequence[Item]) -> int:
    """Return what ``items`` weigh together, in grams."""
    return sum(item.weight * item.quantity for item in items)


@dataclass
class _Bill:
    """A purchase while it is being priced."""

    items: Sequence[Item]
    delivery_cost: int = 0
    adjustments: list[Adjustment] = field(default_factory=list)
    # What delivery costs, and who pays for it; told after the goods.
    delivery_adjustments: list[Adjustment] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    # Who was given what, by exclusive group.
    given: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # What is still to be paid for each line.
        self.left = [item.total for item in self.items]

    def give_promotion(self, terms: PromotionTerms) -> None:
        refusal = self._refusal(terms)
        if refusal is None:
            self._reduce(terms)
        else:
            self.refusals.append(refusal)

    def give_coupon(self, coupon: CouponTerms) -> None:
        refusal = self._coupon_refusal(coupon)
        left = self._left_of(coupon.covers)
        shares = _capped(
            _reduced(left, percent=coupon.percent, fixed=coupon.fixed),
            coupon.max_discount,
        )
        if refusal is None and not sum(shares):
            # It would be used up for nothing.
            refusal = _refused_coupon(coupon, Reason.NOTHING_LEFT)
        if refusal is not None:
            self.refusals.append(refusal)
            return
        rule = PromotionKind.FIXED if coupon.percent is None else PromotionKind.PERCENT
        self._take_off(shares)
        self.adjustments.append(
            Adjustment(
                coupon.kind, coupon.name, -sum(shares), coupon.coupon_id, rule.value
            )
        )

    def add_delivery(self, delivery: DeliveryTerms | None) -> None:
        if delivery is None:
            return
        subtotal = sum(item.total for item in self.items)
        cost = delivery.cost_for(weight_of(self.items), subtotal)
        if cost is not None:
            self.delivery_cost = cost
            self.delivery_adjustments.append(
                Adjustment("delivery", delivery.name, cost)
            )

    def quote(self, places: Sequence[int]) -> Quote:
        """Return the answer, with the line of each item at its place."""
        by_place = {
            place: QuotedLine(item=item, discount_share=item.total - left)
            for place, item, left in zip(places, self.items, self.left, strict=True)
        }
        subtotal = sum(item.total for item in self.items)
        return Quote(
            lines=tuple(by_place[place] for place in range(len(places))),
            subtotal=subtotal,
            discount=subtotal - sum(self.left),
            delivery_cost=self.delivery_cost,
            total=sum(self.left) + self.delivery_cost,
            adjustments=(*self.adjustments, *self.delivery_adjustments),
            refusals=tuple(self.refusals),
        )

    def _refusal(self, terms: PromotionTerms) -> Refusal | None:
        """Return the first rule that a promotion fails by, in a fixed order."""
        return self._unmet(terms) or self._useless(terms)

    def _unmet(self, terms: PromotionTerms) -> Refusal | None:
        if not terms.is_for_you:
            return _refused(terms, Reason.NOT_FOR_YOU)
        covered = self._covered(terms.covers)
        if not covered:
            return _refused(terms, Reason.NOT_IN_CART)
        spent = sum(self.items[index].total for index in covered)
        if spent < terms.min_spend:
            missing = terms.min_spend - spent
            return _refused(terms, Reason.BELOW_MIN_SPEND, missing=missing)
        units = sum(self.items[index].quantity for index in covered)
        if terms.kind == PromotionKind.N_FOR_M and units < terms.take:
            return _refused(terms, Reason.TOO_FEW, missing_units=terms.take - units)
        return None

    def _useless(self, terms: PromotionTerms) -> Refusal | None:
        if by := self.given.get(terms.exclusive_group):
            return _refused(terms, Reason.EXCLUDED, by=by)
        amount = self._amount(terms)
        if not amount:
            return _refused(terms, Reason.NOTHING_LEFT)
        if terms.budget_left is not None and terms.budget_left < amount:
            return _refused(terms, Reason.BUDGET_SPENT)
        return None

    def _reduce(self, terms: PromotionTerms) -> None:
        amount = self._amount(terms)
        step = Adjustment(
            "promotion", terms.name, -amount, terms.promotion_id, terms.kind.value
        )
        if terms.kind == PromotionKind.FREE_DELIVERY:
            self.delivery_cost -= amount
            self.delivery_adjustments.append(step)
        else:
            self._take_off(self._shares(terms))
            self.adjustments.append(step)
        if terms.exclusive_group:
            self.given[terms.exclusive_group] = terms.name

    def _amount(self, terms: PromotionTerms) -> int:
        if terms.kind != PromotionKind.FREE_DELIVERY:
            return sum(self._shares(terms))
        cost = self.delivery_cost
        return cost if terms.max_discount is None else min(cost, terms.max_discount)

    def _shares(self, terms: PromotionTerms) -> list[int]:
        """Return what a promotion takes off each line."""
        if terms.kind == PromotionKind.N_FOR_M:
            shares = self._n_for_m_shares(terms)
        elif terms.kind == PromotionKind.PERCENT:
            shares = _reduced(self._left_of(terms.covers), percent=terms.value)
        else:
            shares = _reduced(self._left_of(terms.covers), fixed=terms.value)
        return _capped(shares, terms.max_discount)

    def _n_for_m_shares(self, terms: PromotionTerms) -> list[int]:
        """Put the units in order of price, the dearest first, and count them off.

        Of each full group of ``take`` the last ``take - pay``, its cheapest, are free.
        """
        covered = self._covered(terms.covers)
        units = sum(self.items[index].quantity for index in covered)
        in_groups = units - units % terms.take
        shares = [0] * len(self.items)
        position = 0
        for index in sorted(covered, key=self._dearest_first):
            item = self.items[index]
            end = position + item.quantity
            free = _free_before(min(end, in_groups), terms)
            free -= _free_before(min(position, in_groups), terms)
            shares[index] = self.left[index] * free // item.quantity
            position = end
        return shares

    def _coupon_refusal(self, coupon: CouponTerms) -> Refusal | None:
        if coupon.refused is not None:
            return _refused_coupon(coupon, coupon.refused)
        covered = self._covered(coupon.covers)
        if not covered:
            return _refused_coupon(coupon, Reason.NOT_IN_CART)
        spent = sum(self.items[index].total for index in covered)
        if spent < coupon.min_spend:
            missing = coupon.min_spend - spent
            return _refused_coupon(coupon, Reason.BELOW_MIN_SPEND, missing=missing)
        return None

    def _covered(self, covers: Covered) -> list[int]:
        return [
            index
            for index, item in enumerate(self.items)
            if covers is None or item.product_id in covers
        ]

    def _left_of(self, covers: Covered) -> list[int]:
        covered = set(self._covered(covers))
        return [left if i in covered else 0 for i, left in enumerate(self.left)]

    def _take_off(self, shares: Sequence[int]) -> None:
        self.left = [
            left - share for left, share in zip(self.left, shares, strict=True)
        ]

    def _dearest_first(self, index: int) -> tuple[int, int]:
        item = self.items[index]
        return -item.unit_price, item.product_id


def _identity(item: Item) -> tuple[int, int, int]:
    return item.product_id, item.unit_price, item.quantity


def _reduced(
    left: list[int], *, percent: int | None = None, fixed: int | None = None
) -> list[int]:
    """Split a percentage, or a fixed amount, over what is left of the lines."""
    whole = sum(left)
    amount = min(fixed or 0, whole) if percent is None else percent_of(whole, percent)
    return allocate(amount, left)


def _capped(shares: list[int], most: int | None) -> list[int]:
    amount = sum(shares)
    return shares if most is None or amount <= most else allocate(most, shares)


def _free_before(position: int, terms: PromotionTerms) -> int:
    """Return how many of the first ``position`` units are free."""
    groups, rest = divmod(position, terms.take)
    return groups * (terms.take - terms.pay) + max(0, rest - terms.pay)


def _refused(
    terms: PromotionTerms,
    reason: Reason,
    *,
    missing: int = 0,
    missing_units: int = 0,
    by: str = "",
) -> Refusal:
    return Refusal(
        "promotion", terms.name, reason, missing, terms.promotion_id, missing_units, by
    )


def _refused_coupon(
    coupon: CouponTerms, reason: Reason, *, missing: int = 0
) -> Refusal:
    return Refusal(coupon.kind, coupon.name, reason, missing, coupon.coupon_id)
