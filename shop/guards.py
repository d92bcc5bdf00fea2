"""Who may see a page, and where a refused action leads."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
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


def from_our_pages(
    view: Callable[..., HttpResponse],
) -> Callable[..., HttpResponse]:
    """Take a form without a token if the browser says that a page of ours sent it.

    Pages that are the same for everybody carry no token. Browsers that do not say
    where a form comes from still need one.
    """
    guarded = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        trusted = view if is_from_here(request) else guarded
        return trusted(request, *args, **kwargs)

    return wrapper


def is_from_here(request: HttpRequest) -> bool:
    """Tell whether one of our own pages sent a form, as its browser says."""
    sender = request.headers.get("Origin") or request.headers.get("Referer", "")
    return urlsplit(sender).netloc == request.get_host()


def see_other(request: HttpRequest, url: str) -> HttpResponse:
    """Go on with GET after an action, with or without htmx."""
    if is_fragment(request):
        return HttpResponseClientRedirect(url)
    return HttpResponseRedirect(url, status=303)


def say_no(request: HttpRequest, reason: object) -> None:
    """Tell the shopper why something did not happen."""
    messages.error(request, str(reason))
