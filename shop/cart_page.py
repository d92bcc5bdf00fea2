"""A cart as its page shows it: lines with today's facts, and what they cost."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from cart.models import Cart, CartItem
from catalog.texts import local, local_name
from checkout.quotes import quote_id
from checkout.selectors import NOWHERE, Offer, offer
from coupons import services as coupons
from coupons.models import Coupon, CouponBatch, CouponState
from orders.models import MAX_QUANTITY
from promotions.pricing import CouponTerms, Quote, weight_of
from shop.cards import first_photo, photo_url
from shop.prices import Hint, Step, hint_of, hints, sentence, steps

# Batches that are tried for one that saves more.
MOST_OFFERED = 20
COUPON_KINDS = frozenset({"coupon", "personal"})
# A whole product carries its description and search index along.
ITEM_COLUMNS = (
    "quantity",
    "price_when_added",
    "is_selected",
    "is_saved",
    "product__slug",
    "product__price",
    "product__published_at",
)


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
    is_selected: bool
    is_saved: bool
    # A part of it can be kept for this shopper alone.
    available: int = 0
    held: int = 0

    @property
    def total(self) -> int:
        return self.price * self.quantity

    @property
    def is_price_changed(self) -> bool:
        return self.is_on_sale and self.price != self.price_when_added

    @property
    def is_cheaper(self) -> bool:
        return self.is_on_sale and self.price < self.price_when_added

    @property
    def counts(self) -> bool:
        """Whether an order of this cart would be for it, too."""
        return self.is_on_sale and self.is_selected

    @property
    def most(self) -> int:
        """How many of it can be in a cart without being short."""
        return max(1, min(self.available, MAX_QUANTITY))

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
    # Why it does nothing for this cart, in a sentence; empty if it does.
    why_not: str
    terms: CouponTerms


@dataclass(frozen=True)
class CartView:
    """Everything the cart page and checkout show of a cart."""

    cart: Cart | None
    lines: Sequence[CartLine]
    quote: Quote
    offer: Offer
    coupons: Sequence[CouponChoice]
    # What is put aside for later.
    saved: Sequence[CartLine] = ()
    # A coupon that can still be had, and would save more than the chosen one.
    gettable: CouponChoice | None = None

    @property
    def quantities(self) -> dict[int, int]:
        """What an order of this cart would be for: selected lines on sale only."""
        return {line.product_id: line.quantity for line in self.lines if line.counts}

    @property
    def pieces(self) -> int:
        """How many things are in the cart, as the header counts them."""
        return sum(line.quantity for line in self.lines)

    @property
    def are_all_selected(self) -> bool:
        return all(line.is_selected for line in self.lines if line.is_on_sale)

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
    def is_coupon_suggested(self) -> bool:
        """Whether the coupon was chosen by the shop, because it saves most."""
        return self.coupon_id is not None and (
            self.cart is None or self.coupon_id != self.cart.coupon_id
        )

    @property
    def can_check_out(self) -> bool:
        counted = [line for line in self.lines if line.counts]
        return bool(counted) and not any(
            line.is_short or line.is_sold_out for line in counted
        )

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
    suggests_coupon: bool = False,
) -> CartView:
    """Read lines, prices, stock and coupons; nothing is remembered between pages.

    With ``suggests_coupon`` the best of the shopper's coupons is taken where none is
    chosen.
    """
    lines = _lines(cart) if cart else []
    now = offer(
        {line.product_id: line.quantity for line in lines if line.counts},
        user_id=user_id,
        email=email,
        coupon_id=coupon_id,
        delivery_method=delivery_method,
        address=address,
    )
    coupons = _choices(now, user_id) if now.items and user_id else []
    if suggests_coupon and coupon_id is None and coupons and coupons[0].saves:
        now = replace(now, coupon=coupons[0].terms)
    lines = [_with_stock(line, now) for line in lines]
    return CartView(
        cart=cart,
        lines=[line for line in lines if not line.is_saved],
        quote=now.quote(),
        offer=now,
        coupons=coupons,
        saved=[line for line in lines if line.is_saved],
        gettable=_gettable(now, user_id) if suggests_coupon and user_id else None,
    )


def _with_stock(line: CartLine, now: Offer) -> CartLine:
    """Take the stock from the offer, where the line is a part of it."""
    if line.product_id not in now.available:
        return line
    return replace(
        line,
        available=now.available[line.product_id],
        held=now.held.get(line.product_id, 0),
    )


def _lines(cart: Cart) -> list[CartLine]:
    items = (
        CartItem.objects.filter(cart=cart)
        .select_related("product")
        .only(*ITEM_COLUMNS)
        .annotate(
            photo=first_photo("product"),
            shown_name=local_name("product"),
            left=F("product__stock__on_hand") - F("product__stock__reserved"),
        )
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
        name=getattr(item, "shown_name", ""),
        photo=photo,
        photo_url=photo_url(photo),
        quantity=item.quantity,
        price=product.price,
        price_when_added=item.price_when_added,
        is_on_sale=product.is_on_sale(now),
        is_selected=item.is_selected,
        is_saved=item.is_saved,
        available=getattr(item, "left", None) or 0,
    )


def _choices(now: Offer, user_id: int) -> list[CouponChoice]:
    held = Coupon.objects.of_user(user_id).usable().select_related("batch")
    choices = [_choice(now, coupons.terms_of(coupon)) for coupon in held.order_by("id")]
    return sorted(
        choices,
        key=lambda choice: (not choice.saves, -choice.saves, choice.missing, choice.id),
    )


def _gettable(now: Offer, user_id: int) -> CouponChoice | None:
    """Return the open batch whose coupon would save most, if it beats the chosen."""
    if not now.items:
        return None
    batches = CouponBatch.objects.filter(
        is_active=True,
        is_personal=False,
        opens_at__lte=Now(),
        valid_from__lte=Now(),
        valid_until__gt=Now(),
        issued__lt=F("quantity"),
    ).exclude(coupons__user=user_id)
    fresh = [
        Coupon(pk=batch.pk, batch=batch, state=CouponState.ISSUED)
        for batch in batches[:MOST_OFFERED]
    ]
    choices = [_choice(now, coupons.terms_of(coupon)) for coupon in fresh]
    best = max(choices, key=lambda choice: choice.saves, default=None)
    return best if best and best.saves > _saved(now.quote(), COUPON_KINDS) else None


def _choice(now: Offer, terms: CouponTerms) -> CouponChoice:
    tried = now.quote(coupon=terms)
    refusal = tried.coupon_refusal
    saves = _saved(tried, {terms.kind})
    missing = refusal.missing if refusal else 0
    why_not = "" if saves or refusal is None else sentence(refusal)
    return CouponChoice(
        terms.coupon_id, local(terms.name), saves, missing, why_not, terms
    )


def _saved(quote: Quote, kinds: Collection[str]) -> int:
    return sum(-step.amount for step in quote.adjustments if step.kind in kinds)
