"""Who may see a page, and where a refused action leads."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from shop.typing import is_fragment


def shopper_action(
    back: str,
) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Ask a guest who presses a button to sign in, then show the page ``back``.

    ``login_required`` would send them to the address of the button, which only
    answers to POST.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated:
                return view(request, *args, **kwargs)
            login = redirect_to_login(reverse(back))
            return (
                HttpResponseClientRedirect(login.url) if is_fragment(request) else login
            )

        return wrapper

    return decorate


def see_other(request: HttpRequest, url: str) -> HttpResponse:
    """Go on with GET after an action, with or without htmx."""
    if is_fragment(request):
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url, status=303)


def say_no(request: HttpRequest, reason: object) -> None:
    """Tell the shopper why something did not happen."""
    messages.error(request, str(reason))
