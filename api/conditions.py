"""Conditional requests (RFC 9110): what a copy is worth, and changes that meet it.

An ETag is made of everything that a resource shows, whatever ``fields`` leaves out.
"""

from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from api.renderers import dump
from common.db import use_case
from common.errors import DomainError

R = TypeVar("R")

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the copy that the client has: 304 if it is still right.",
)
IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description=(
        "The ETag that was seen: if it has changed since, nothing is done and the "
        "answer is 412 `precondition_failed`."
    ),
)
NEEDED_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description=(
        "The ETag that was seen, or `*`. Without it the answer is 428 "
        "`precondition_required`; with an older one 412 `precondition_failed`."
    ),
)


class PreconditionFailed(DomainError):
    """It has changed since it was read. Read it again, then decide."""

    code = "precondition_failed"

    def __init__(self, *, etag: str) -> None:
        super().__init__(_("It has changed since you read it."), etag=etag)


class PreconditionRequired(DomainError):
    """The change has to say in ``If-Match`` what it is based on."""

    code = "precondition_required"

    def __init__(self) -> None:
        super().__init__(_("Send the ETag that you saw as If-Match."))


def etag_of(data: Any) -> str:
    """Return the ETag of what a resource shows, in quotes: any JSON, or its bytes."""
    body = data if isinstance(data, bytes) else dump(data)
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def is_known(request: Request, etag: str) -> bool:
    """Tell whether ``If-None-Match`` says that the client has this very copy."""
    sent = request.META.get("HTTP_IF_NONE_MATCH", "")
    return etag in _tags(sent)


def check_match(request: Request, etag: str, *, required: bool = False) -> None:
    """Refuse a change of something that is not as the client saw it any more.

    To be called inside the transaction that has locked the row and read ``etag``.
    Raises ``PreconditionFailed``, or ``PreconditionRequired`` if the client sent no
    ``If-Match`` and has to.
    """
    sent = request.META.get("HTTP_IF_MATCH", "").strip()
    if not sent:
        if required:
            raise PreconditionRequired
        return
    if sent != "*" and etag not in _tags(sent):
        raise PreconditionFailed(etag=etag)


def change_if_match(
    request: Request,
    effect: Callable[[], R],
    *,
    lock: QuerySet[Any],
    read: Callable[[], Any],
    required: bool = False,
) -> R:
    """Run ``effect`` if the resource is still what the client saw; no update is lost.

    ``lock`` selects the one row that every writer of the resource locks first, and
    ``read`` returns what GET shows (or raises that there is nothing). Without an
    ``If-Match`` neither is touched.
    """
    if "HTTP_IF_MATCH" not in request.META:
        check_match(request, "", required=required)
        return effect()

    @use_case
    def change() -> R:
        lock.select_for_update(no_key=True).first()
        check_match(request, etag_of(read()), required=required)
        return effect()

    return change()


def tagged(response: HttpResponse) -> HttpResponse:
    """Add the ETag to a reply whose body is what GET shows from now on."""
    response["ETag"] = etag_of(response.content)
    return response


def _tags(header: str) -> Iterator[str]:
    # A proxy that compresses makes our tags weak; they still name what we sent.
    return (tag.strip().removeprefix("W/") for tag in header.split(","))
