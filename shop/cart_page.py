"""A cart as its page shows it: lines with today's facts, and what they cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from cart.models import Cart, CartItem
from checkout.quotes import quote_id
from checkout.selectors import NOWHERE, Offer, offer
from coupons import services as coupons
from coupons.models import Coupon
from promotions.pricing import CouponTerms, Quote, weight_of
from shop.cards import first_photo, photo_url
from shop.prices import Hint, Step, hint_of, hints, steps


@dataclass(frozen=True)
class CartLine:
    """A product in the cart as it is sold right now."""

    product_id: int
    slug: str
    name: str
    photo: dict[str, Any] | None
    photo_url: str
    quantity: int
    price: int
    price_when_added: int
    is_on_sale: bool
    # As the offer says; a part of it can be kept for this shopper alone.
    available: int = 0
    held: int = 0

    @property
    def total(self) -> int:
        return self.price * self.quantity

    @property
    def is_price_changed(self) -> bool:
        return self.is_on_sale and self.price != self.price_when_added

    @property
    def is_sold_out(self) -> bool:
        return self.is_on_sale and self.available <= 0

    @property
    def is_short(self) -> bool:
        return self.is_on_sale and 0 < self.available < self.quantity


@dataclass(frozen=True)
class CouponChoice:
    """A coupon the shopper holds, and what it would do for this cart."""

    id: int
    name: str
    saves: int
    # How much has to be added before it applies; 0 if something else is wrong.
    missing: int


@dataclass(frozen=True)
class CartView:
    """Everything the cart page and checkout show of a cart."""

    cart: Cart | None
    lines: Sequence[CartLine]
    quote: Quote
    offer: Offer
    coupons: Sequence[CouponChoice]

    @property
    def quantities(self) -> dict[int, int]:
        """What an order of this cart would be for: lines on sale only."""
        return {
            line.product_id: line.quantity for line in self.lines if line.is_on_sale
        }

    @property
    def coupon_id(self) -> int | None:
        return self.offer.coupon.coupon_id if self.offer.coupon else None

    @property
    def names(self) -> dict[int, str]:
        """The names of the products, by id."""
        return {line.product_id: line.name for line in self.lines}

    @property
    def quote_id(self) -> str:
        """What this page shows, signed: an order of it cannot come to more."""
        return quote_id(self.quote)

    @property
    def steps(self) -> Sequence[Step]:
        """How the total comes about."""
        return steps(self.quote)

    @property
    def hints(self) -> Sequence[Hint]:
        """What else the shopper could get, and what is missing for it."""
        return hints(self.quote) if self.quote.lines else ()

    @property
    def coupon_hint(self) -> Hint | None:
        """Why the chosen coupon does nothing for this cart; no order takes it so."""
        refusal = self.quote.coupon_refusal
        return hint_of(refusal) if refusal and self.quote.lines else None

    @property
    def can_check_out(self) -> bool:
        blocked = any(line.is_short or line.is_sold_out for line in self.lines)
        return bool(self.quantities) and not blocked

    @property
    def free_delivery(self) -> dict[str, int] | None:
        """How far it is to free delivery, if there is such a thing."""
        terms = self.offer.delivery
        free_from = terms.free_above(weight_of(self.offer.items)) if terms else None
        if not terms or not free_from or not terms.table_cost(0, 0):
            return None
        return {
            "from": free_from,
            "reached": min(self.quote.subtotal, free_from),
            "missing": max(0, free_from - self.quote.subtotal),
        }


def read_cart(
    cart: Cart | None,
    *,
    user_id: int | None,
    email: str,
    coupon_id: int | None,
    delivery_method: str | None = None,
    address: Mapping[str, str] = NOWHERE,
) -> CartView:
    """Read lines, prices, stock and coupons; nothing is remembered between pages."""
    lines = _lines(cart) if cart else []
    now = offer(
        {line.product_id: line.quantity for line in lines if line.is_on_sale},
        user_id=user_id,
        email=email,
        coupon_id=coupon_id,
        delivery_method=delivery_method,
        address=address,
    )
    return CartView(
        cart=cart,
        lines=[
            replace(
                line,
                available=now.available.get(line.product_id, 0),
                held=now.held.get(line.product_id, 0),
            )
            for line in lines
        ],
        quote=now.quote(),
        offer=now,
        coupons=_choices(now, user_id) if lines and user_id else [],
    )


def _lines(cart: Cart) -> list[CartLine]:
    items = (
        CartItem.objects.filter(cart=cart)
        .select_related("product")
        .annotate(photo=first_photo("product"))
        .order_by("id")
    )
    now = timezone.now()
    return [_line(item, now) for item in items]


def _line(item: CartItem, now: datetime) -> CartLine:
    product = item.product
    photo: dict[str, Any] | None = getattr(item, "photo", None)
    return CartLine(
        product_id=product.pk,
        slug=product.slug,
        name=product.name,
        photo=photo,
        photo_url=photo_url(photo),
        quantity=item.quantity,
        price=product.price,
        price_when_added=item.price_when_added,
        is_on_sale=product.is_on_sale(now),
    )


def _choices(now: Offer, user_id: int) -> list[CouponChoice]:
    held = Coupon.objects.of_user(user_id).usable().select_related("batch")
    choices = [_choice(now, coupons.terms_of(coupon)) for coupon in held.order_by("id")]
    return sorted(choices, key=lambda choice: (-choice.saves, choice.missing))


def _choice(now: Offer, terms: CouponTerms) -> CouponChoice:
    tried = now.quote(coupon=terms)
    refusal = tried.coupon_refusal
    saves = sum(-step.amount for step in tried.adjustments if step.kind == terms.kind)
    missing = refusal.missing if refusal else 0
    return CouponChoice(terms.coupon_id, terms.name, saves, missing)
