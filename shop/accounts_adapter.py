"""What the shop adds to signing in and up."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accounts import services as accounts
from cart import services as carts
from checkout import services as checkout
from shop.carts import forget_guest, guest_token


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Brings along what somebody had as a guest: the cart, and proved orders."""

    def post_login(
        self, request: HttpRequest, user: Any, **kwargs: Any
    ) -> HttpResponse:
        """Merge the guest's cart into the shopper's own, once; claim orders."""
        checkout.claim_orders(user_id=user.pk)
        token = guest_token(request)
        if token:
            carts.merge(token=token, user_id=user.pk)
        response: HttpResponse = super().post_login(request, user, **kwargs)
        if token:
            forget_guest(response)
        return response

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Claim what was ordered with an address, now that it is proved."""
        is_confirmed: bool = super().confirm_email(request, email_address)
        if is_confirmed:
            checkout.claim_orders(user_id=email_address.user_id)
        return is_confirmed

    def set_password(self, user: Any, password: str) -> None:
        """Set a new password, unless it has changed since this one was allowed to.

        A letter's link that is opened many times at once works once.
        """
        proved = user.password
        user.set_password(password)
        is_first = accounts.replace_password(
            user_id=user.pk, proved=proved, password=user.password
        )
        if not is_first:
            raise ImmediateHttpResponse(redirect("account_reset_password"))
