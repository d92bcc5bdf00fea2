"""How staff sign in: as shoppers do, with the same limits on attempts."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


class StaffSignInForm(AdminAuthenticationForm):
    """Counts failed attempts; Django's own form takes any number of them."""

    def clean(self) -> dict[str, Any]:
        email = self.cleaned_data.get("username")
        password = self.cleaned_data.get("password")
        if email and password:
            self.user_cache = get_adapter().authenticate(
                self.request, email=email.strip().lower(), password=password
            )
            if self.user_cache is None:
                raise self.get_invalid_login_error()
            self.confirm_login_allowed(self.user_cache)
            if is_mfa_enabled(self.user_cache):
                # This form knows passwords only.
                raise ValidationError(_("Sign in on the shop’s own page, please."))
        return self.cleaned_data
