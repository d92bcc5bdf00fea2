"""What goes wrong before a view of the API is reached is a problem document too."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from api.errors import CONTENT_TYPE, problem
from api.renderers import dump

PREFIX = "/api/"
CODES = {400: "parse_error", 404: "not_found", 503: "unavailable"}


class ProblemMiddleware:
    """Turns error pages under ``/api/`` into problem documents."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if (
            response.status_code < 400  # noqa: PLR2004 — where errors begin
            or not request.path.startswith(PREFIX)
            or response.headers.get("Content-Type") == CONTENT_TYPE
        ):
            return response
        return _problem(response)


def _problem(page: HttpResponse) -> HttpResponse:
    status = page.status_code
    code = CODES.get(status, "internal_error")
    body = dump(problem(status, code, page.reason_phrase))
    response = HttpResponse(body, CONTENT_TYPE, status=status)
    response["Cache-Control"] = "no-store"
    if "Retry-After" in page.headers:
        response["Retry-After"] = page["Retry-After"]
    return response
