"""What all views of the API have in common."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.conditions import etag_of, is_known
from api.renderers import dump

JSON = "application/json"


class PersonalView(APIView):
    """For signed-in users; nobody keeps a copy of the answer."""

    cache_control = "private, no-store"
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    def finalize_response(
        self, request: Request, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", self.cache_control)
        return response


class PublicView(PersonalView):
    """The same for everybody: who asks is not even looked at."""

    authentication_classes = []
    permission_classes = [AllowAny]
    # Stock has to be exact at the moment of the question: copies may be kept but must
    # be asked about, which costs 304 and no body.
    cache_control = "public, no-cache"


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
    response = HttpResponse(status=304) if is_fresh else HttpResponse(body, JSON)
    response["ETag"] = etag
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def created(data: Any, location: str) -> Response:
    return Response(data, status=201, headers={"Location": location})
