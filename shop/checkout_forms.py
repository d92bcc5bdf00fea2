"""What a shopper tells us at checkout."""

from contextlib import suppress
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from accounts.models import ADDRESS_FIELDS, Address

NEW_ADDRESS = "new"
# What delivery costs follows the postal code as it is typed. The rest of what htmx has
# to know stands at the form.
LIVE = {"data-hx-get": reverse_lazy("shop:checkout"), "data-hx-trigger": "change"}

POINT = forms.SlugField(required=False, max_length=40)


class AddressForm(forms.ModelForm[Address]):
    """An address, with the tokens by which browsers fill it in."""

    class Meta:
        model = Address
        fields = ["recipient", "phone", "postal_code", "city", "line1", "line2"]
        widgets = {
            "recipient": forms.TextInput({"autocomplete": "name"}),
            "phone": forms.TextInput({"autocomplete": "tel", "type": "tel"}),
            "postal_code": forms.TextInput({"autocomplete": "postal-code", **LIVE}),
            "city": forms.TextInput({"autocomplete": "address-level2"}),
            "line1": forms.TextInput({"autocomplete": "address-line1"}),
            "line2": forms.TextInput({"autocomplete": "address-line2"}),
        }

    def snapshot(self) -> dict[str, str]:
        """Return what an order freezes of the typed address."""
        clean = self.cleaned_data
        return {name: clean.get(name, "") or "" for name in ADDRESS_FIELDS} | {
            "country": self.instance.country
        }


class GuestForm(forms.Form):
    """How to reach somebody without an account."""

    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        help_text=_("The confirmation goes there, with a link to your order."),
        widget=forms.EmailInput({"autocomplete": "email"}),
    )


class CheckoutForm(forms.Form):
    """The choices of the one-page checkout; prices are the shop's business."""

    address = forms.CharField(required=False, max_length=20)
    # Of the address that is being typed: what delivery costs depends on it.
    postal_code = forms.CharField(required=False, max_length=16)
    delivery = forms.SlugField(required=False, max_length=40)
    coupon = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    # What the page had shown, signed.
    quote = forms.CharField(required=False)
    key = forms.CharField(required=False, max_length=64)
    keep_address = forms.BooleanField(
        required=False, label=_("Keep this address for next time")
    )

    def choices(self) -> dict[str, Any]:
        """Return whatever of it makes sense; the services judge the rest."""
        self.is_valid()
        clean = self.cleaned_data
        clean["is_coupon_said"] = "coupon" in self.data
        # Each way that can be picked up has a list of its own.
        with suppress(ValidationError):
            point = self.data.get(f"at-{clean.get('delivery')}", "")
            clean["pickup_point"] = POINT.clean(point)
        return clean
