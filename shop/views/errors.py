"""What a shopper sees when something is not there, not allowed, or not working."""

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString

from analytics.selectors import best_sellers
from common.middleware import is_database_away, request_id, unavailable
from shop.storefront import storefront_of
from shop.views.home import ranked_cards


def bad_request(request: HttpRequest, exception: object) -> HttpResponse:  # noqa: ARG001
    """400: the request makes no sense."""
    return _plain(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: object) -> HttpResponse:  # noqa: ARG001
    """403: not for this shopper."""
    return render(request, "403.html", status=403)


def page_not_found(request: HttpRequest, exception: object) -> HttpResponse:  # noqa: ARG001
    """404: with the search box and what others buy, for there may be something else."""
    return render(request, "404.html", {"cards": _best_cards(request)}, status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: must work when nothing else does, so it asks neither database nor cache."""
    if is_database_away(sys.exception()):
        return unavailable(request, sys.exception())
    return _plain(request, "500.html", status=500, request_id=request_id.get())


def csrf_failure(request: HttpRequest, **_: object) -> HttpResponse:
    """403 for a form that did not come from a page of ours, or from an old one."""
    return _plain(request, "403_csrf.html", status=403, back_url=_back(request))


def _best_cards(request: HttpRequest) -> list[SafeString]:
    # A picture or a script that is missing is nobody who looks around.
    if "text/html" not in request.headers.get("Accept", ""):
        return []
    return ranked_cards(best_sellers(), wished=storefront_of(request).wished)


def _back(request: HttpRequest) -> str:
    referrer = request.headers.get("Referer", "")
    here = {request.get_host()}
    return referrer if url_has_allowed_host_and_scheme(referrer, here) else ""


def _plain(
    request: HttpRequest, template: str, *, status: int, **context: str
) -> HttpResponse:
    # Without the request no context processor runs, and so nothing can fail in one.
    context["theme"] = request.COOKIES.get("theme", "")
    return HttpResponse(get_template(template).render(context), status=status)
