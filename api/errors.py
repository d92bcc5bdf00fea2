"""Every error as a problem document (RFC 9457), whoever raised it."""

import logging
import math
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.errors import SecondStepRequired
from api.conditions import PreconditionFailed, PreconditionRequired
from api.problems import title_of
from common.errors import (
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    Mismatch,
    NotFound,
    Unavailable,
)
from common.idempotency import InFlight
from common.middleware import request_id

CONTENT_TYPE = "application/problem+json"
# Seconds after which a request that met a busy shop may be repeated.
RETRY_SOON = 1

HTTP_STATUS: dict[type[DomainError], int] = {
    PreconditionFailed: status.HTTP_412_PRECONDITION_FAILED,
    PreconditionRequired: status.HTTP_428_PRECONDITION_REQUIRED,
    Invalid: status.HTTP_400_BAD_REQUEST,
    Forbidden: status.HTTP_403_FORBIDDEN,
    NotFound: status.HTTP_404_NOT_FOUND,
    Conflict: status.HTTP_409_CONFLICT,
    Gone: status.HTTP_410_GONE,
    Mismatch: status.HTTP_422_UNPROCESSABLE_ENTITY,
    Unavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
    DomainError: status.HTTP_400_BAD_REQUEST,
}
logger = logging.getLogger(__name__)


class BodyTooLarge(exceptions.APIException):
    """The body is larger than any request of this shop needs to be."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "body_too_large"
    default_detail = _("The body is too large.")


class RateLimited(exceptions.Throttled):
    """More requests than this client may send; ``Retry-After`` says when to go on."""

    default_code = "rate_limited"
    default_detail = _("Too many requests. Please wait a moment.")

    def __init__(
        self, wait: float | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail=str(self.default_detail))
        self.retry_after = max(RETRY_SOON, math.ceil(wait or 0))
        self.headers = dict(headers or {})


class Busy(exceptions.APIException):
    """The database is away, or others hold what the request needs. Repeat it."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = _("The shop is busy. Please try again in a moment.")


class UnexpectedError(exceptions.APIException):
    """A mistake of ours. It is in the log under the ``instance`` of the problem."""

    status_code = status.HTTP_500_INTERNAL_SERVER_ERROR
    default_code = "internal_error"
    default_detail = _("Something went wrong on our side.")


class QueryInvalid(exceptions.ValidationError):
    """A parameter of the query string makes no sense."""


class UserIdForbidden(Forbidden):
    """The user id is another person's. Decided before anything is looked up."""

    code = "user_id_forbidden"

    def __init__(self) -> None:
        super().__init__(_("You can only do this for yourself."))


class UserNotFound(NotFound):
    """There is no user of this id; only staff who may act for any are told."""

    code = "user_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such user."))


class CursorInvalid(Invalid):
    """The cursor is not one that this list gave out."""

    code = "cursor_invalid"

    def __init__(self) -> None:
        super().__init__(_("This cursor does not belong to this list."))


class CursorExpired(Gone):
    """What the cursor goes on from is not known any more: read all, without one."""

    code = "cursor_expired"

    def __init__(self) -> None:
        super().__init__(_("This cursor is too old. Start anew without one."))


class IdempotencyKeyInvalid(Invalid):
    """The Idempotency-Key is empty, too long or not printable ASCII."""

    code = "idempotency_key_invalid"

    def __init__(self) -> None:
        super().__init__(_("The Idempotency-Key needs 1 to 128 printable characters."))


class ReturnUrlForbidden(Invalid):
    """The payer may not be sent to this address after paying."""

    code = "return_url_forbidden"

    def __init__(self) -> None:
        super().__init__(_("The return_url is not at an address that is allowed."))


class CartTokenInvalid(Invalid):
    """The X-Cart-Token is not one that this shop gave out, or too old."""

    code = "cart_token_invalid"

    def __init__(self) -> None:
        super().__init__(_("This cart token is not valid any more."))


def exception_handler(exc: Exception, _context: dict[str, Any]) -> Response:
    """Answer any exception of a view with a problem document."""
    set_rollback()
    exc = _clearer(exc, _context.get("request"))
    if isinstance(exc, DomainError):
        response = _domain_problem(exc)
    else:
        response = _http_problem(_translated(exc, _context.get("request")))
    response["Cache-Control"] = "no-store"
    return response


def _clearer(exc: Exception, request: Any) -> Exception:
    """Tell staff who may do nothing as such yet what they have to do first."""
    if not isinstance(exc, REFUSALS):
        return exc
    is_early = getattr(getattr(request, "user", None), "lacks_second_step", False)
    return SecondStepRequired() if is_early else exc


def problem(
    http_status: int, code: str, detail: object, **members: Any
) -> dict[str, Any]:
    """Build the document; ``members`` are the numbers a client needs to react."""
    return members | {
        "type": f"{settings.SHOP_BASE_URL}/api/problems/{code}",
        "title": title_of(code),
        "status": http_status,
        "detail": str(detail),
        "instance": request_id.get(),
        "code": code,
    }


def status_of(kind: type[Exception]) -> int:
    """Return the HTTP status of a kind of error."""
    error = _told_as(kind)
    if issubclass(error, exceptions.APIException):
        return int(error.status_code)
    return next(code for base, code in HTTP_STATUS.items() if issubclass(error, base))


def code_of(kind: type[Exception]) -> str:
    """Return the code of the problem that a kind of error becomes."""
    error = _told_as(kind)
    if issubclass(error, exceptions.ValidationError):
        return Invalid.code
    if issubclass(error, exceptions.APIException):
        return str(RENAMED.get(error.default_code, error.default_code))
    return str(error.code)


def _told_as(kind: type[Exception]) -> Any:
    for kinds, error in FOREIGN.items():
        if issubclass(kind, kinds):
            return error
    return kind


def _domain_problem(error: DomainError) -> Response:
    http_status = status_of(type(error))
    is_passing = isinstance(error, InFlight | Unavailable)
    return Response(
        problem(http_status, error.code, error.detail, **error.extra),
        status=http_status,
        headers={"Retry-After": str(RETRY_SOON)} if is_passing else None,
        content_type=CONTENT_TYPE,
    )


def _http_problem(error: exceptions.APIException) -> Response:
    headers: dict[str, str] = dict(getattr(error, "headers", ()))
    if auth_header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = auth_header
    if isinstance(error, exceptions.Throttled):
        headers["Retry-After"] = str(getattr(error, "retry_after", RETRY_SOON))
    if isinstance(error, Busy):
        headers["Retry-After"] = str(RETRY_SOON)
    return Response(
        _body_of(error),
        status=error.status_code,
        headers=headers,
        content_type=CONTENT_TYPE,
    )


def _body_of(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        where = "parameter" if isinstance(error, QueryInvalid) else "pointer"
        root = "" if isinstance(error, QueryInvalid) else "#"
        return problem(
            error.status_code,
            Invalid.code,
            _("Some values are not valid."),
            errors=[
                {where: place, "code": leaf.code, "detail": str(leaf)}
                for place, leaf in _leaves(error.detail, root)
            ],
        )
    code = getattr(error.detail, "code", error.default_code)
    if isinstance(error, RateLimited):
        numbers = {"retry_after": error.retry_after}
        return problem(error.status_code, error.default_code, error.detail, **numbers)
    return problem(error.status_code, RENAMED.get(code, code), error.detail)


REFUSALS = (PermissionDenied, exceptions.PermissionDenied, UserIdForbidden)
FOREIGN: dict[tuple[type[Exception], ...], type[exceptions.APIException]] = {
    (Http404,): exceptions.NotFound,
    (PermissionDenied,): exceptions.PermissionDenied,
    (RequestDataTooBig,): BodyTooLarge,
    (SuspiciousOperation, UnreadablePostError): exceptions.ParseError,
    (OperationalError, InterfaceError): Busy,
}
# Django REST framework's names for what this API calls otherwise.
RENAMED = {"error": "internal_error", "throttled": "rate_limited"}


def _translated(exc: Exception, request: Any) -> exceptions.APIException:
    """Find the HTTP error that an exception of Django or of the driver stands for."""
    if isinstance(exc, exceptions.APIException):
        return exc
    for kinds, error in FOREIGN.items():
        if isinstance(exc, kinds):
            # Lock and statement time-outs, deadlocks, a server that restarts: all pass.
            if error is Busy:
                logger.warning("busy: %s", exc)
            return error()
    logger.error("unexpected error", exc_info=exc)
    got_request_exception.send(sender=exception_handler, request=request)
    return UnexpectedError()


def _leaves(detail: Any, place: str) -> Iterator[tuple[str, exceptions.ErrorDetail]]:
    """Walk what serializers report: lists and dicts, nested either way."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            here = place if key == "non_field_errors" else f"{place}/{key}".lstrip("/")
            yield from _leaves(value, here)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            is_leaf = isinstance(value, exceptions.ErrorDetail)
            yield from _leaves(value, place if is_leaf else f"{place}/{index}")
    else:
        yield place, detail
