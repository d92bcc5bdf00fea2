"""Coupons: those that can be had, and those that the shopper holds."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from common.errors import DomainError
from coupons import services as coupons
from coupons.models import Coupon, CouponState
from shop import drops
from shop.guards import say_no, see_other, shopper_action
from shop.typing import AuthenticatedHttpRequest, is_fragment, user_id_of

HELD = 100
NAV = {"nav": "coupons"}


@require_safe
def coupons_page(request: HttpRequest) -> HttpResponse:
    """Show the coupons to get, or the shopper's own."""
    user_id = user_id_of(request)
    if user_id is not None and request.GET.get("tab") == "mine":
        held = Coupon.objects.of_user(user_id).select_related(
            "batch", "order", "personal_offer"
        )
        mine: dict[str, Any] = _sorted_by_state(list(held.order_by("-id")[:HELD]))
        return render(request, "shop/coupons/mine.html", NAV | mine | {"tab": "mine"})
    shown = drops.tickets(
        user_id, limit=drops.SHOWN, wanted=request.GET.get("claim", "")
    )
    context = {"tickets": shown, "tab": "get"}
    return render(request, "shop/coupons/list.html", NAV | context)


@require_safe
def drop_page(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Show one drop, with the clock and what is left of it."""
    ticket = drops.ticket_of(user_id_of(request), batch_id)
    if ticket is None:
        raise Http404
    context = {"ticket": ticket, "is_wanted": request.GET.get("claim") == str(batch_id)}
    return render(request, "shop/coupons/drop.html", NAV | context)


@require_safe
def left(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Tell what is left of a drop: the same for everybody, and kept for a second."""
    ticket = drops.ticket_of(None, batch_id)
    if ticket is None:
        raise Http404
    # Without the request: nothing on it is anybody's own. The language is a part of
    # the address, for a cache does not know what is in cookies.
    lang = request.GET.get("lang", "")
    known = lang if lang in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    with translation.override(known):
        part = render_to_string("shop/parts/_left.html", {"ticket": ticket})
    return HttpResponse(part, headers={"Cache-Control": "public, max-age=1"})


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
    drops.forget()
    ticket = drops.fresh_ticket_of(request.user.pk, batch_id)
    if not is_fragment(request) or ticket is None:
        return see_other(request, _back(request, batch_id))
    context = {"ticket": ticket, "is_fragment": True}
    context["is_drop"] = bool(request.POST.get("drop"))
    return render(request, "shop/coupons/claimed.html", context)


def _back(request: HttpRequest, batch_id: int) -> str:
    if request.POST.get("drop"):
        return reverse("shop:drop", args=[batch_id])
    return f"{reverse('shop:coupons')}#batch-{batch_id}"


def _sorted_by_state(held: list[Coupon]) -> dict[str, list[Coupon]]:
    now = timezone.now()
    usable, reserved, used, over = [], [], [], []
    for coupon in held:
        if coupon.state == CouponState.RESERVED:
            reserved.append(coupon)
        elif coupon.state == CouponState.USED:
            used.append(coupon)
        elif coupon.state == CouponState.ISSUED and (
            coupon.batch.is_active and now < coupon.batch.valid_until
        ):
            usable.append(coupon)
        else:
            over.append(coupon)
    return {"usable": usable, "reserved": reserved, "used": used, "over": over}
