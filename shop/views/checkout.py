"""Checkout on one page: address, delivery, coupon, payment, and one button."""

import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import services as accounts
from accounts.models import Address, User
from cart import services as carts
from cart.models import Cart
from checkout import quotes
from checkout import services as checkout
from checkout.errors import ProductUnavailable, QuoteInvalid, QuoteOutdated
from common import idempotency
from common.errors import DomainError
from common.idempotency import Claim, Reply
from coupons.errors import (
    CouponAlreadyUsed,
    CouponExpired,
    CouponNotApplicable,
    CouponNotFound,
)
from delivery import selectors as deliveries
from delivery.errors import PickupPointUnavailable
from delivery.selectors import DeliveryQuote
from inventory.errors import InsufficientStock
from orders.drafts import Draft
from orders.models import SETTLED, Order, OrderStatus
from payments.gateways import offered
from points import services as points
from shop.cart_page import CartLine, CartView, read_cart
from shop.carts import find_cart, guest_token
from shop.checkout_forms import NEW_ADDRESS, AddressForm, CheckoutForm, GuestForm
from shop.checkout_kept import buyer_mark, keep_form, take_form, was_signed_in
from shop.guards import say_no, see_other
from shop.guests import remember
from shop.kept import email_of
from shop.paying import POINTS, Bill, bill, go_to_provider
from shop.prices import PriceChange, price_changes
from shop.typing import user_id_of
from shop.views.points import PRESETS

PATH = "/checkout/"
# What is chosen about the payment.
SAID = ("payment", "points_part", "points_all")
# Buttons that only show the page anew.
UPDATES = frozenset({"update", "points_all"})
COUPON_ERRORS = (
    CouponAlreadyUsed,
    CouponExpired,
    CouponNotApplicable,
    CouponNotFound,
)


@dataclass
class Visit:
    """One look at checkout: what was chosen, and what it comes to."""

    request: HttpRequest
    chosen: dict[str, Any]
    cart: Cart | None
    view: CartView
    addresses: list[Address]
    address_form: AddressForm
    # Only for who has no account.
    guest_form: GuestForm | None
    # What delivery is priced for; typed as far as it may be.
    destination: dict[str, str]
    # About the payment.
    said: dict[str, Any]
    key: str
    # What is dearer than the page had said.
    changes: Sequence[PriceChange] = ()
    # Fields that were typed wrong; the page leads to the first of them.
    is_wanting: bool = False

    @property
    def wants_new_address(self) -> bool:
        return not self.addresses or self.chosen.get("address") == NEW_ADDRESS

    @property
    def bill(self) -> Bill:
        """What the cart comes to, and how it is to be paid."""
        return bill(self.request, self.view.quote.total, self.said)

    @property
    def buyer(self) -> str:
        return buyer_mark(self.request)

    @property
    def gone(self) -> list[CartLine]:
        """Lines of which there is less than wanted; each needs a decision."""
        lines = [line for line in self.view.lines if line.counts]
        return [line for line in lines if line.is_short or line.is_sold_out]

    @property
    def hold_minutes(self) -> int:
        return int(settings.PAYMENT_WINDOW_MINUTES)

    @property
    def chosen_address(self) -> Address:
        return _chosen_address(self.chosen, self.addresses)

    def address(self) -> dict[str, str] | None:
        """Return where the parcel goes; ``None`` if the typed address is wanting.

        A parcel that is picked up goes to the point; the address tells for whom.
        """
        if not self.wants_new_address:
            own = self.chosen_address.snapshot()
        elif self.address_form.is_valid():
            own = self.address_form.snapshot()
        else:
            return None
        return _picked_up(self.chosen, own) or own


@require_http_methods(["GET", "HEAD", "POST"])
def checkout_page(request: HttpRequest) -> HttpResponse:
    """Show checkout, and take the order."""
    if request.method == "POST" and was_signed_in(request):
        keep_form(request)
        messages.info(request, _("Please sign in again; nothing you typed is lost."))
        return redirect_to_login(request.path)
    if not request.user.is_authenticated and not offered():
        # A guest has no points, so there is nothing that a guest could pay with.
        return redirect_to_login(request.get_full_path())
    return _take(request) if request.method == "POST" else _answer(_arrive(request))


def _take(request: HttpRequest) -> HttpResponse:
    """Do what the pressed button says."""
    chosen = CheckoutForm(request.POST).choices()
    claim = _claim(request, chosen.get("key") or "")
    visit = _visit(request, chosen)
    # Sent twice: the cart is empty, but the order is there. Asked after the cart was
    # read, or the first request could empty it in between.
    if claim is not None and (stored := idempotency.find(claim)):
        return _go_on(visit, stored)
    if "fix" in request.POST:
        return _fix(visit)
    if "charge" in request.POST and request.user.is_authenticated:
        return _charge(visit, request.user.pk)
    if not UPDATES.isdisjoint(request.POST) or not visit.view.can_check_out:
        return _answer(visit)
    return _order(visit, claim)


def _arrive(request: HttpRequest) -> Visit:
    """Open the page, be it with what was typed before a session ended."""
    form = take_form(request)
    if not form:
        return _visit(request, CheckoutForm(request.GET).choices())
    visit = _visit(request, CheckoutForm(form).choices())
    visit.address_form = AddressForm(initial=form)
    visit.said = {name: form.get(name) for name in SAID}
    return visit


def _order(visit: Visit, claim: Claim | None) -> HttpResponse:
    request, chosen = visit.request, visit.bill
    try:
        address = visit.address()
    except DomainError as error:
        return _refuse(visit, error)
    if not (_is_reachable(visit) and address is not None):
        visit.is_wanting = True
        return _answer(visit, status=422)
    is_later = chosen.way is not None or "later" in request.POST
    if chosen.way is not None and not chosen.is_part_possible:
        return _refuse(visit, _("You do not have so many points."))
    status = OrderStatus.PENDING if is_later else OrderStatus.PAID
    purchase = _purchase(visit, address)
    try:
        reply = checkout.purchase_once(purchase, status, claim=claim, render=_number)
    except DomainError as error:
        return _ask_again(visit, error)
    if visit.wants_new_address and visit.chosen.get("keep_address"):
        _keep(visit, visit.address_form.snapshot())
    return _go_on(visit, reply)


def _ask_again(visit: Visit, error: DomainError) -> HttpResponse:
    """Show what has changed since the page was shown, and what can be done about it."""
    if isinstance(error, QuoteOutdated):
        return _confirm_again(visit, error)
    if isinstance(error, COUPON_ERRORS):
        return _without_coupon(visit, error)
    if isinstance(error, InsufficientStock | ProductUnavailable):
        return _refuse(_visit(visit.request, visit.chosen), error)
    return _refuse(visit, error)


def _refuse(visit: Visit, reason: object) -> HttpResponse:
    say_no(visit.request, reason)
    return _answer(visit, status=409)


def _is_reachable(visit: Visit) -> bool:
    return visit.guest_form is None or visit.guest_form.is_valid()


def _go_on(visit: Visit, reply: Reply) -> HttpResponse:
    """Lead on from the order that this page has made: to its payment, or to itself."""
    request, chosen = visit.request, visit.said
    order = Order.objects.get(number=reply.body)
    if order.user_id is None:
        # The reply was stored for this very browser.
        remember(request, order.pk)
    is_open = order.status == OrderStatus.PENDING and "later" not in request.POST
    wanted = bill(request, order.total, chosen)
    if wanted.way is None or not is_open:
        page = "shop:thanks" if order.status in SETTLED else "shop:order"
        return see_other(request, reverse(page, args=[order.number]))
    return go_to_provider(request, order, wanted)


def _purchase(visit: Visit, address: dict[str, str]) -> checkout.Purchase:
    view, guest = visit.view, visit.guest_form
    cart = view.cart
    return checkout.Purchase(
        user_id=user_id_of(visit.request),
        email=guest.cleaned_data["email"] if guest else email_of(visit.request),
        quantities=view.quantities,
        coupon_id=visit.chosen.get("coupon"),
        address=address,
        delivery_method=visit.chosen.get("delivery") or None,
        quote_id=visit.chosen.get("quote") or "",
        cart=checkout.CartVersion(cart.pk, cart.version) if cart else None,
    )


def _confirm_again(visit: Visit, error: QuoteOutdated) -> HttpResponse:
    # The page is read once more, so that it shows the very prices it asks about.
    fresh = _visit(visit.request, visit.chosen)
    fresh.changes = price_changes(error, fresh.view.names)
    say_no(visit.request, error)
    return _answer(fresh, status=409)


def _without_coupon(visit: Visit, error: DomainError) -> HttpResponse:
    """Show what it costs without a coupon that has become void; nothing is ordered."""
    fresh = _visit(visit.request, visit.chosen | {"coupon": None})
    try:
        quotes.check(visit.chosen.get("quote") or "", fresh.view.quote)
    except QuoteOutdated as outdated:
        fresh.changes = price_changes(outdated, fresh.view.names)
    except QuoteInvalid:
        pass
    say_no(visit.request, error)
    return _answer(fresh, status=409)


def _fix(visit: Visit) -> HttpResponse:
    """Take as many of a product as there are, or none, and stay on the page."""
    product, _dash, quantity = visit.request.POST["fix"].partition("-")
    line = next((one for one in visit.gone if str(one.product_id) == product), None)
    if line is not None and visit.cart is not None:
        with suppress(DomainError):
            if quantity == "0" or line.is_sold_out:
                carts.remove(cart_id=visit.cart.pk, product_id=line.product_id)
            else:
                carts.set_quantity(
                    cart_id=visit.cart.pk,
                    product_id=line.product_id,
                    quantity=line.most,
                )
    return _answer(_visit(visit.request, visit.chosen))


def _charge(visit: Visit, user_id: int) -> HttpResponse:
    """Charge what is missing, and stay on the page with everything typed so far."""
    request = visit.request
    visit.said["payment"] = POINTS
    balance = points.balance_of(user_id)
    missing = visit.view.quote.total - balance
    wanted = {str(amount): amount for amount in PRESETS}.get(request.POST["charge"], 0)
    if missing > 0:
        try:
            points.charge(
                user_id=user_id,
                amount=max(missing, wanted),
                idempotency_key=f"checkout:{visit.key}:{balance}",
            )
        except DomainError as error:
            say_no(request, error)
        else:
            messages.success(request, _("Charged. Now you can pay."))
    return _answer(visit)


def _visit(request: HttpRequest, chosen: dict[str, Any]) -> Visit:
    cart = find_cart(request)
    said = request.POST if request.method == "POST" else request.GET
    is_first = not chosen["is_coupon_said"]
    if is_first:
        chosen["coupon"] = cart.coupon_id if cart else None
    addresses = _addresses(user_id_of(request))
    destination = _destination(chosen, addresses)
    view = _read(request, cart, chosen, destination)
    if request.method != "POST" and not view.offer.is_delivered:
        # The address was changed to where the chosen way does not lead.
        chosen["delivery"] = None
        view = _read(request, cart, chosen, destination)
    if is_first and not (cart and cart.declines_coupons):
        view = _suggested(view)
        chosen |= {"coupon": view.coupon_id, "is_coupon_said": True}
    return Visit(
        request=request,
        chosen=chosen,
        cart=cart,
        view=view,
        addresses=addresses,
        address_form=_address_form(request, chosen, addresses),
        guest_form=_guest_form(request),
        destination=destination,
        said={name: said.get(name) for name in SAID},
        key=chosen.get("key") or uuid.uuid4().hex,
    )


def _addresses(user_id: int | None) -> list[Address]:
    if user_id is None:
        return []
    return list(Address.objects.of_user(user_id).order_by("-is_default", "-pk"))


def _guest_form(request: HttpRequest) -> GuestForm | None:
    if request.user.is_authenticated:
        return None
    if request.method == "POST":
        return GuestForm(request.POST)
    return GuestForm(initial={"email": email_of(request)})


def _read(
    request: HttpRequest,
    cart: Cart | None,
    chosen: dict[str, Any],
    destination: dict[str, str],
) -> CartView:
    return read_cart(
        cart,
        user_id=user_id_of(request),
        email=email_of(request),
        coupon_id=chosen.get("coupon"),
        delivery_method=chosen.get("delivery") or None,
        address=destination,
    )


def _suggested(view: CartView) -> CartView:
    """Choose the coupon that saves most, as the cart does, where none is chosen."""
    best = view.coupons[0] if view.coupons else None
    if best is None or not best.saves or view.coupon_id is not None:
        return view
    now = replace(view.offer, coupon=best.terms)
    return replace(view, offer=now, quote=now.quote())


def _address_form(
    request: HttpRequest, chosen: dict[str, Any], addresses: list[Address]
) -> AddressForm:
    is_typed = request.method == "POST" and chosen.get("address") == NEW_ADDRESS
    data = request.POST if is_typed else None
    # A browser refuses to send a form whose hidden fields it finds wanting.
    return AddressForm(
        data, initial=_known_of(request), use_required_attribute=not addresses
    )


def _known_of(request: HttpRequest) -> dict[str, str]:
    """Return what an account tells of whoever lives at a new address."""
    user = request.user
    if not isinstance(user, User):
        return {}
    return {"recipient": user.name, "phone": user.phone}


def _answer(visit: Visit, status: int = 200) -> HttpResponse:
    view = visit.view
    if not view.quantities:
        if view.lines:
            say_no(visit.request, _("Please check your cart first."))
        return see_other(visit.request, reverse("shop:cart"))
    ways = _ways(visit)
    if any(_is_news(way, view) for way in ways):
        # A carrier has told its price only now; an order of this page will take it.
        view = visit.view = _read(
            visit.request, visit.cart, visit.chosen, visit.destination
        )
    chosen = visit.bill
    context = {
        "visit": visit,
        "view": view,
        "ways": ways,
        "bill": chosen,
        # Round amounts that would do, and leave something over.
        "presets": [amount for amount in PRESETS if amount > chosen.missing][:2],
        "nav": "cart",
    }
    return render(visit.request, "shop/checkout/page.html", context, status=status)


def _ways(visit: Visit) -> list[DeliveryQuote]:
    """Return each way of delivery that takes this cart to the address."""
    now = visit.view.offer
    return deliveries.quotes(now.parcel(visit.destination), now=now.moment)


def _is_news(way: DeliveryQuote, view: CartView) -> bool:
    chosen = view.offer.delivery
    is_chosen = chosen is not None and chosen.code == way.code
    return is_chosen and way.cost != view.quote.delivery_price


def _destination(chosen: dict[str, Any], addresses: list[Address]) -> dict[str, str]:
    if not addresses or chosen.get("address") == NEW_ADDRESS:
        own = {"postal_code": chosen.get("postal_code") or ""}
    else:
        own = _chosen_address(chosen, addresses).snapshot()
    with suppress(PickupPointUnavailable):
        return _picked_up(chosen, own) or own
    return own


def _chosen_address(chosen: dict[str, Any], addresses: list[Address]) -> Address:
    by_id = {str(address.pk): address for address in addresses}
    return by_id.get(chosen.get("address") or "", addresses[0])


def _picked_up(chosen: dict[str, Any], own: dict[str, str]) -> dict[str, str] | None:
    method, point = chosen.get("delivery"), chosen.get("pickup_point")
    if not method or not point:
        return None
    return deliveries.pickup_address(own, method=method, point=point)


def _keep(visit: Visit, address: dict[str, str]) -> None:
    # The order is placed whether or not there is room in the book.
    user_id = user_id_of(visit.request)
    if user_id is not None:
        with suppress(DomainError):
            accounts.add_address(user_id=user_id, address=address)


def _claim(request: HttpRequest, key: str) -> Claim | None:
    user_id, token = user_id_of(request), guest_token(request)
    if not key or (user_id is None and token is None):
        return None
    # One page is one order, whatever was changed on it before it was sent again.
    mark = idempotency.fingerprint("POST", PATH, key.encode())
    subject = f"g:{token}" if user_id is None else f"u:{user_id}"
    return Claim(subject, "POST", PATH, key, mark)


def _number(draft: Draft) -> Reply:
    return Reply(303, draft.number)
