"""What the server of WebSockets runs; pages and API are ``config.wsgi``'s."""

import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import parse_qs

import django

from config import checks, embedded, server_checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SHOP_PROCESS", "live")
checks.refuse_unsafe()
embedded.ensure()
django.setup()
server_checks.refuse_unsafe()

from channels.security.websocket import (  # noqa: E402 — it imports models
    AllowedHostsOriginValidator,
    WebsocketDenier,
)

from shop.live import LiveConsumer  # noqa: E402

PATH = "/ws/"
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Door = Callable[[Scope, Receive, Send], Awaitable[None]]


def _in_a_line(record: logging.LogRecord) -> bool:
    # It comes once a second as long as Redis is away.
    if record.exc_info:
        record.msg, record.exc_info = f"no hints: {record.exc_info[1]}", None
    return True


logging.getLogger("channels_redis.pubsub").addFilter(_in_a_line)
# A browser says which page opened the socket; one of another site is turned away.
_app = LiveConsumer.as_asgi()
_live = AllowedHostsOriginValidator(_app)
_nobody = WebsocketDenier.as_asgi()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Take WebSockets at one path; tell everybody else what this port is for."""
    if scope["type"] == "websocket":
        await _door(scope)(scope, receive, send)
    elif scope["type"] == "http":
        headers = [(b"upgrade", b"websocket"), (b"connection", b"upgrade")]
        start = {"type": "http.response.start", "status": 426, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": b"WebSocket only\n"})


def _door(scope: Scope) -> Door:
    if scope["path"] != PATH:
        return cast("Door", _nobody)
    # No browser leaves the origin out, so there is no page that somebody else wrote;
    # and no cookie is looked at.
    names = {name for name, _value in scope["headers"]}
    has_ticket = "ticket" in parse_qs(scope["query_string"].decode("latin-1"))
    return cast("Door", _app if has_ticket and b"origin" not in names else _live)
