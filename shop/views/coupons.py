"""Coupons: those that can be had, and those that the shopper holds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from common.errors import DomainError
from coupons import services as coupons
from coupons.models import Coupon, CouponBatch, CouponState
from shop.guards import say_no, see_other, shopper_action
from shop.typing import AuthenticatedHttpRequest, is_fragment, user_id_of

# A drop that is sold out is shown for this long at most, by number.
SHOWN = 30
HELD = 100


@dataclass(frozen=True)
class Ticket:
    """A batch as one shopper sees it at one moment."""

    batch: CouponBatch
    now: datetime
    is_held: bool
    # They asked for this one before signing in.
    is_wanted: bool = False

    @property
    def state(self) -> str:
        """One of held, gone, waiting and open, in this order of importance."""
        if self.is_held:
            return "held"
        if self.batch.left <= 0:
            return "gone"
        return "open" if self.batch.is_open(self.now) else "waiting"

    @property
    def seconds_to_opening(self) -> int:
        return max(0, int((self.batch.opens_at - self.now).total_seconds()) + 1)


def coupons_page(request: HttpRequest) -> HttpResponse:
    """Show the coupons to get, or the shopper's own."""
    user_id = user_id_of(request)
    nav: dict[str, Any] = {"nav": "coupons"}
    if user_id is not None and request.GET.get("tab") == "mine":
        held = Coupon.objects.of_user(user_id).select_related(
            "batch", "order", "personal_offer"
        )
        mine = _sorted_by_state(list(held.order_by("-id")[:HELD]))
        return render(request, "shop/coupons/mine.html", nav | mine | {"tab": "mine"})
    wanted = request.GET.get("claim", "")
    shown = {"tickets": tickets(user_id, limit=SHOWN, wanted=wanted), "tab": "get"}
    return render(request, "shop/coupons/list.html", nav | shown)


@require_POST
@shopper_action(back="shop:coupons")
def claim(request: AuthenticatedHttpRequest, batch_id: int) -> HttpResponse:
    """Take a place in line; the answer says which, or why not."""
    try:
        coupon = coupons.claim(user_id=request.user.pk, batch_id=batch_id)
    except DomainError as error:
        say_no(request, error)
    else:
        text = _("It is yours: number %(serial)s in line.")
        messages.success(request, text % {"serial": coupon.serial})
    batch = CouponBatch.objects.shown().filter(pk=batch_id).first()
    if not is_fragment(request) or batch is None:
        return see_other(request, f"{reverse('shop:coupons')}#batch-{batch_id}")
    held = Coupon.objects.of_user(request.user.pk).filter(batch=batch).exists()
    ticket = Ticket(batch=batch, now=timezone.now(), is_held=held)
    context = {"ticket": ticket, "is_fragment": True}
    return render(request, "shop/coupons/claimed.html", context)


def tickets(user_id: int | None, *, limit: int, wanted: str = "") -> list[Ticket]:
    """Return the batches on show: what is open first, then what opens next."""
    now = timezone.now()
    batches = list(CouponBatch.objects.shown()[:limit])
    held = set[int]()
    if user_id is not None and batches:
        mine = Coupon.objects.of_user(user_id).filter(batch__in=batches)
        held = set(mine.values_list("batch_id", flat=True))
    found = [
        Ticket(batch, now, batch.pk in held, is_wanted=wanted == str(batch.pk))
        for batch in batches
    ]
    rank = {"open": 0, "waiting": 1, "held": 2, "gone": 3}
    return sorted(found, key=lambda ticket: rank[ticket.state])


def _sorted_by_state(held: list[Coupon]) -> dict[str, list[Coupon]]:
    now = timezone.now()
    usable, reserved, over = [], [], []
    for coupon in held:
        if coupon.state == CouponState.RESERVED:
            reserved.append(coupon)
        elif coupon.state == CouponState.ISSUED and (
            coupon.batch.is_active and now < coupon.batch.valid_until
        ):
            usable.append(coupon)
        else:
            over.append(coupon)
    return {"usable": usable, "reserved": reserved, "over": over}
