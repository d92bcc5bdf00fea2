"""Where a placed order leads: the thanks for it, and another address for it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Address
from checkout import services as checkout
from common.errors import DomainError
from orders.errors import AddressNotChangeable
from orders.models import READDRESSABLE, SETTLED, Order
from shop.checkout_forms import NEW_ADDRESS, AddressForm
from shop.guards import say_no, see_other
from shop.guests import find_order, order_visitor
from shop.recommendations import beside_order
from shop.views.orders import ACCOUNT, lines_with_photos


@order_visitor
@require_safe
def thanks_page(request: HttpRequest, number: str) -> HttpResponse:
    """Thank for an order that is paid; looking again changes nothing."""
    order = find_order(request, number, lines_with_photos())
    if order.status not in SETTLED:
        return see_other(request, _url(order))
    product_ids = [line.product_id for line in order.lines.all()]
    context = {
        "order": order,
        "lines": order.lines.all(),
        "rows": beside_order(request, product_ids),
        **ACCOUNT,
    }
    return render(request, "shop/orders/thanks.html", context)


@order_visitor
@require_http_methods(["GET", "HEAD", "POST"])
def address_page(request: HttpRequest, number: str) -> HttpResponse:
    """Ask where an order that is not packed yet is to go instead."""
    order = find_order(request, number)
    if order.status not in READDRESSABLE:
        say_no(request, AddressNotChangeable(status=order.status))
        return see_other(request, _url(order))
    book = _book(order)
    chosen = request.POST.get("address", "")
    known = next((one for one in book if str(one.pk) == chosen), None)
    form = _form(request, order)
    if request.method == "POST":
        address = known.snapshot() if known else _typed(form)
        if address is not None and _send(request, order, address):
            return see_other(request, _url(order))
    context: dict[str, Any] = {
        "order": order,
        "book": book,
        "chosen": known,
        "form": form,
        **ACCOUNT,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "shop/orders/address.html", context, status=status)


def _book(order: Order) -> list[Address]:
    """Return the saved addresses of whoever owns the order; a guest has none."""
    if order.user_id is None:
        return []
    return list(Address.objects.of_user(order.user_id).order_by("-is_default", "-pk"))


def _form(request: HttpRequest, order: Order) -> AddressForm:
    is_typed = request.POST.get("address") == NEW_ADDRESS
    initial = {name: order.address.get(name, "") for name in AddressForm.Meta.fields}
    form = AddressForm(
        request.POST if is_typed else None,
        initial=initial,
        use_required_attribute=False,
    )
    # Nothing is priced anew on this page.
    for name in list(form.fields["postal_code"].widget.attrs):
        if name.startswith("data-hx"):
            del form.fields["postal_code"].widget.attrs[name]
    return form


def _typed(form: AddressForm) -> dict[str, str] | None:
    return form.snapshot() if form.is_valid() else None


def _send(request: HttpRequest, order: Order, address: dict[str, str]) -> bool:
    try:
        checkout.change_address(
            order_id=order.pk, user_id=order.user_id, address=address
        )
    except DomainError as error:
        say_no(request, error)
        return False
    messages.success(request, _("Your order goes to the new address."))
    return True


def _url(order: Order) -> str:
    return reverse("shop:order", args=[order.number])
