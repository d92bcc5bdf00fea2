"""Pages on which shoppers follow, pay, cancel and repeat their orders."""

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import F, Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from checkout import services as checkout
from common.errors import DomainError
from delivery.models import DeliveryMethod
from orders.models import Order, OrderLine, OrderStatus
from payments import services as payments
from shop.cards import first_photo
from shop.guards import say_no, see_other, shopper_action
from shop.guests import find_order, order_visitor
from shop.paging import first_rows
from shop.parcels import PARCELS, RETURNS, goods_of, legs_of
from shop.paying import bill, go_to_provider
from shop.timeline import steps_of
from shop.typing import AuthenticatedHttpRequest

ORDERS_PER_PAGE = 10
# By their shoppers: what is being packed, staff have to stop.
CANCELLABLE = (OrderStatus.PENDING, OrderStatus.PAID)


class OrdersForm(forms.Form):
    """Which orders to show: of one status, and older than one of them."""

    status = forms.ChoiceField(required=False, choices=OrderStatus.choices)
    before = forms.UUIDField(required=False)


@login_required
def orders_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """List the shopper's orders, newest first."""
    form = OrdersForm(request.GET)
    form.is_valid()
    status = form.cleaned_data.get("status")
    before = form.cleaned_data.get("before")
    orders = (
        Order.objects.placed_by(request.user.pk)
        .newest_first()
        .prefetch_related(lines_with_photos())
    )
    if status:
        orders = orders.filter(status=status)
    if before:
        orders = orders.filter(pk__lt=before)
    page = first_rows(orders, size=ORDERS_PER_PAGE)
    chosen = f"status={status}&" if status else ""
    context = {
        "orders": page.rows,
        "status": status,
        "statuses": OrderStatus.choices,
        "next_url": f"?{chosen}before={page.rows[-1].pk}" if page.has_older else "",
        "previous_url": f"?{chosen}" if before else "",
        "nav": "account",
        "account_nav": "orders",
    }
    return render(request, "shop/orders/list.html", context)


@order_visitor
def order_page(request: HttpRequest, number: str) -> HttpResponse:
    """Show an order: how far it is, what it cost, what can be done."""
    order = find_order(request, number, *_details(), *PARCELS, *RETURNS)
    context = {
        "order": order,
        "lines": order.lines.all(),
        "steps": steps_of(order, list(order.events.all())),
        "goods": goods_of(order),
        "legs": payments.legs_of(order.pk),
        "refund_legs": legs_of(order),
        "delivery": DeliveryMethod.objects.filter(code=order.delivery_method).first(),
        "can_cancel": order.status in CANCELLABLE,
        "can_pay": _is_payable(order),
        "nav": "account",
        "account_nav": "orders",
    }
    return render(request, "shop/orders/detail.html", context)


@order_visitor
@require_http_methods(["GET", "HEAD", "POST"])
def pay_order(request: HttpRequest, number: str) -> HttpResponse:
    """Pay an order that was placed before: with points, or by somebody else."""
    order = find_order(request, number, *_details())
    if request.method == "POST":
        chosen = bill(request, order.total, request.POST)
        if chosen.way is not None:
            return go_to_provider(request, order, chosen)
        _pay(request, order)
        return see_other(request, _url(order))
    if not _is_payable(order):
        return see_other(request, _url(order))
    chosen = bill(request, order.total, request.GET)
    now = timezone.now()
    deadline = order.expires_at or now
    context = {
        "order": order,
        "bill": chosen,
        "attempt": payments.open_attempt(order.pk),
        "seconds": int((deadline - now).total_seconds()) + 1,
        "key": uuid.uuid4().hex,
        "nav": "account",
        "account_nav": "orders",
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
        return see_other(request, _url(order))
    context = {"order": order, "nav": "account", "account_nav": "orders"}
    return render(request, "shop/orders/cancel.html", context)


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


def _pay(request: HttpRequest, order: Order) -> None:
    try:
        checkout.pay(user_id=order.user_id, order_id=order.pk)
    except DomainError as error:
        say_no(request, error)
    else:
        messages.success(request, _("Thank you! Your order is paid."))


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
    return (lines_with_photos(), "events")


def lines_with_photos() -> Prefetch[str, Any, str]:
    """Read an order's lines with what it takes to draw them."""
    lines = OrderLine.objects.annotate(
        photo=first_photo("product"), slug=F("product__slug")
    ).order_by("pk")
    return Prefetch("lines", queryset=lines)


def _is_payable(order: Order) -> bool:
    is_open = order.status == OrderStatus.PENDING
    return is_open and not order.is_overdue(timezone.now())


def _url(order: Order) -> str:
    return reverse("shop:order", args=[order.number])
