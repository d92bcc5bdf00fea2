"""What one of a product costs a shopper: promotions, and the best of their coupons."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from catalog.models import Product
from checkout.selectors import Offer, offer
from common.languages import reader_language
from common.memo import Memo
from coupons import services as coupons
from coupons.models import Coupon
from promotions.pricing import Quote, quote
from shop.kept import email_of
from shop.prices import Hint, Step, steps
from shop.storefront import storefront_of

MOST_COUPONS = 20


@dataclass(frozen=True, slots=True)
class UnitPrice:
    """The price of one, and how it comes about; ``coupon`` is empty without one."""

    quote: Quote
    coupon: str = ""
    hints: Sequence[Hint] = ()

    @property
    def steps(self) -> list[Step]:
        return steps(self.quote)

    @property
    def is_lower(self) -> bool:
        return self.quote.total < self.quote.subtotal


# What guests are offered is the same for all of them.
_for_guests: Memo[tuple[int, int, str], UnitPrice] = Memo(seconds=15, size=500)


def unit_price(request: HttpRequest, product: Product) -> UnitPrice:
    """Price one of a product for whoever looks, without delivery."""
    front = storefront_of(request)
    if front.user_id is None:
        key = (product.pk, product.version, reader_language())
        return _for_guests.get_or_make(key, lambda: _plain(_offer(product, None, "")))
    now = _offer(product, front.user_id, email_of(request))
    plain = _plain(now)
    return _with_coupon(now, plain, front.user_id) if front.counts.coupons else plain


def _offer(product: Product, user_id: int | None, email: str) -> Offer:
    return offer(
        {product.pk: 1},
        user_id=user_id,
        email=email,
        coupon_id=None,
        delivery_method=None,
    )


def _plain(now: Offer) -> UnitPrice:
    return UnitPrice(quote(now.items, promotions=now.promotions))


def _with_coupon(now: Offer, plain: UnitPrice, user_id: int) -> UnitPrice:
    held = Coupon.objects.of_user(user_id).usable().select_related("batch")
    best = plain
    for coupon in held.order_by("pk")[:MOST_COUPONS]:
        terms = coupons.terms_of(coupon)
        tried = quote(now.items, promotions=now.promotions, coupon=terms)
        if tried.coupon_refusal is None and tried.total < best.quote.total:
            best = UnitPrice(tried, coupon=terms.name)
    return best
