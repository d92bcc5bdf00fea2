"""A mail server that does as it is told, over real SMTP."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any


@dataclass
class MailServer:
    """What arrived, and how the server behaves from now on."""

    port: int = 0
    letters: list[Message] = field(default_factory=list)
    # What is answered at a step ("RCPT", "DATA" or "."), by recipient or for all: "".
    refusals: dict[tuple[str, str], str] = field(default_factory=dict)
    hangs: bool = False
    drips: bool = False
    drops_after_data: bool = False
    connections: int = 0
    # Slow, so that several senders meet.
    pause: float = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refusal(self, step: str, recipient: str) -> str:
        return self.refusals.get((step, recipient)) or self.refusals.get((step, ""), "")

    def recipients(self) -> list[str]:
        return sorted(str(letter["X-Rcpt"]) for letter in self.letters)


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        state: MailServer = self.server.state  # type: ignore[attr-defined]
        state.connections += 1
        if state.hangs:
            time.sleep(30)
            return
        self._say("220 mail.example ESMTP")
        recipient = ""
        for raw in self.rfile:
            line = raw.decode().strip()
            verb = line.partition(" ")[0].upper()
            if state.drips:
                self._drip(state)
                return
            if verb == "RCPT":
                recipient = line.partition("<")[2].partition(">")[0]
            if verb == "QUIT":
                self._say("221 bye")
                return
            if verb == "DATA":
                if not self._take(state, recipient):
                    return
                continue
            self._say(state.refusal(verb, recipient) or "250 ok")

    def _take(self, state: MailServer, recipient: str) -> bool:
        self._say("354 go on")
        body = bytearray()
        for raw in self.rfile:
            if raw == b".\r\n":
                break
            body += raw
        time.sleep(state.pause)
        if refusal := state.refusal(".", recipient):
            self._say(refusal)
            return True
        letter: Any = message_from_bytes(bytes(body), policy=default)
        letter["X-Rcpt"] = recipient
        with state.lock:
            state.letters.append(letter)
        if state.drops_after_data:
            return False
        self._say("250 taken")
        return True

    def _drip(self, state: MailServer) -> None:
        while state.drips:
            self.wfile.write(b"2")
            time.sleep(0.05)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave are what the tests are about."""


@contextmanager
def mail_server(state: MailServer | None = None, port: int = 0) -> Iterator[MailServer]:
    """Run a mail server; one that was stopped can be started on its port again."""
    state = state or MailServer()
    with _Server(("127.0.0.1", port), _Conversation) as server:
        server.state = state  # type: ignore[attr-defined]
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
