"""Where payers come back to from whoever took their money, or did not."""

from datetime import timedelta
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from checkout import providers
from common import http
from orders.models import SETTLED, OrderStatus
from payments.errors import ProviderAway
from payments.models import GIVEN_UP, Payment, PaymentState
from shop.guards import say_no, see_other
from shop.guests import visible_orders
from shop.templatetags.shop import points as written_points
from shop.typing import user_id_of

# The payer waits while the provider is asked; the page asks again by itself.
PATIENCE = 4.0  # seconds
OFTEN, SELDOM = 3, 15  # seconds between two looks
SOON_OVER = timedelta(minutes=1)


@never_cache
@require_safe
def return_page(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """Find out how a payment went, and lead on to what follows from it."""
    payment = _find(request, payment_id)
    if payment is None:
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(request.get_full_path())
    if payment.is_open and payment.provider_reference:
        payment = _ask(payment)
    if payment.is_open:
        return _wait(request, payment)
    if payment.order_id is None:
        return _to_wallet(request, payment)
    return _to_order(request, payment)


def _find(request: HttpRequest, payment_id: UUID) -> Payment | None:
    payments = Payment.objects.outside().select_related("order")
    payment = payments.filter(pk=payment_id).first()
    if payment is None:
        return None
    if payment.order_id is None:
        is_own = payment.buyer_id == user_id_of(request)
    else:
        is_own = visible_orders(request).filter(pk=payment.order_id).exists()
    return payment if is_own else None


def _ask(payment: Payment) -> Payment:
    try:
        with http.within(PATIENCE):
            providers.check(payment.pk)
    except ProviderAway:
        # Nothing is known, and nothing is lost: the page looks again.
        return payment
    return Payment.objects.select_related("order").get(pk=payment.pk)


def _wait(request: HttpRequest, payment: Payment) -> HttpResponse:
    is_fresh = timezone.now() - payment.created_at < SOON_OVER
    order = payment.order
    context = {
        "payment": payment,
        "order": order,
        "back_url": _url_of(payment),
        "can_choose": order is not None and order.status == OrderStatus.PENDING,
        "seconds": OFTEN if is_fresh else SELDOM,
    }
    return render(request, "shop/orders/checking.html", context)


def _to_wallet(request: HttpRequest, payment: Payment) -> HttpResponse:
    if payment.settled_at:
        text = _("%(amount)s are yours now.")
        messages.success(request, text % {"amount": written_points(payment.amount)})
    else:
        say_no(request, _failure(payment))
    return see_other(request, reverse("shop:points"))


def _to_order(request: HttpRequest, payment: Payment) -> HttpResponse:
    order = payment.order
    if payment.settled_at and order is not None and order.status in SETTLED:
        return see_other(request, reverse("shop:thanks", args=[order.number]))
    if not payment.settled_at:
        say_no(request, _failure(payment))
    is_payable = order is not None and order.status == OrderStatus.PENDING
    if payment.state in GIVEN_UP and is_payable and order is not None:
        return see_other(request, reverse("shop:pay-order", args=[order.number]))
    return see_other(request, _url_of(payment))


def _failure(payment: Payment) -> str:
    if payment.state == PaymentState.CAPTURED:
        return _("Your money came too late. It is on its way back to you.")
    if payment.state == PaymentState.VOIDED:
        return _("This payment was called off. Nothing was charged.")
    return _("The payment did not go through. Nothing was charged.")


def _url_of(payment: Payment) -> str:
    if payment.order is None:
        return reverse("shop:points")
    return reverse("shop:order", args=[payment.order.number])
