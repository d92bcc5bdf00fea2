"""A local HTTP server that plays another company's, and misbehaves when told to.

A player subclasses ``LocalServer`` and writes ``answer``. Tests script faults:

    server.fail_next(status=503)                    # says 503, does nothing
    server.hang_next(path="/capture", is_done=True)  # does it, then says nothing
"""

import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlsplit

HANG_SECONDS = 30  # at most; stopping the server ends it sooner
DRIP_SECONDS = 0.05  # between two bytes
JSON = "application/json"
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived. ``headers`` have lower-case names."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: bytes as they are, anything else as JSON."""

    status: int = 200
    body: Any = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()


def dispatch(
    call: Call, routes: Mapping[str, Callable[..., R]], *, under: str = "/"
) -> R | None:
    """Take the first route whose pattern is the call's "METHOD path", below ``under``.

    The pattern's groups are the handler's arguments. ``None`` if there is no such way.
    """
    asked = f"{call.method} {call.path.removeprefix(under)}"
    for pattern, handler in routes.items():
        if found := re.fullmatch(pattern, asked):
            return handler(*found.groups())
    return None


class How(Enum):
    """In which way a call goes wrong."""

    ANSWER = "another answer"
    HANG = "no answer, the connection stays open"
    DROP = "no answer, the connection is closed"
    DRIP = "one byte at a time"
    DRIP_BODY = "the body one byte at a time, as long as the connection lasts"


@dataclass(frozen=True, slots=True)
class Fault:
    how: How
    # Part of the path of the calls it waits for.
    path: str
    # Their method; any if empty.
    method: str
    # Whether the work is done first, as when only the answer is lost.
    is_done: bool = False
    answer: Answer = field(default_factory=Answer)

    def awaits(self, call: Call) -> bool:
        return self.path in call.path and self.method in {"", call.method}


class LocalServer:
    """Serves on a port of its own between ``start`` and ``stop``, or in ``with``."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._faults: list[Fault] = []
        # Calls are worked off one by one, as a database over there would see to.
        self._lock = threading.RLock()
        self._stopped = threading.Event()
        self._httpd: _Httpd | None = None
        self._port = 0

    # --- For players

    def answer(self, call: Call) -> Answer:
        """Do what the call asks for."""
        raise NotImplementedError

    # --- For tests

    @property
    def url(self) -> str:
        assert self._httpd is not None, "the server is not started"
        return f"http://127.0.0.1:{self._httpd.server_port}"

    def start(self) -> Self:
        """Serve; one that was stopped comes back at its address."""
        self._stopped.clear()
        self._httpd = _Httpd(self, self._port)
        self._port = self._httpd.server_port
        # Stopping waits for the end of a poll.
        serve = partial(self._httpd.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()
        return self

    def stop(self) -> None:
        """Serve no more; who was being served is cut off."""
        self._stopped.set()
        if self._httpd is not None:
            self._httpd.shutdown()
            self._httpd.server_close()
            self._httpd.cut_off()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def fail_next(
        self,
        *,
        status: int = 500,
        body: Any = b"",
        headers: Mapping[str, str] | None = None,
        path: str = "",
        method: str = "",
        is_done: bool = False,
        times: int = 1,
    ) -> None:
        """Answer the next calls of ``path`` with this instead."""
        answer = Answer(status, body, headers or {})
        self._plan(Fault(How.ANSWER, path, method, is_done, answer), times=times)

    def hang_next(
        self, *, path: str = "", method: str = "", is_done: bool = False, times: int = 1
    ) -> None:
        """Take the next calls and stay silent, with the connection open."""
        self._plan(Fault(How.HANG, path, method, is_done), times=times)

    def drop_next(
        self, *, path: str = "", method: str = "", is_done: bool = False, times: int = 1
    ) -> None:
        """Take the next calls and close their connections."""
        self._plan(Fault(How.DROP, path, method, is_done), times=times)

    def behave(self) -> None:
        """Forget what was planned."""
        with self._lock:
            self._faults.clear()

    def drip_next(
        self, *, path: str = "", times: int = 1, only_body: bool = False
    ) -> None:
        """Do the work, and answer so slowly that each byte renews a time-out."""
        how = How.DRIP_BODY if only_body else How.DRIP
        self._plan(Fault(how, path, method="", is_done=True), times=times)

    def calls_to(self, path: str, *, method: str = "") -> list[Call]:
        """Return the calls whose path has this part, in the order of arrival."""
        return [
            call
            for call in list(self.calls)
            if path in call.path and method in {"", call.method}
        ]

    # --- Inside

    def _plan(self, fault: Fault, *, times: int) -> None:
        with self._lock:
            self._faults += [fault] * times

    def _take(self, call: Call) -> tuple[Fault | None, Answer]:
        with self._lock:
            self.calls.append(call)
            fault = next((f for f in self._faults if f.awaits(call)), None)
            if fault is not None:
                self._faults.remove(fault)
            if fault is None or fault.is_done:
                answer = self.answer(call)
            else:
                answer = fault.answer
        if fault is not None and fault.how is How.ANSWER:
            return None, fault.answer
        return fault, answer

    def _wait(self, seconds: float) -> None:
        self._stopped.wait(seconds)


class _Httpd(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, player: LocalServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.player = player
        self._open: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_off(self) -> None:
        """End the connections that clients keep open."""
        for request in list(self._open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_: Any) -> None:
        """Say nothing: callers that hang up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Httpd

    def _handle(self) -> None:
        fault, answer = self.server.player._take(self._call())
        if fault is None:
            self._send(answer)
            return
        self.close_connection = True
        if fault.how is How.HANG:
            self.server.player._wait(HANG_SECONDS)
        elif fault.how in {How.DRIP, How.DRIP_BODY}:
            self._drip(answer, fault.how)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815

    def _call(self) -> Call:
        parts = urlsplit(self.path)
        return Call(
            method=self.command,
            path=parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("content-length") or 0)),
        )

    def _send(self, answer: Answer) -> None:
        content = b"" if answer.status == 204 else answer.content()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in ({"Content-Type": JSON} | dict(answer.headers)).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _drip(self, answer: Answer, how: How) -> None:
        head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {JSON}\r\n\r\n".encode()
        dripping = answer.content() + b" " * 1000
        if how is How.DRIP:
            head, dripping = b"", head + dripping
        with suppress(OSError):
            self.wfile.write(head)
            for byte in dripping:
                self.wfile.write(bytes([byte]))
                self.server.player._wait(DRIP_SECONDS)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
