"""What a shopper tells us at checkout."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.models import ADDRESS_FIELDS, Address

NEW_ADDRESS = "new"


class AddressForm(forms.ModelForm[Address]):
    """An address, with the tokens by which browsers fill it in."""

    class Meta:
        model = Address
        fields = ["recipient", "phone", "postal_code", "city", "line1", "line2"]
        widgets = {
            "recipient": forms.TextInput({"autocomplete": "name"}),
            "phone": forms.TextInput({"autocomplete": "tel", "type": "tel"}),
            "postal_code": forms.TextInput({"autocomplete": "postal-code"}),
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


class CheckoutForm(forms.Form):
    """The choices of the one-page checkout; prices are the shop's business."""

    address = forms.CharField(required=False, max_length=20)
    delivery = forms.SlugField(required=False, max_length=40)
    coupon = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    expected_total = forms.IntegerField(required=False, min_value=0, max_value=2**62)
    key = forms.CharField(required=False, max_length=64)
    keep_address = forms.BooleanField(
        required=False, label=_("Keep this address for next time")
    )

    def choices(self) -> dict[str, Any]:
        """Return whatever of it makes sense; the services judge the rest."""
        self.is_valid()
        return self.cleaned_data
