"""What all answers under ``/api/`` have, also those that no view of the API gave."""

import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from api.errors import CONTENT_TYPE, problem
from api.renderers import dump

PREFIX = "/api/"
CODES = {
    400: "parse_error",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    429: "rate_limited",
    503: "unavailable",
}
FIRST_ERROR = 400
# Below, packing costs more than it saves.
LEAST_PACKED = 860  # bytes
GZIP_WINDOW = 31  # zlib's way to ask for the largest window and gzip's own header
GZIP_LEVEL, BROTLI_LEVEL = 5, 4


class ProblemMiddleware:
    """Turns error pages under ``/api/`` into problem documents, and packs answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not request.path.startswith(PREFIX):
            return response
        is_page = response.headers.get("Content-Type") != CONTENT_TYPE
        if response.status_code >= FIRST_ERROR and is_page:
            response = _problem(response)
        response["Api-Version"] = settings.SPECTACULAR_SETTINGS["VERSION"]
        _pack(request, response)
        return response


def _problem(page: HttpResponse) -> HttpResponse:
    status = page.status_code
    code = CODES.get(status, "internal_error")
    body = dump(problem(status, code, page.reason_phrase))
    response = HttpResponse(body, CONTENT_TYPE, status=status)
    response["Cache-Control"] = "no-store"
    for name in ("Retry-After", "Allow"):
        if name in page.headers:
            response[name] = page[name]
    return response


def _pack(request: HttpRequest, response: HttpResponse) -> None:
    """Compress an answer that is the same for everybody.

    What is personal stays as it is: where a secret and something that an attacker
    chooses are packed together, the length tells the secret (BREACH).
    """
    if not response.get("Cache-Control", "").startswith("public"):
        return
    patch_vary_headers(response, ["Accept-Encoding"])
    accepted = request.META.get("HTTP_ACCEPT_ENCODING", "")
    if response.streaming or len(response.content) < LEAST_PACKED or not accepted:
        return
    offers = {name.strip().partition(";")[0] for name in accepted.lower().split(",")}
    if "br" in offers:
        response["Content-Encoding"] = "br"
        response.content = brotli.compress(response.content, quality=BROTLI_LEVEL)
    elif "gzip" in offers:
        response["Content-Encoding"] = "gzip"
        packer = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW)
        response.content = packer.compress(response.content) + packer.flush()
    else:
        return
    response["Content-Length"] = str(len(response.content))
    if response.get("ETag", "").startswith('"'):
        # Other bytes, the same meaning.
        response["ETag"] = f"W/{response['ETag']}"
