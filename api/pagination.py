"""Lists in pages that begin where the last one ended, at any depth at the same cost."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import CursorInvalid
from api.fields import Input
from api.sparse import Names, total_of

Row = TypeVar("Row")
DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class PageQuery(Input):
    """Which part of a list."""

    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=DEFAULT_LIMIT
    )
    cursor = serializers.CharField(
        max_length=300, required=False, help_text="From ``next`` of the page before."
    )
    include = Names(("total",), help_text="Besides: how many there are in all.")


def encode_cursor(*position: Any) -> str:
    """Return the place after a row, as text that is safe in an address."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


def decode_cursor(cursor: str | None, *kinds: type) -> list[Any] | None:
    """Return the place, whose parts must be of ``kinds``; raise ``CursorInvalid``.

    A cursor is a position and no secret, so it is checked but not signed.
    """
    if not cursor:
        return None
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        position = orjson.loads(base64.b64decode(padded, b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        raise CursorInvalid from None
    if not isinstance(position, list) or [type(part) for part in position] != list(
        kinds
    ):
        raise CursorInvalid
    return position


def page(
    request: Request,
    rows: Sequence[Row],
    limit: int,
    *,
    cursor_of: Callable[[Row], str],
    render: Callable[[Row], Any],
    all_rows: QuerySet[Any] | None = None,
) -> dict[str, Any]:
    """Build a page of ``limit`` rows; one row more says that there is another page.

    ``all_rows`` are those of all pages, to be counted if the client wants to know.
    """
    shown = rows[:limit]
    is_last = len(rows) <= limit
    return {
        "items": [render(row) for row in shown],
        "next": None if is_last else _next(request, cursor_of(shown[-1])),
        "previous": None,
        **({} if all_rows is None else total_of(request, all_rows)),
    }


def newest_first(
    request: Request,
    found: QuerySet[Any],
    asked: Mapping[str, Any],
    *,
    render: Callable[[Any], Any],
) -> Response:
    """Answer with a page of rows, those of the highest ids first.

    ``asked`` is what a ``PageQuery`` made of the query string.
    """
    position = decode_cursor(asked.get("cursor"), int)
    rows = found.filter(pk__lt=position[0]) if position else found
    body = page(
        request,
        list(rows.order_by("-pk")[: asked["limit"] + 1]),
        asked["limit"],
        cursor_of=lambda row: encode_cursor(row.pk),
        render=render,
        all_rows=found,
    )
    return Response(body, headers=link_header(body))


def link_header(body: dict[str, Any]) -> dict[str, str]:
    """Return the ``Link`` header of a page, if there is a next one."""
    following = body["next"]
    return {"Link": f'<{following}>; rel="next"'} if following else {}


def _next(request: Request, cursor: str) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor
    return f"{request.path}?{query.urlencode()}"
