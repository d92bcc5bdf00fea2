"""A mail server that takes every letter and keeps none: signing up sends one."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer


class _Postman(StreamRequestHandler):
    """Speaks as much SMTP as Django's backend does."""

    def handle(self) -> None:
        self._answer(220, "rehearsal")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                self._answer(354, "go on")
                while self.rfile.readline() not in {b".\r\n", b""}:
                    pass
            self._answer(221 if word == b"QUIT" else 250, "ok")
            if word == b"QUIT":
                return

    def _answer(self, code: int, text: str) -> None:
        self.wfile.write(f"{code} {text}\r\n".encode())


class _Office(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def post_office() -> Iterator[int]:
    """Take letters meanwhile; the port is given."""
    with _Office(("127.0.0.1", 0), _Postman) as office:
        threading.Thread(target=office.serve_forever, daemon=True).start()
        try:
            yield int(office.server_address[1])
        finally:
            office.shutdown()
