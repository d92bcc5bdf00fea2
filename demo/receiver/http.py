"""As much HTTP/1.1 as the platform needs, and fast."""

import json
import socket
import socketserver
import struct
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedIOBase
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from demo.receiver.messages import Refused

HOST = "127.0.0.1"
JSON = "application/json"
MAX_BODY = 4 * 1024 * 1024
MAX_HEADERS = 100
MAX_LINE = 8192
IDLE_SECONDS = 60
PHRASES = {
    200: "OK",
    301: "Moved Permanently",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Content Too Large",
    415: "Unsupported Media Type",
}


class HangUp(Exception):
    """Closes the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    keeps_alive: bool

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def number(self, name: str, default: int) -> int:
        """Return a number of the query string, or the default if it is none."""
        given = parse_qs(urlsplit(self.target).query).get(name, [""])[0]
        return int(given) if given.isascii() and given.isdigit() else default


def read_request(stream: BufferedIOBase) -> Request | None:
    """Read the next request of a connection; ``None`` once the client has gone.

    Written by hand, because the standard library's parser (it is the one for mails)
    would be most of what an event costs.
    """
    first = stream.readline(MAX_LINE)
    if not first:
        return None
    try:
        method, target, version = first.decode("ascii").split()
    except ValueError:
        raise Refused(400, "not HTTP") from None
    headers = _read_headers(stream)
    keeps_alive = headers.get("connection", "").lower() != "close"
    if "transfer-encoding" in headers:
        raise Refused(411, "send a content-length")
    size = headers.get("content-length", "0")
    if not (size.isascii() and size.isdigit()):
        raise Refused(400, "the content-length is no number")
    if int(size) > MAX_BODY:
        raise Refused(413, f"at most {MAX_BODY} bytes")
    body = stream.read(int(size))
    if len(body) < int(size):
        return None
    return Request(method, target, headers, body, keeps_alive and version != "HTTP/1.0")


def _read_headers(stream: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = stream.readline(MAX_LINE)
        if line in {b"\r\n", b"\n", b""}:
            return headers
        name, _colon, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise Refused(400, "too many headers")


class Platform(Protocol):
    """Whoever answers the requests."""

    def respond(self, request: Request, reset: Callable[[], None]) -> Any:
        """Return the content of the answer, text for a page; raise ``Refused``."""

    def refuse(self) -> None:
        """Count a request that was not even one."""


class Handler(socketserver.StreamRequestHandler):
    """Serves one connection, request after request."""

    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: "Server"

    def handle(self) -> None:
        try:
            while self._serve_one():
                pass
        except (ConnectionError, TimeoutError, HangUp):
            return

    def _serve_one(self) -> bool:
        platform = self.server.platform
        try:
            request = read_request(self.rfile)
        except Refused as refusal:
            # What follows on this connection cannot be told apart any more.
            platform.refuse()
            self._answer(refusal.status, {"error": refusal.detail}, "close")
            return False
        if request is None:
            return False
        connection = "keep-alive" if request.keeps_alive else "close"
        try:
            content = platform.respond(request, self.reset)
        except Refused as refusal:
            self._answer(refusal.status, {"error": refusal.detail}, connection)
        else:
            self._answer(200, content, connection)
        return request.keeps_alive

    def reset(self) -> None:
        """Close with a reset instead of a farewell."""
        linger = struct.pack("ii", 1, 0)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.request.close()
        raise HangUp

    def _answer(self, status: int, content: Any, connection: str) -> None:
        is_page = isinstance(content, str)
        body = (content if is_page else json.dumps(content)).encode()
        media_type = "text/html; charset=utf-8" if is_page else JSON
        location = "location: /\r\n" if status // 100 == 3 else ""  # noqa: PLR2004
        head = (
            f"HTTP/1.1 {status} {PHRASES.get(status, 'Status')}\r\n"
            f"content-type: {media_type}\r\n{location}"
            f"content-length: {len(body)}\r\nconnection: {connection}\r\n\r\n"
        )
        self.wfile.write(head.encode() + body)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, port: int, platform: Platform) -> None:
        super().__init__((HOST, port), Handler)
        self.platform = platform

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Count it; one broken connection is no reason for a traceback."""
        self.platform.refuse()
