"""Which of the shopper's coupons would make their cart cheaper, and by how much."""

from typing import TypedDict

from rest_framework.response import Response

from api.schema import operation
from api.shapes import MoneyJson, money
from api.typing import AuthenticatedRequest
from api.v1.coupons import CouponJson, coupon_json, wallet
from api.views import PersonalView
from cart.models import CartItem
from checkout import services as checkout
from checkout.selectors import Offer
from checkout.services import Purchase
from coupons import services as coupons
from coupons.models import Coupon, CouponState
from promotions.pricing import Quote

# Nobody holds so many; it keeps the answer small.
MOST = 100


class CouponChoiceJson(TypedDict):
    """A coupon, and what the cart would cost with it.

    ``reason`` is a stable code that says why it does not apply; ``missing`` and
    ``missing_units`` are what has to be added before it does.
    """

    coupon: CouponJson
    is_applicable: bool
    saves: MoneyJson
    total: MoneyJson
    reason: str | None
    missing: MoneyJson
    missing_units: int


class CouponChoicesJson(TypedDict):
    """The coupon that saves most comes first; ``total`` is without any."""

    items: list[CouponChoiceJson]
    best_coupon_id: int | None
    subtotal: MoneyJson
    total: MoneyJson


class ApplicableView(PersonalView):
    """What coupons would do for the cart."""

    @operation(
        "coupons_applicable",
        "Try one's coupons on the cart",
        reply={200: CouponChoicesJson},
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """Price what is selected in the cart with each coupon that is not used yet."""
        user_id = request.user.pk
        items = CartItem.objects.filter(cart__user=user_id).selected()
        quantities = dict(items.values_list("product_id", "quantity"))
        plain, offer = checkout.price(
            Purchase(user_id=user_id, email="", quantities=quantities)
        )
        held = wallet(user_id).filter(state=CouponState.ISSUED).order_by("pk")[:MOST]
        choices = [_choice(coupon, plain, offer) for coupon in held]
        choices.sort(key=lambda one: -one["saves"]["amount"])
        best = next((one for one in choices if one["is_applicable"]), None)
        body: CouponChoicesJson = {
            "items": choices,
            "best_coupon_id": best["coupon"]["id"] if best else None,
            "subtotal": money(plain.subtotal),
            "total": money(plain.total),
        }
        return Response(body)


def _choice(coupon: Coupon, plain: Quote, offer: Offer) -> CouponChoiceJson:
    tried = offer.quote(coupon=coupons.terms_of(coupon))
    refusal = tried.coupon_refusal
    saves = 0 if refusal else plain.total - tried.total
    return {
        "coupon": coupon_json(coupon),
        "is_applicable": refusal is None and saves > 0,
        "saves": money(saves),
        "total": money(tried.total),
        "reason": refusal.reason.value if refusal else None,
        "missing": money(refusal.missing if refusal else 0),
        "missing_units": refusal.missing_units if refusal else 0,
    }
