"""A wire between two programs that is cut at the worst moment."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

CHUNK = 65536


class Proxy:
    """Passes bytes on, until a client has sent what it was told to wait for.

    Then the server gets those bytes and does its work, but its answer is not passed on:
    both connections end, and ``cuts`` counts one more.
    """

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        """Listen at ``port``; ``connect`` opens a connection to the server."""
        self._connect = connect
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._marker: bytes | None = None
        self._on_cut: Callable[[], object] = lambda: None
        self._arming = threading.Lock()
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0

    def cut_after(
        self, marker: bytes, on_cut: Callable[[], object] = lambda: None
    ) -> None:
        """Cut once, when the server answers to the next bytes with ``marker``."""
        self._on_cut = on_cut
        self._marker = marker

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                threading.Thread(
                    target=self._serve, args=(client,), daemon=True
                ).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = self._connect()
        except OSError:
            client.close()
            return
        is_doomed = threading.Event()
        back = threading.Thread(
            target=self._answers, args=(server, client, is_doomed), daemon=True
        )
        back.start()
        with suppress(OSError):
            while data := client.recv(CHUNK):
                if self._takes(data):
                    is_doomed.set()
                server.sendall(data)
        _close(server)

    def _takes(self, data: bytes) -> bool:
        """Say whether these are the bytes to cut after; only one connection's are."""
        with self._arming:
            if self._marker is None or self._marker not in data:
                return False
            self._marker = None
            return True

    def _answers(
        self, server: socket.socket, client: socket.socket, is_doomed: threading.Event
    ) -> None:
        with suppress(OSError):
            while data := server.recv(CHUNK):
                if is_doomed.is_set():
                    self.cuts += 1
                    self._on_cut()
                    _close(server)
                    break
                client.sendall(data)
        _close(client)


def to_address(port: int) -> Callable[[], socket.socket]:
    """Return what connects to a port of this machine."""
    return lambda: socket.create_connection(("127.0.0.1", port))


def to_socket(path: str) -> Callable[[], socket.socket]:
    """Return what connects to a Unix socket."""

    def connect() -> socket.socket:
        wire = socket.socket(socket.AF_UNIX)
        wire.connect(path)
        return wire

    return connect


def _close(wire: socket.socket) -> None:
    with suppress(OSError):
        wire.shutdown(socket.SHUT_RDWR)
    wire.close()
