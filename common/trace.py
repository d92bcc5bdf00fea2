"""What is being worked on: the request, the trace it is a part of, and the order.

Lines of the log and answers name them; tasks take them along to the worker.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

NONE = "-"
SAFE_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)
TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
TRACE_ID = re.compile(r"[0-9a-f]{32}")

request_id: ContextVar[str] = ContextVar("request_id", default=NONE)
trace_id: ContextVar[str] = ContextVar("trace_id", default=NONE)
order_id: ContextVar[str] = ContextVar("order_id", default=NONE)
task_name: ContextVar[str] = ContextVar("task_name", default=NONE)
# Django's request, so that what it brought can be kept out of the log.
current_request: ContextVar[Any] = ContextVar("current_request", default=None)

# The header of a message → what it carries to the worker.
CARRIED = {"shop_request": request_id, "shop_trace": trace_id, "shop_order": order_id}


def safe_id(given: str) -> str:
    """Return an id that somebody sent if it is well-formed, else nothing."""
    return given if SAFE_ID.fullmatch(given) else ""


def trace_of(traceparent: str, *, request: str) -> str:
    """Return the id of the trace of a W3C header; a request without begins its own."""
    found = TRACE_PARENT.fullmatch(traceparent)
    if found:
        return found[1]
    return request if TRACE_ID.fullmatch(request) else NONE


def carried() -> dict[str, str]:
    """Return what a message should tell of where it came from."""
    return {
        name: variable.get()
        for name, variable in CARRIED.items()
        if variable.get() != NONE
    }


@contextmanager
def continued(headers: Mapping[str, Any], *, task: str) -> Iterator[None]:
    """Work on behalf of the request that sent a message."""
    tokens = [
        (variable, variable.set(safe_id(str(headers.get(name) or NONE)) or NONE))
        for name, variable in CARRIED.items()
    ]
    tokens.append((task_name, task_name.set(task)))
    try:
        yield
    finally:
        for variable, token in reversed(tokens):
            variable.reset(token)
