"""The shopper's own corner: overview, addresses, profile."""

from typing import Any

from allauth.account.models import EmailAddress
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services as accounts
from accounts.models import ADDRESS_FIELDS, Address, User
from accounts.services import MAX_ADDRESSES
from common.errors import DomainError
from orders.erasing import UNFINISHED
from orders.models import Order
from shop.checkout_forms import AddressForm
from shop.guards import say_no, see_other, shopper_action
from shop.language import remember_language
from shop.timeline import steps_of
from shop.typing import AuthenticatedHttpRequest

# In the session, until the next one is removed: what "undo" puts back.
REMOVED = "removed_address"


class ProfileForm(forms.ModelForm[User]):
    """What a shopper may change about themselves."""

    language = forms.ChoiceField(label=gettext_lazy("Language"))

    class Meta:
        model = User
        fields = [
            "name",
            "phone",
            "language",
            "wants_marketing_email",
            "wants_marketing_sms",
        ]
        widgets = {
            "name": forms.TextInput({"autocomplete": "name"}),
            "phone": forms.TextInput({"autocomplete": "tel", "type": "tel"}),
        }
        labels = {
            "wants_marketing_email": gettext_lazy("Offers by e-mail"),
            "wants_marketing_sms": gettext_lazy("Offers by text message"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["language"].choices = settings.LANGUAGES  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        clean = self.cleaned_data
        if clean.get("wants_marketing_sms") and not clean.get("phone"):
            self.add_error("phone", _("Text messages need a phone number."))
        return clean


class BookForm(AddressForm):
    """An address for the book: nothing on the page follows its postal code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        attrs = self.fields["postal_code"].widget.attrs
        for name in [name for name in attrs if name.startswith("data-hx-")]:
            del attrs[name]


@login_required
def account_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show where everything is, and how far the last order has come."""
    orders = Order.objects.placed_by(request.user.pk)
    last = orders.newest_first().prefetch_related("events").first()
    usual = Address.objects.of_user(request.user.pk).filter(is_default=True).first()
    context = {
        "last": last,
        "steps": steps_of(last, list(last.events.all())) if last else [],
        "in_progress": orders.filter(status__in=UNFINISHED).count(),
        "usual_address": usual,
        "is_verified": _is_verified(request.user),
        "nav": "account",
        "account_nav": "home",
    }
    return render(request, "shop/account/home.html", context)


@login_required
def addresses_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show the address book."""
    addresses = Address.objects.of_user(request.user.pk)
    context = {
        "addresses": addresses.order_by("-is_default", "-pk"),
        "removed": request.session.get(REMOVED),
        "limit": MAX_ADDRESSES,
    }
    return render(request, "shop/account/addresses.html", context | _NAV)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def address_page(
    request: AuthenticatedHttpRequest, address_id: int | None = None
) -> HttpResponse:
    """Write a new address, or correct one."""
    address = _own_address(request, address_id) if address_id else None
    form = BookForm(request.POST or None, instance=address)
    if request.method == "POST" and form.is_valid() and _save(request, form, address):
        return see_other(request, reverse("shop:addresses"))
    status = 422 if form.errors else 200
    context = {"form": form, "address": address}
    return render(request, "shop/account/address.html", context | _NAV, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def remove_address(request: AuthenticatedHttpRequest, address_id: int) -> HttpResponse:
    """Ask first where there is no script; drop an address, and offer to undo it."""
    address = _own_address(request, address_id)
    if request.method != "POST":
        context = {"address": address} | _NAV
        return render(request, "shop/account/address_remove.html", context)
    try:
        accounts.remove_address(user_id=request.user.pk, address_id=address_id)
    except DomainError as error:
        say_no(request, error)
    else:
        request.session[REMOVED] = address.snapshot() | {
            "was_default": "yes" if address.is_default else ""
        }
    return see_other(request, reverse("shop:addresses"))


@require_POST
@shopper_action(back="shop:addresses")
def restore_address(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Put the address back that was removed last."""
    removed = request.session.pop(REMOVED, None)
    if removed is None:
        return see_other(request, reverse("shop:addresses"))
    try:
        accounts.add_address(
            user_id=request.user.pk,
            address={name: removed[name] for name in ADDRESS_FIELDS},
            is_default=bool(removed["was_default"]),
        )
    except DomainError as error:
        say_no(request, error)
    else:
        messages.success(request, _("The address is back."))
    return see_other(request, reverse("shop:addresses"))


@require_POST
@shopper_action(back="shop:addresses")
def default_address(request: AuthenticatedHttpRequest, address_id: int) -> HttpResponse:
    """Let checkout offer this address first."""
    try:
        accounts.make_default(user_id=request.user.pk, address_id=address_id)
    except DomainError as error:
        say_no(request, error)
    return see_other(request, reverse("shop:addresses"))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile_page(request: AuthenticatedHttpRequest) -> HttpResponse:
    """Show and change the profile; password and e-mail have pages of their own."""
    # A copy: the form writes what is typed into its instance, even if it is wrong.
    user = User.objects.get(pk=request.user.pk)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        _change_profile(user, form.cleaned_data)
        with translation.override(form.cleaned_data["language"]):
            messages.success(request, _("Saved."))
        answer = see_other(request, reverse("shop:profile"))
        remember_language(answer, form.cleaned_data["language"])
        return answer
    context = {"form": form, "nav": "account", "account_nav": "profile"}
    status = 422 if form.errors else 200
    return render(request, "shop/account/profile.html", context, status=status)


_NAV = {"nav": "account", "account_nav": "addresses"}


def _change_profile(user: User, clean: dict[str, Any]) -> None:
    accounts.change_profile(
        user_id=user.pk,
        name=clean["name"],
        phone=clean["phone"],
        marketing="yes" if clean["wants_marketing_email"] else "no",
    )
    accounts.set_consents(
        user_id=user.pk, consents={"sms": clean["wants_marketing_sms"]}
    )
    accounts.choose_language(user_id=user.pk, language=clean["language"])


def _save(
    request: AuthenticatedHttpRequest, form: AddressForm, address: Address | None
) -> bool:
    typed: dict[str, Any] = form.snapshot()
    try:
        if address is None:
            accounts.add_address(user_id=request.user.pk, address=typed)
        else:
            accounts.change_address(
                user_id=request.user.pk, address_id=address.pk, address=typed
            )
    except DomainError as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, _("Address saved."))
    return True


def _own_address(request: AuthenticatedHttpRequest, address_id: int) -> Address:
    address = Address.objects.of_user(request.user.pk).filter(pk=address_id).first()
    if address is None:
        raise Http404
    return address


def _is_verified(user: User) -> bool:
    return bool(EmailAddress.objects.filter(user=user, verified=True).exists())
