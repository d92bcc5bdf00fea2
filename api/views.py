"""What all views of the API have in common."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api import limits, sparse
from api.conditions import etag_of, is_known
from api.renderers import dump
from common.limits import Verdict
from common.timing import Timing

JSON = "application/json"
OK = 200
VARY = ("Accept-Language", "Accept-Encoding")
VARY_BY_PERSON = (*VARY, "Authorization", "Cookie")


class PersonalView(APIView):
    """For signed-in users; nobody keeps a copy of the answer."""

    # Of what is read, and of what is written.
    cache_control = "private, no-store"
    cache_control_of_writes = "private, no-store"
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    # At an older address: where it is now.
    successor = ""
    verdict: Verdict | None = None
    timing: Timing | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # What nobody may do here is not asked for with a sign-in.
        if self._handler(request) is None:
            self.http_method_not_allowed(request)
        super().initial(request, *args, **kwargs)

    def perform_authentication(self, request: Request) -> None:
        try:
            super().perform_authentication(request)
        except AuthenticationFailed:
            limits.refused_token(request)
            raise

    def check_permissions(self, request: Request) -> None:
        is_public = not request.authenticators
        self.verdict = limits.check(request, is_public=is_public)
        super().check_permissions(request)
        sparse.check_fields(request, self._handler(request))
        if getattr(request.user, "is_staff", False):
            self.timing = Timing()

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        is_read = request.method in SAFE_METHODS
        kept = self.cache_control if is_read else self.cache_control_of_writes
        if kept.startswith("public") and request.user.is_authenticated:
            kept = kept.replace("public", "private")
        if is_read and isinstance(response, Response) and response.status_code == OK:
            response = _plain(request, response, tagged="no-store" not in kept)
        response = super().finalize_response(request, response, *args, **kwargs)
        headers = response.headers
        headers.setdefault("Cache-Control", kept)
        if is_read and "no-store" not in kept:
            has_readers = bool(request.authenticators)
            patch_vary_headers(response, VARY_BY_PERSON if has_readers else VARY)
        if self.verdict is not None:
            # A refusal says itself how things stand.
            for name, value in limits.headers_of(self.verdict).items():
                headers.setdefault(name, value)
        if self.timing is not None:
            headers["Server-Timing"] = self.timing.end()
        return response

    def _handler(self, request: Request) -> Any:
        method = "get" if request.method == "HEAD" else str(request.method).lower()
        return getattr(self, method, None) if method in self.http_method_names else None


class PublicView(PersonalView):
    """The same for everybody: who asks is not even looked at."""

    authentication_classes = []
    permission_classes = [AllowAny]
    cache_control_of_writes = "no-store"
    # A list may be half a minute old; the stock of a product has a short-lived address
    # of its own, and an order is checked against the stock there is.
    cache_control = "public, max-age=30, stale-while-revalidate=60"


class GuestView(PersonalView):
    """For users and guests alike."""

    permission_classes = [AllowAny]


def cacheable(
    request: Request, data: Any, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """Answer with JSON and its ETag, or 304 to somebody who has it already."""
    body = dump(data)
    etag = etag_of(body)
    is_fresh = is_known(request, etag)
    response = NotModified() if is_fresh else _json(request, data, body)
    response["ETag"] = etag
    for name, value in (headers or {}).items():
        response[name] = value
    return response


class NotModified(HttpResponse):
    """For who has it already; of the same type as what they have."""

    status_code = 304

    def __init__(self) -> None:
        super().__init__(content_type=JSON)


def _plain(request: Request, answer: Response, *, tagged: bool) -> HttpResponse:
    """Turn a view's answer into JSON, with its ETag if it may be kept."""
    data, headers = answer.data, dict(answer.headers)
    del headers["Content-Type"]
    if isinstance(data, dict) and data.get("next"):
        headers.setdefault("Link", f'<{data["next"]}>; rel="next"')
    if tagged:
        return cacheable(request, data, headers)
    return HttpResponse(_json(request, data).content, JSON, headers=headers)


def _json(request: Request, data: Any, body: bytes | None = None) -> HttpResponse:
    less = sparse.pruned(request, data)
    if less is not data or body is None:
        body = dump(less)
    return HttpResponse(body, JSON)


def created(data: Any, location: str) -> Response:
    return Response(data, status=201, headers={"Location": location})
