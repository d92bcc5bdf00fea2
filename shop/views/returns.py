"""Pages on which shoppers say that goods have come, and send them back."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from checkout import returns
from checkout import services as checkout
from checkout.standing import RETURN_DAYS, LineStanding, standing_of
from common.errors import DomainError
from orders.models import Order, OrderLine
from shop.guards import say_no, see_other
from shop.guests import find_order, order_visitor
from shop.views.orders import lines_with_photos


class ReturnForm(forms.Form):
    """Which units come back, and why."""

    reason = forms.CharField(
        label=gettext_lazy("Why do you send it back?"),
        max_length=500,
        widget=forms.Textarea({"rows": 3}),
    )

    def __init__(
        self, *args: Any, standing: list[LineStanding], lines: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        photos = {line.pk: line for line in lines}
        self.lines: list[tuple[OrderLine, str]] = []
        for line in standing:
            if not line.returnable:
                continue
            name = f"line_{line.line_id}"
            self.fields[name] = forms.TypedChoiceField(
                label=line.name,
                choices=[
                    (number, str(number)) for number in range(line.returnable + 1)
                ],
                coerce=int,
                empty_value="",
                required=False,
                widget=forms.Select({"class": "input input-auto"}),
            )
            self.lines.append((photos[line.line_id], name))

    def rows(self) -> list[tuple[OrderLine, Any]]:
        """Return each line with its field."""
        return [(line, self[name]) for line, name in self.lines]

    def units(self) -> dict[int, int]:
        """Return what was chosen, by line id."""
        return {line.pk: self.cleaned_data[name] or 0 for line, name in self.lines}


@require_POST
@order_visitor
def confirm_receipt(request: HttpRequest, number: str) -> HttpResponse:
    """Note that everything has come."""
    order = find_order(request, number)
    try:
        checkout.confirm_receipt(order_id=order.pk, user_id=order.user_id)
    except DomainError as error:
        say_no(request, error)
    else:
        messages.success(request, _("Thank you! Enjoy it."))
    return see_other(request, _url(order))


@order_visitor
@require_http_methods(["GET", "HEAD", "POST"])
def return_page(request: HttpRequest, number: str) -> HttpResponse:
    """Ask what comes back and why."""
    order = find_order(request, number, lines_with_photos())
    form = ReturnForm(
        request.POST or None,
        standing=list(standing_of(order.pk).lines),
        lines=order.lines.all(),
    )
    if not form.lines:
        say_no(request, _("There is nothing to send back of this order any more."))
        return see_other(request, _url(order))
    if form.is_valid() and _ask(request, order, form):
        return see_other(request, _url(order))
    context = {
        "order": order,
        "form": form,
        "days": RETURN_DAYS,
        "nav": "account",
        "account_nav": "orders",
    }
    return render(request, "shop/orders/return.html", context)


@require_POST
@order_visitor
def withdraw_return(request: HttpRequest, number: str, return_id: int) -> HttpResponse:
    """Take a return back."""
    order = find_order(request, number)
    try:
        returns.withdraw(return_id=return_id, order_id=order.pk, user_id=order.user_id)
    except DomainError as error:
        say_no(request, error)
    else:
        messages.success(request, _("The return is withdrawn."))
    return see_other(request, _url(order))


def _ask(request: HttpRequest, order: Order, form: ReturnForm) -> bool:
    try:
        returns.request(
            order_id=order.pk,
            user_id=order.user_id,
            quantities=form.units(),
            reason=form.cleaned_data["reason"],
        )
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, _("We have your wish, and get back to you soon."))
    return True


def _url(order: Order) -> str:
    return reverse("shop:order", args=[order.number])
