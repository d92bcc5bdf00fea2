"""How a new price follows from the old one. Pure: amounts are in minor units."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from common.money import money

# More than by half is more often a slip than a wish.
LARGE_PERCENT = 50
WHOLE = 100 * 100  # hundredths of a percent
HUNDRED, NINETY = 100, 90


class Way(TextChoices):
    """By what a price is changed."""

    PERCENT = "percent", _("By percent")
    AMOUNT = "amount", _("By an amount")
    SET = "set", _("To an amount")


class Rounding(TextChoices):
    """To what the result is rounded."""

    EXACT = "exact", _("Not at all")
    STEP = "step", _("To a multiple of the step below")
    NINETY = "ninety", _("To an amount that ends in 90")


@dataclass(frozen=True, slots=True)
class PriceRule:
    """A way to change prices.

    ``value`` is signed and in minor units, or in hundredths of a percent; ``step`` is
    that of ``Rounding.STEP``.
    """

    way: Way
    value: int
    rounding: Rounding = Rounding.EXACT
    step: int = 1

    def new_price(self, old: int) -> int:
        """Return what ``old`` becomes; it may be nothing or less, which is no price."""
        if self.way == Way.PERCENT:
            price = nearest(old * (WHOLE + self.value), WHOLE)
        elif self.way == Way.AMOUNT:
            price = old + self.value
        else:
            price = self.value
        if self.rounding == Rounding.STEP:
            return nearest(price, self.step) * self.step
        if self.rounding == Rounding.NINETY and price > 0:
            return max(nearest(price - NINETY, HUNDRED), 0) * HUNDRED + NINETY
        return price

    def words(self) -> str:
        """Say what it does, e.g. ``-10 %, to a multiple of ₩100``."""
        return ", ".join(part for part in (self._change(), self._rounded()) if part)

    def _change(self) -> str:
        if self.way == Way.PERCENT:
            return f"{Decimal(self.value).scaleb(-2).normalize():+f} %"
        if self.way == Way.AMOUNT:
            return f"{'+' if self.value > 0 else ''}{money(self.value)}"
        return money(self.value)

    def _rounded(self) -> str:
        if self.rounding == Rounding.STEP:
            return str(_("to a multiple of %(step)s")) % {"step": money(self.step)}
        return str(_("ending in 90")) if self.rounding == Rounding.NINETY else ""


@dataclass(frozen=True, slots=True)
class NewPrice:
    """What a product costs, and what it is to cost."""

    product_id: int
    sku: str
    name: str
    old: int
    new: int
    # What one of them costs the shop, if that is known.
    cost: int | None = None

    @property
    def difference(self) -> int:
        """By how much it gets dearer."""
        return self.new - self.old

    @property
    def percent(self) -> int:
        """By how many percent it gets dearer, rounded towards nothing."""
        return int(self.difference * 100 / self.old)

    @property
    def is_impossible(self) -> bool:
        """Whether nobody can sell it for that."""
        return self.new <= 0

    @property
    def is_same(self) -> bool:
        """Whether nothing changes."""
        return self.new == self.old

    @property
    def is_large(self) -> bool:
        """Whether it changes by more than half."""
        return abs(self.difference) * 100 > self.old * LARGE_PERCENT

    @property
    def is_below_cost(self) -> bool:
        """Whether each one that is sold for the new price loses money."""
        return self.cost is not None and 0 < self.new < self.cost

    @property
    def margin(self) -> int | None:
        """What is left of the new price."""
        return None if self.cost is None else self.new - self.cost

    def margin_percent(self, price: int) -> int | None:
        """Return what part of a price is left, rounded towards nothing."""
        if self.cost is None or price <= 0:
            return None
        return int((price - self.cost) * 100 / price)


def nearest(amount: int, step: int) -> int:
    """Return how many steps come nearest to ``amount``; half a step counts as one."""
    return (2 * amount + step) // (2 * step)
