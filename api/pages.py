"""What describes the API: its schema, a page to try it, the problems it reports."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import ensure_csrf_cookie
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.request import Request

from api import asynchronous
from api.examples import VALUES
from api.problems import remedy_of, title_of
from api.reach import extras_of, words_of
from api.registry import Kind, registry
from api.schema import operation
from api.shapes import ListJson, ProblemJson
from api.views import JSON, PublicView, cacheable

__all__ = ["description", "docs", "registry"]
HTML = "text/html"


class ProblemTypeJson(TypedDict):
    """A kind of problem: its code, what happened, what to do, and how it looks."""

    type: str
    code: str
    status: int
    title: str
    description: str
    remedy: str
    sample: ProblemJson


class PageView(PublicView):
    """The same address shows a browser a page, and everybody else JSON."""

    cache_control = "public, max-age=300"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Choose by what the client likes best."""
        likes = request.get_preferred_type([JSON, HTML])
        is_reading = request.method in {"GET", "HEAD"}
        page = self.page(request, **kwargs) if is_reading and likes == HTML else None
        response = page or super().dispatch(request, *args, **kwargs)
        patch_vary_headers(response, ["Accept", "Accept-Language"])
        return response

    def page(self, request: HttpRequest, **kwargs: Any) -> HttpResponse | None:
        """Return the page, if there is one."""
        raise NotImplementedError


class ProblemListView(PageView):
    """Every problem there is."""

    def page(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Show the titles of all problems."""
        kinds = [explain(registry()[code]) for code in sorted(registry())]
        return render(request, "api/problems.html", {"problems": kinds})

    @operation(
        "problems_list", "List the problems", reply={200: ListJson[ProblemTypeJson]}
    )
    def get(self, request: Request) -> HttpResponse:
        """List every problem this API can report, by code."""
        kinds = registry()
        return cacheable(
            request, {"items": [explain(kinds[code]) for code in sorted(kinds)]}
        )


class ProblemView(PageView):
    """What the ``type`` of a problem leads to."""

    def page(self, request: HttpRequest, **kwargs: Any) -> HttpResponse | None:
        """Show what happened, what to do, and an example."""
        found = registry().get(kwargs["code"])
        if found is None:
            return None
        problem = explain(found)
        example = json.dumps(problem["sample"], indent=2, ensure_ascii=False)
        context = {"problem": problem, "example": example}
        return render(request, "api/problem.html", context)

    @operation("problems_retrieve", "Explain a problem", reply={200: ProblemTypeJson})
    def get(self, request: Request, code: str) -> HttpResponse:
        """Say what a code means, and what to do. Browsers are shown a page."""
        found = registry().get(code)
        if found is None:
            raise exceptions.NotFound
        return cacheable(request, explain(found))


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


class AsyncSchemaView(PageView):
    """The description of what comes without being asked for."""

    def page(self, request: HttpRequest, **_kwargs: Any) -> HttpResponse:
        """Show the channels, with an example of each message."""
        whole = asynchronous.description()
        context = {
            "summary": whole["info"]["description"],
            "channels": _channels_of(whole),
            "address": request.build_absolute_uri(),
        }
        return render(request, "api/asyncapi.html", context)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        """Return AsyncAPI 3.1 as JSON."""
        return cacheable(request, asynchronous.description())


@ensure_csrf_cookie
def docs(request: HttpRequest) -> HttpResponse:
    """Show Swagger UI, served by ourselves, to those whom ``API_DOCS`` names."""
    shown_to = settings.API_DOCS
    if shown_to == "staff" and not request.user.is_staff:
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(request.get_full_path())
    if shown_to == "off":
        raise Http404
    return render(request, "api/docs.html")


@cache
def description() -> dict[str, Any]:
    """Return the schema; it cannot change while the process runs."""
    # Whoever asks first must not choose the language of all.
    with translation.override("en"):
        generator = SchemaGenerator()  # type: ignore[no-untyped-call]
        schema: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return schema


def explain(kind: Kind) -> ProblemTypeJson:
    """Say of a kind of problem what happened and what to do, with an example."""
    title, address = title_of(kind.code), f"/api/problems/{kind.code}"
    example: ProblemJson = {
        "type": f"{settings.SHOP_BASE_URL}{address}",
        "title": title,
        "status": kind.status,
        "detail": words_of(kind.error) or f"{title}.",
        "instance": VALUES["instance"][0],
        "code": kind.code,
    }
    # Each kind has members of its own, which no type of ours names.
    numbers: Any = {name: VALUES.get(name, [1])[0] for name in extras_of(kind.error)}
    return {
        "type": example["type"],
        "code": kind.code,
        "status": kind.status,
        "title": title,
        "description": kind.meaning,
        "remedy": remedy_of(kind.code, kind.status),
        "sample": {**numbers, **example},
    }


def _channels_of(whole: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a page shows of the channels: what goes which way, with examples."""
    shown = []
    for name, channel in whole["channels"].items():
        told = [
            {"title": operation["title"], "messages": _messages_of(whole, operation)}
            for operation in whole["operations"].values()
            if operation["channel"]["$ref"].endswith(f"/{name}")
        ]
        text = channel["description"].replace("`", "")
        shown.append(channel | {"description": text, "told": told})
    return shown


def _messages_of(
    whole: dict[str, Any], operation: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for reference in operation["messages"]:
        message = whole["components"]["messages"][reference["$ref"].rpartition("/")[2]]
        payload = message["examples"][0]["payload"]
        example = json.dumps(payload, indent=2, ensure_ascii=False, default=str)
        yield message | {"example": example}
