"""What the shop adds to signing in and up."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse

from cart import services as carts
from shop.carts import forget_guest, guest_token


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Brings the cart of the guest along."""

    def post_login(
        self, request: HttpRequest, user: Any, **kwargs: Any
    ) -> HttpResponse:
        """Merge the guest's cart into the shopper's own, once."""
        token = guest_token(request)
        if token:
            carts.merge(token=token, user_id=user.pk)
        response: HttpResponse = super().post_login(request, user, **kwargs)
        if token:
            forget_guest(response)
        return response
