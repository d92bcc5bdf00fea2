"""Why a price is what it is, and what would make it lower, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from catalog.texts import local
from checkout.errors import QuoteOutdated
from common.money import money
from promotions.models import Promotion
from promotions.pricing import PromotionKind, Quote, Reason, Refusal

SENTENCES = {
    Reason.NOT_YET_VALID: gettext_lazy("It is not valid yet."),
    Reason.EXPIRED: gettext_lazy("It is over."),
    Reason.WITHDRAWN: gettext_lazy("It was withdrawn."),
    Reason.ALREADY_USED: gettext_lazy("It was used already."),
    Reason.NOT_FOR_YOU: gettext_lazy("It is for other customers."),
    Reason.NOT_IN_CART: gettext_lazy("Nothing it is for is in the cart."),
    Reason.NOTHING_LEFT: gettext_lazy("There is nothing left to take off."),
    Reason.BUDGET_SPENT: gettext_lazy("All of it was given already."),
}
RULES = {
    PromotionKind.PERCENT: gettext_lazy("a percentage of what it is for"),
    PromotionKind.FIXED: gettext_lazy("a fixed amount"),
    PromotionKind.N_FOR_M: gettext_lazy("some of the units are free"),
    PromotionKind.FREE_DELIVERY: gettext_lazy("delivery is free"),
}
# What a shopper can still get by buying a little more.
WITHIN_REACH = frozenset({Reason.BELOW_MIN_SPEND, Reason.TOO_FEW})


@dataclass(frozen=True, slots=True)
class Step:
    """One step from the price of the products to the total."""

    label: str
    text: str
    amount: int


@dataclass(frozen=True, slots=True)
class Hint:
    """A discount that was not given, and why in a sentence."""

    label: str
    text: str
    is_within_reach: bool


@dataclass(frozen=True, slots=True)
class PriceChange:
    """Something that costs another amount than the page had said, as written."""

    label: str
    was: str
    now: str


def steps(quote: Quote) -> list[Step]:
    """Say how the total comes about, step by step."""
    return [
        Step(
            local(one.label),
            str(RULES[PromotionKind(one.rule)]) if one.rule else "",
            one.amount,
        )
        for one in quote.adjustments
    ]


def hints(quote: Quote) -> list[Hint]:
    """Say why each discount that was not given was not; what is in reach comes first.

    A discount that is not in the shopper's reach because there is nothing it is for is
    left out: a shop has many of those. Of a coupon its own field tells.
    """
    told = [
        one
        for one in quote.refusals
        if one.reason != Reason.NOT_IN_CART and one is not quote.coupon_refusal
    ]
    return sorted(map(hint_of, told), key=lambda hint: not hint.is_within_reach)


def hint_of(refusal: Refusal) -> Hint:
    """Say of one discount why it was not given."""
    is_within_reach = refusal.reason in WITHIN_REACH
    return Hint(local(refusal.label), sentence(refusal), is_within_reach)


def sentence(refusal: Refusal) -> str:
    """Say which rule failed, and what is missing."""
    if refusal.reason == Reason.BELOW_MIN_SPEND:
        return _("Add %(amount)s more to get it.") % {"amount": money(refusal.missing)}
    if refusal.reason == Reason.TOO_FEW:
        count = refusal.missing_units
        return ngettext(
            "Add %(count)s more to get it.", "Add %(count)s more to get it.", count
        ) % {"count": count}
    if refusal.reason == Reason.EXCLUDED:
        return _("It cannot be combined with “%(name)s”.") % {"name": local(refusal.by)}
    return str(SENTENCES[refusal.reason])


def offer_text(offer: Promotion) -> str:
    """Say what a promotion gives on which condition; nothing that nobody can want."""
    if offer.kind == PromotionKind.N_FOR_M:
        text = _("Take %(take)s, pay for %(pay)s")
        return text % {"take": offer.take, "pay": offer.pay}
    spend = {"spend": money(offer.min_spend)}
    if offer.kind == PromotionKind.FREE_DELIVERY:
        free = _("Free delivery when you spend %(spend)s or more") % spend
        return free if offer.min_spend else _("Free delivery")
    is_percent = offer.kind == PromotionKind.PERCENT
    off = f"{offer.value}%" if is_percent else money(offer.value)
    if offer.min_spend:
        text = _("%(off)s off when you spend %(spend)s or more")
        return text % (spend | {"off": off})
    return _("%(off)s off in your cart") % {"off": off}


def price_changes(
    error: QuoteOutdated, names: Mapping[int, str]
) -> Sequence[PriceChange]:
    """List what is not as it was shown; ``names`` are those of the products by id."""
    facts = error.extra
    changes = [
        PriceChange(
            names.get(line["product_id"], _("A product")),
            _amount(line["was"]),
            _amount(line["now"]),
        )
        for line in facts["lines"]
    ]
    for label, key in ((_("Delivery"), "delivery_cost"), (_("Total"), "total")):
        if facts[key]["was"] != facts[key]["now"]:
            was, now = money(facts[key]["was"]), money(facts[key]["now"])
            changes.append(PriceChange(label, was, now))
    return changes


def _amount(line: Mapping[str, int] | None) -> str:
    if line is None:
        return "–"
    return money(line["unit_price"] * line["quantity"] - line["discount_share"])
