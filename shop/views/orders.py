"""Pages on which shoppers follow, pay, cancel and repeat their orders."""

import uuid
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from catalog.models import Product
from checkout import services as checkout
from common.errors import DomainError
from delivery.models import DeliveryKind, DeliveryMethod
from orders.errors import TOO_LATE, OrderExpired
from orders.models import (
    READDRESSABLE,
    SETTLED,
    AddressChange,
    Order,
    OrderEvent,
    OrderLine,
    OrderStatus,
)
from payments import services as payments
from reviews.models import Review
from shop.cards import first_photo
from shop.guards import say_no, see_other, shopper_action
from shop.guests import find_order, order_visitor
from shop.order_list import PER_PAGE, Wish, orders_of, years_of
from shop.paging import first_rows
from shop.parcels import PARCELS, RETURNS, goods_of, legs_of
from shop.paying import bill, go_to_provider
from shop.timeline import history_of, steps_of
from shop.typing import AuthenticatedHttpRequest, user_id_of

# By their shoppers: what is being packed, staff have to stop.
CANCELLABLE = (OrderStatus.PENDING, OrderStatus.PAID)
ACCOUNT = {"nav": "account", "account_nav": "orders"}


@login_required
def orders_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """List the shopper's orders, newest first."""
    wish = Wish.from_query(request.GET)
    found = orders_of(request.user.pk, wish).prefetch_related(lines_with_photos())
    page = first_rows(found, size=PER_PAGE)
    context = {
        "orders": page.rows,
        "wish": wish,
        "statuses": OrderStatus.choices,
        "years": years_of(request.user.pk, now=timezone.now()),
        "next_url": wish.url(page.rows[-1].pk) if page.has_older else "",
        "previous_url": wish.url() if wish.before else "",
        **ACCOUNT,
    }
    return render(request, "shop/orders/list.html", context)


@order_visitor
def order_page(request: HttpRequest, number: str) -> HttpResponse:
    """Show an order: how far it is, what it cost, what can be done."""
    lines = bought_lines(user_id_of(request))
    order = find_order(request, number, lines, PARCELS, RETURNS)
    extras, refunds = _extras(order), legs_of(order)
    events = [_event(facts) for facts in extras["told"]]
    is_over = is_expired(order)
    given_back = sum(leg.amount for leg in refunds)
    # Money that came too late went back, too, and was none of the price.
    of_price = sum(leg.amount for leg in refunds if leg.payment.settled_at)
    context = {
        "order": order,
        "lines": order.lines.all(),
        "steps": steps_of(order, events),
        "history": history_of(order, events, extras["moved_at"], refunds),
        "goods": goods_of(order),
        "legs": payments.legs_of(order.pk),
        "refund_legs": refunds,
        "given_back": given_back,
        "kept": order.total - of_price,
        "delivery": extras["method"],
        "can_cancel": order.status in CANCELLABLE and not is_over,
        "can_readdress": _can_readdress(order, extras["kind"]) and not is_over,
        "can_pay": _is_payable(order),
        "is_expired": is_over,
        "support": support_address(),
        **ACCOUNT,
    }
    return render(request, "shop/orders/detail.html", context)


@order_visitor
@require_http_methods(["GET", "HEAD", "POST"])
def pay_order(request: HttpRequest, number: str) -> HttpResponse:
    """Pay an order that was placed before: with points, or by somebody else."""
    order = find_order(request, number, *_details())
    if request.method == "POST":
        chosen = bill(request, order.total, request.POST)
        if chosen.way is not None and order.status not in SETTLED:
            return go_to_provider(request, order, chosen)
        return see_other(request, _pay(request, order))
    attempt = payments.open_attempt(order.pk)
    if is_expired(order) and attempt is None:
        return render(request, "shop/orders/expired.html", {"order": order, **ACCOUNT})
    if order.status != OrderStatus.PENDING:
        _tell_if_paid(request, order)
        return see_other(request, _url(order))
    chosen = bill(request, order.total, request.GET)
    now = timezone.now()
    deadline = order.expires_at or now
    context = {
        "order": order,
        "bill": chosen,
        "attempt": attempt,
        "seconds": int((deadline - now).total_seconds()) + 1,
        "key": uuid.uuid4().hex,
        "lines": order.lines.all(),
        **ACCOUNT,
    }
    return render(request, "shop/orders/pay.html", context)


@order_visitor
@require_http_methods(["GET", "HEAD", "POST"])
def cancel_order(request: HttpRequest, number: str) -> HttpResponse:
    """Ask once, then call the order off."""
    order = find_order(request, number, *_details())
    if request.method == "POST":
        _cancel(request, order)
        return see_other(request, _url(order))
    if order.status not in CANCELLABLE:
        if order.status in TOO_LATE:
            say_no(request, TOO_LATE[order.status])
        return see_other(request, _url(order))
    return render(request, "shop/orders/cancel.html", {"order": order, **ACCOUNT})


@require_POST
@shopper_action(back="shop:orders")
def order_again(request: AuthenticatedHttpRequest, number: str) -> HttpResponse:
    """Put what the order had into the cart, at today's prices."""
    order = find_order(request, number, *_details())
    try:
        repeated = checkout.order_again(user_id=request.user.pk, order_id=order.pk)
    except DomainError as error:
        say_no(request, error)
        return see_other(request, _url(order))
    if repeated.added:
        messages.success(request, _("In your cart again, at today's prices."))
    if repeated.skipped:
        names = ", ".join(repeated.skipped)
        messages.warning(request, _("No longer sold: %(names)s.") % {"names": names})
    return see_other(request, reverse("shop:cart"))


def _pay(request: HttpRequest, order: Order) -> str:
    """Pay with points; return where that leads."""
    if order.status in SETTLED:
        _tell_if_paid(request, order)
        return _url(order)
    try:
        checkout.pay(user_id=order.user_id, order_id=order.pk)
    except OrderExpired:
        return reverse("shop:pay-order", args=[order.number])
    except DomainError as error:
        say_no(request, error)
        return _url(order)
    return reverse("shop:thanks", args=[order.number])


def _tell_if_paid(request: HttpRequest, order: Order) -> None:
    if order.status in SETTLED:
        messages.info(request, _("This order is paid already."))


def _cancel(request: HttpRequest, order: Order) -> None:
    owner = order.user_id
    try:
        if owner is None:
            checkout.cancel_as_guest(order_id=order.pk, reason="shopper")
        else:
            checkout.cancel(
                order_id=order.pk, user_id=owner, actor_id=owner, reason="shopper"
            )
    except DomainError as error:
        say_no(request, error)
    else:
        messages.success(request, _("Your order is cancelled."))


def _details() -> tuple[str | Prefetch[str, Any, str], ...]:
    return (lines_with_photos(),)


def lines_with_photos() -> Prefetch[str, Any, str]:
    """Read an order's lines with what it takes to draw them."""
    return Prefetch("lines", queryset=_lines())


def bought_lines(user_id: int | None) -> Prefetch[str, Any, str]:
    """Read the lines with what can be done about each: buy it again, review it."""
    on_sale = Product.objects.on_sale().filter(pk=OuterRef("product"))
    own = Review.objects.of_user(user_id or 0).filter(product=OuterRef("product"))
    lines = _lines().annotate(
        is_sold=Exists(on_sale), review_state=Subquery(own.values("state")[:1])
    )
    return Prefetch("lines", queryset=lines)


def _lines() -> QuerySet[OrderLine]:
    lines = OrderLine.objects.annotate(
        photo=first_photo("product"), slug=F("product__slug")
    )
    return lines.order_by("pk")


def support_address() -> str:
    """Return where shoppers write to."""
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]


def is_expired(order: Order) -> bool:
    """Tell whether the time to pay is over, be it that the job has yet to come by."""
    is_late = order.is_overdue(timezone.now())
    return order.status == OrderStatus.EXPIRED or (
        order.status == OrderStatus.PENDING and is_late
    )


def _extras(order: Order) -> dict[str, Any]:
    """Read in one statement its way of delivery, and all that happened to it."""
    method = DeliveryMethod.objects.filter(code=OuterRef("delivery_method"))
    events = OrderEvent.objects.filter(order=OuterRef("pk")).order_by("pk")
    moves = AddressChange.objects.filter(order=OuterRef("pk")).order_by("pk")
    rows = Order.objects.filter(pk=order.pk).values(
        method=Subquery(method.values("name")),
        kind=Subquery(method.values("kind")),
        moved_at=ArraySubquery(moves.values("happened_at")),
        told=ArraySubquery(
            events.values(
                facts=JSONObject(to_status=F("to_status"), at=F("happened_at"))
            )
        ),
    )
    return dict(rows[0])


def _event(facts: dict[str, str]) -> OrderEvent:
    at = datetime.fromisoformat(facts["at"])
    return OrderEvent(to_status=facts["to_status"], happened_at=at)


def _can_readdress(order: Order, kind: str | None) -> bool:
    return order.status in READDRESSABLE and kind != DeliveryKind.PICKUP


def _is_payable(order: Order) -> bool:
    is_open = order.status == OrderStatus.PENDING
    return is_open and not order.is_overdue(timezone.now())


def _url(order: Order) -> str:
    return reverse("shop:order", args=[order.number])
