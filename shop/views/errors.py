"""What a shopper sees when something is not there, not allowed, or not working."""

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import get_template

from common.middleware import is_database_away, request_id, unavailable


def bad_request(_request: HttpRequest, exception: object) -> HttpResponse:  # noqa: ARG001
    """400: the request makes no sense."""
    return _plain("400.html", status=400)


def permission_denied(request: HttpRequest, exception: object) -> HttpResponse:  # noqa: ARG001
    """403: not for this shopper."""
    return render(request, "403.html", status=403)


def page_not_found(request: HttpRequest, exception: object) -> HttpResponse:  # noqa: ARG001
    """404: with the search box, for there may be something else."""
    return render(request, "404.html", status=404)


def server_error(_request: HttpRequest) -> HttpResponse:
    """500: must work when nothing else does, so it asks neither database nor cache."""
    if is_database_away(sys.exception()):
        return unavailable(sys.exception())
    context = {"request_id": request_id.get()}
    return _plain("500.html", status=500, context=context)


def csrf_failure(_request: HttpRequest, **_: object) -> HttpResponse:
    """403 for a form that did not come from a page of ours, or from an old one."""
    return _plain("403_csrf.html", status=403)


def _plain(
    template: str, *, status: int, context: dict[str, str] | None = None
) -> HttpResponse:
    # Without the request no context processor runs, and so nothing can fail in one.
    return HttpResponse(get_template(template).render(context or {}), status=status)
