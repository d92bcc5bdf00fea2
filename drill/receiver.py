"""A data platform that fails as often as it is told to."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from zlib import crc32

LATENCY = 0.01  # seconds


class Receiver:
    """Remembers, in the order of arrival, every event it has accepted."""

    def __init__(self) -> None:
        self.accepted: list[dict[str, Any]] = []
        # By id, when it first was; as ``time.monotonic`` has it.
        self.first_at: dict[str, float] = {}
        self._tries: Counter[str] = Counter()
        self._lock = Lock()

    def judge(self, event: dict[str, Any]) -> int:
        """Return the HTTP status of a try, 0 for "accept it and hang up"."""
        name = f"{event['subject']} {event['data']['step']}"
        with self._lock:
            self._tries[name] += 1
            # Chance, but the same in every run.
            luck = crc32(f"{name} {self._tries[name]}".encode()) % 100
            if luck < 30:
                return 500
            self.accepted.append(event)
            self.first_at.setdefault(event["id"], time.monotonic())
        return 0 if luck < 40 else 200

    def deliveries(self) -> list[int]:
        """Return how often each event was accepted, in ascending order."""
        return sorted(Counter(event["id"] for event in self.accepted).values())

    def first_steps(self) -> dict[str, list[int]]:
        """Return the steps of each aggregate in the order they were first seen."""
        steps: dict[str, list[int]] = {}
        for event in self.accepted:
            seen = steps.setdefault(event["subject"], [])
            if event["data"]["step"] not in seen:
                seen.append(event["data"]["step"])
        return steps


@contextmanager
def receiving(receiver: Receiver) -> Iterator[str]:
    """Serve ``receiver`` on a port of its own; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = receiver.judge(json.loads(body))
            time.sleep(LATENCY)
            if not status:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """Say nothing: connections of killed relays break."""

    server = Server(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
