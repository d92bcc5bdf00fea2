"""What every request passes, whoever sent it."""

import logging
import re
from collections.abc import Callable
from contextvars import ContextVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connections
from django.http import HttpRequest, HttpResponse
from django.template import loader

from common.deadline import watchdog
from common.ids import uuid7

request_id: ContextVar[str] = ContextVar("request_id", default="-")
SAFE_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
GetResponse = Callable[[HttpRequest], HttpResponse]
logger = logging.getLogger(__name__)
# Seconds; what is away for longer sends the same answer again.
RETRY_AFTER = 5


class RequestIdMiddleware:
    """Give each request an id, believe a well-formed one, and send it back."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        current = given if SAFE_ID.fullmatch(given) else uuid7().hex
        token = request_id.set(current)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response["X-Request-Id"] = current
        return response


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
