"""What every request passes, whoever sent it."""

import logging
import re
from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connection,
    connections,
)
from django.http import HttpRequest, HttpResponse
from django.template import loader

from common import metrics, trace
from common.deadline import watchdog
from common.ids import uuid7
from common.trace import request_id as request_id

GetResponse = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger(__name__)
# One line per request; it has a name of its own so that it can be switched off.
lines = logging.getLogger("shop.requests")
# Seconds; what is away for longer sends the same answer again.
RETRY_AFTER = 5
# Asked for every few seconds by machines; nobody reads of it.
UNTOLD = {"livez", "healthz", "readyz", "metrics"}
UNKNOWN_ROUTE = "unknown"
ORDER_ADDRESS = re.compile(r"/orders/([\w-]{6,64})(?:/|$)", re.ASCII)
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


class Statements:
    """Notes how long each statement of a connection takes, in seconds."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, execute: Callable[..., Any], *given: Any) -> Any:
        started = perf_counter()
        try:
            return execute(*given)
        finally:
            self.seconds.append(perf_counter() - started)


class RequestIdMiddleware:
    """Give each request an id, believe a well-formed one, and send it back.

    The outermost of all, so it also times the request, counts it and writes its line.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        current = trace.safe_id(request.headers.get("X-Request-Id", "")) or uuid7().hex
        parent = request.headers.get("traceparent", "")
        tokens = (
            request_id.set(current),
            trace.trace_id.set(trace.trace_of(parent, request=current)),
            trace.order_id.set(_order_in(request.path_info)),
            trace.current_request.set(request),
        )
        started, statements = perf_counter(), Statements()
        try:
            with connection.execute_wrapper(statements):
                response = self.get_response(request)
            seconds = perf_counter() - started
            _account_for(request, response, seconds, statements.seconds)
        finally:
            for token in reversed(tokens):
                token.var.reset(token)
        response["X-Request-Id"] = current
        return response


def _order_in(address: str) -> str:
    """Return the order that an address speaks of."""
    found = ORDER_ADDRESS.search(address) if "/orders/" in address else None
    return found[1] if found else trace.NONE


def _account_for(
    request: HttpRequest, response: HttpResponse, seconds: float, spent: list[float]
) -> None:
    match = request.resolver_match
    route = match.route if match else UNKNOWN_ROUTE
    if route in UNTOLD:
        return
    method = request.method if request.method in METHODS else "OTHER"
    status = response.status_code
    metrics.child(metrics.REQUESTS, route, method, str(status)).observe(seconds)
    metrics.child(metrics.STATEMENTS, DEFAULT_DB_ALIAS).observe_all(spent)
    if not lines.isEnabledFor(logging.INFO):
        return
    # Whoever places an order is told where it is.
    placed = response.headers.get("Location") if method == "POST" else None
    if placed and trace.order_id.get() == trace.NONE:
        trace.order_id.set(_order_in(placed))
    fields = {
        "route": route,
        "method": method,
        "status": status,
        "ms": round(seconds * 1000, 1),
        "statements": len(spent),
        "statements_ms": round(sum(spent) * 1000, 1),
    }
    # Not ``lines.info``: looking for the caller costs more than the line.
    record = lines.makeRecord(
        lines.name,
        logging.INFO,
        __file__,
        0,
        "%s %s %s",
        (method, route, status),
        None,
        extra={"fields": fields},
    )
    lines.handle(record)


class RequestIdFilter(logging.Filter):
    """Puts the id of the request into each line of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class DatabaseAwayMiddleware:
    """Answer 503 with Retry-After, not 500, while PostgreSQL is away or overloaded.

    What fails outside of views gets the same answer from the view for errors 500. A
    request that waits too long for a silent PostgreSQL fails, too.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        mine = connections[DEFAULT_DB_ALIAS]
        with watchdog.watch(mine, seconds=settings.REQUEST_DEADLINE):
            return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        return unavailable(request, exception) if is_database_away(exception) else None


class PersonalAnswersMiddleware:
    """Keep answers that depend on a cookie out of every cache on their way.

    Whoever read the session or a cookie has said so in ``Vary``. With a session the
    browser must not keep them either: the next person at it may press "back".
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "cookie" in response.get("Vary", "").lower() or response.cookies:
            has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
            kept = "no-store" if has_session else "no-cache"
            response.setdefault("Cache-Control", f"private, {kept}")
        return response


def is_database_away(exception: BaseException | None) -> bool:
    """Tell whether an error speaks of PostgreSQL's state and not of our mistake."""
    return isinstance(exception, OperationalError | InterfaceError)


def unavailable(request: HttpRequest, exception: BaseException | None) -> HttpResponse:
    """Return the page that asks for a moment of patience, and says how long."""
    logger.error("database is away: %s", exception)
    context = {
        "request_id": request_id.get(),
        "retry_after": RETRY_AFTER,
        "theme": request.COOKIES.get("theme", ""),
        # What was sent would be sent once more without being asked for.
        "again_url": request.get_full_path() if request.method == "GET" else "/",
    }
    page = loader.get_template("503.html").render(context)
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER)})
