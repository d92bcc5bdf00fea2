"""Requests as the pages of this package see them."""

from typing import cast

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from accounts.models import User


class AuthenticatedHttpRequest(HttpRequest):
    """What a page gets once ``login_required`` has let the request through."""

    user: User


def is_fragment(request: HttpRequest) -> bool:
    """Tell whether htmx asks, and wants a part of the page instead of a redirect."""
    return bool(cast("HtmxDetails", getattr(request, "htmx", False)))


def is_on(request: HttpRequest, path: str) -> bool:
    """Tell whether htmx asks from the page at ``path``."""
    details = cast("HtmxDetails", getattr(request, "htmx", None))
    here = details.current_url_abs_path if details else None
    return (here or "").partition("?")[0] == path


def user_id_of(request: HttpRequest) -> int | None:
    """Return the id of the signed-in shopper, ``None`` for a guest."""
    return request.user.pk if request.user.is_authenticated else None
