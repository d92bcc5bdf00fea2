"""The ways to pay that a page offers, and what a shopper chose of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from checkout import paying
from checkout import services as checkout
from common.errors import DomainError
from common.languages import reader_language
from orders.errors import OrderExpired
from orders.models import Order
from payments.gateways import offered
from payments.gateways.base import Gateway
from payments.models import Payment, PaymentMethod
from points import services as points
from shop.guards import say_no, see_other
from shop.typing import user_id_of

POINTS = PaymentMethod.POINTS.value


class ChoiceForm(forms.Form):
    """How to pay: by what, and how much of it with points."""

    payment = forms.SlugField(required=False, max_length=16)
    points_part = forms.IntegerField(required=False, min_value=0, max_value=2**62)


@dataclass(frozen=True)
class Bill:
    """What is to be paid, and how. Amounts are in minor units, which points are too."""

    total: int
    balance: int
    method: str
    # Of the total, if somebody else takes the rest.
    points_part: int
    is_guest: bool = False

    @cached_property
    def ways(self) -> tuple[Gateway, ...]:
        """Who else takes money; nobody need if it costs nothing."""
        return offered() if self.total else ()

    @property
    def way(self) -> Gateway | None:
        """Who else was chosen, if it is not points."""
        return next((way for way in self.ways if way.code == self.method), None)

    @property
    def rest(self) -> int:
        """What somebody else takes."""
        return self.total - self.points_part

    @property
    def most_points(self) -> int:
        """How much of the total points can pay beside somebody else."""
        return max(0, min(self.balance, self.total - 1))

    @property
    def missing(self) -> int:
        return max(0, self.total - self.balance)

    @property
    def is_part_possible(self) -> bool:
        return 0 <= self.points_part <= self.most_points


def bill(request: HttpRequest, total: int, data: Mapping[str, Any]) -> Bill:
    """Make the bill of a page; who said nothing is offered what would go through.

    A form that says nothing pays with points: it comes from a page without a choice.
    """
    user_id = user_id_of(request)
    balance = points.balance_of(user_id) if user_id else 0
    form = ChoiceForm(data)
    form.is_valid()
    asked = form.cleaned_data.get("payment") or ""
    codes = [way.code for way in offered()] if total else []
    if asked in codes or (asked == POINTS and user_id):
        method = asked
    elif request.method == "POST" or (user_id and balance >= total) or not codes:
        method = POINTS
    else:
        method = codes[0]
    part = form.cleaned_data.get("points_part") or 0
    if data.get("points_all"):
        part = max(0, min(balance, total - 1))
    return Bill(
        total=total,
        balance=balance,
        method=method,
        points_part=part if method != POINTS and user_id else 0,
        is_guest=user_id is None,
    )


def set_out(request: HttpRequest, order: Order, chosen: Bill) -> Payment:
    """Begin to pay an order by somebody else; raises what ``paying.start`` raises."""
    return paying.start(
        user_id=order.user_id,
        order_id=order.pk,
        method=chosen.method,
        points_part=chosen.points_part,
        return_url=return_url(request),
        language=reader_language(),
    )


def go_to_provider(request: HttpRequest, order: Order, chosen: Bill) -> HttpResponse:
    """Send the payer on to who was chosen, or say why that is not possible now."""
    try:
        payment = set_out(request, order, chosen)
    except DomainError as error:
        if isinstance(error, OrderExpired):
            # No job has come by yet: let it go at once.
            checkout.expire(order.pk)
        say_no(request, error)
        return see_other(request, reverse("shop:pay-order", args=[order.number]))
    return see_other(request, payment.provider_url)


def return_url(request: HttpRequest) -> str:
    """Return where payers come back to: to the host at which they are signed in."""
    return f"{request.scheme}://{request.get_host()}/pay/{{payment}}/return/"
