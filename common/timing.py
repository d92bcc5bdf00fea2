"""Where the time of a request went, told to the browser of a developer."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import connection
from django.http import HttpRequest, HttpResponse


class ServerTimingMiddleware:
    """Send ``Server-Timing``: the whole request, and its statements; only in DEBUG."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.DEBUG:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started, statements = perf_counter(), Statements()
        with connection.execute_wrapper(statements):
            response = self.get_response(request)
        response["Server-Timing"] = header(perf_counter() - started, statements)
        return response


class Statements:
    """Counts what a connection executes, and how long that takes."""

    def __init__(self) -> None:
        self.count = 0
        self.milliseconds = 0.0

    def __call__(self, execute: Callable[..., Any], *given: Any) -> Any:
        started = perf_counter()
        try:
            return execute(*given)
        finally:
            self.count += 1
            self.milliseconds += (perf_counter() - started) * 1000


class Timing:
    """Watches the database from now on, for one answer's ``Server-Timing``."""

    def __init__(self) -> None:
        self._started, self._statements = perf_counter(), Statements()
        self._watch = connection.execute_wrapper(self._statements)
        self._watch.__enter__()

    def end(self) -> str:
        """Stop watching and return the header."""
        self._watch.__exit__(None, None, None)
        return header(perf_counter() - self._started, self._statements)


def header(seconds: float, statements: Statements) -> str:
    """Return what took how long, in milliseconds."""
    count = f'desc="{statements.count} statements"'
    sql = f"dur={statements.milliseconds:.1f};{count}"
    return f"total;dur={seconds * 1000:.1f}, sql;{sql}"
