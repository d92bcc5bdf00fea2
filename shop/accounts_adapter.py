"""What happens around allauth's sign-up and sign-in."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest, HttpResponse

from cart import services as carts
from shop.carts import forget_guest, guest_token


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Takes a guest's cart along when they sign in."""

    def post_login(
        self, request: HttpRequest, user: Any, **kwargs: Any
    ) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        token = guest_token(request)
        if token is not None:
            carts.merge(token=token, user_id=user.pk)
            forget_guest(response)
        return response
