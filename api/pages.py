"""What describes the API: its schema, a page to try it, the problems it reports."""

from collections.abc import Iterator
from functools import cache
from typing import Any, TypedDict

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.module_loading import autodiscover_modules
from django.views.decorators.csrf import ensure_csrf_cookie
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request

from api import errors
from api.problems import MEANINGS, title_of
from api.schema import operation
from api.shapes import ListJson
from api.views import PublicView, cacheable
from common.errors import DomainError

HTTP_ERRORS: tuple[type[exceptions.APIException], ...] = (
    exceptions.ParseError,
    exceptions.AuthenticationFailed,
    exceptions.NotAuthenticated,
    exceptions.PermissionDenied,
    exceptions.NotFound,
    exceptions.MethodNotAllowed,
    exceptions.NotAcceptable,
    exceptions.UnsupportedMediaType,
    errors.BodyTooLarge,
    errors.RateLimited,
    errors.Busy,
    errors.UnexpectedError,
)


class ProblemTypeJson(TypedDict):
    """A kind of problem: its stable code, its status, and what it means."""

    type: str
    code: str
    status: int
    title: str
    description: str


class ProblemListView(PublicView):
    """Every problem there is."""

    cache_control = "public, max-age=300"

    @operation(
        "problems_list", "List the problems", reply={200: ListJson[ProblemTypeJson]}
    )
    def get(self, request: Request) -> HttpResponse:
        """List every problem this API can report, by code."""
        kinds = registry()
        return cacheable(
            request, {"items": [_kind(code, *kinds[code]) for code in sorted(kinds)]}
        )


class ProblemView(PublicView):
    """What the ``type`` of a problem leads to."""

    cache_control = "public, max-age=300"

    @operation("problems_retrieve", "Explain a problem", reply={200: ProblemTypeJson})
    def get(self, request: Request, code: str) -> HttpResponse:
        """Say what a code means."""
        found = registry().get(code)
        if found is None:
            raise exceptions.NotFound
        return cacheable(request, _kind(code, *found))


class UnknownView(PublicView):
    """An address that this API does not have."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 — DRF's signature
        raise exceptions.NotFound


class SchemaView(PublicView):
    """The description of the API."""

    cache_control = "public, max-age=300"

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return OpenAPI 3.1 as JSON."""
        return cacheable(request, description())


@ensure_csrf_cookie
def docs(request: HttpRequest) -> HttpResponse:
    """Show Swagger UI, served by ourselves."""
    return render(request, "api/docs.html")


@cache
def description() -> dict[str, Any]:
    """Return the schema; it cannot change while the process runs."""
    generator = SchemaGenerator()  # type: ignore[no-untyped-call]
    schema: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema


@cache
def registry() -> dict[str, tuple[int, str]]:
    """Return status and meaning of every code, found in the classes of the errors."""
    autodiscover_modules("errors")
    kinds = {
        kind.code: (errors.status_of(kind), _meaning(kind, kind.code))
        for kind in sorted(_family(DomainError), key=lambda kind: len(kind.__mro__))
    }
    for error in HTTP_ERRORS:
        code = errors.RENAMED.get(error.default_code, error.default_code)
        kinds[code] = (error.status_code, _meaning(error, code))
    return kinds


def _family(kind: type[DomainError]) -> Iterator[type[DomainError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _family(child)


def _meaning(kind: type, code: str) -> str:
    return str(MEANINGS.get(code) or " ".join((kind.__doc__ or "").split()))


def _kind(code: str, status: int, meaning: str) -> ProblemTypeJson:
    return {
        "type": f"{settings.SHOP_BASE_URL}/api/problems/{code}",
        "code": code,
        "status": status,
        "title": title_of(code),
        "description": meaning,
    }
