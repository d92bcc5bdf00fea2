"""A page's end of the WebSocket, without the page."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as open_socket

from accounts.models import User

ORIGIN = "http://127.0.0.1:8000"
Frame = dict[str, Any]


@dataclass(frozen=True)
class OpenPage:
    """An open socket."""

    socket: ClientConnection

    def next(self, seconds: float = 60) -> Frame:
        """Return the next frame; raise ``TimeoutError`` if none comes."""
        frame: Frame = json.loads(self.socket.recv(timeout=seconds))
        assert set(frame) == {"id", "type", "at", "data"}
        return frame

    def next_of(self, kind: str, seconds: float = 60) -> Frame:
        """Return the next frame of a type, and throw away those before it."""
        while True:
            frame = self.next(seconds)
            if frame["type"] == kind:
                return frame

    def until_ready(self) -> list[Frame]:
        """Return what was missed."""
        frames = [self.next()]
        while frames[-1]["type"] != "ready":
            frames.append(self.next())
        return frames[:-1]

    def is_silent(self, seconds: float = 1.5) -> bool:
        """Say whether nothing comes for a while."""
        try:
            self.next(seconds)
        except TimeoutError:
            return True
        return False

    def tell(self, message: object) -> None:
        self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def subscribe(self, **what: object) -> None:
        self.tell({"type": "subscribe", **what})

    def code_at_its_end(self, seconds: float = 60) -> int:
        """Read until the server closes; return its code."""
        with pytest.raises(ConnectionClosed) as closed:
            self._read_on(seconds)
        assert closed.value.rcvd is not None
        return int(closed.value.rcvd.code)

    def _read_on(self, seconds: float) -> None:
        while True:
            self.socket.recv(timeout=seconds)


def session_of(user: User) -> str:
    """Sign somebody in; return the value of the cookie."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


@contextmanager
def open_page(
    url: str,
    session: str = "",
    *,
    after: int | None = None,
    lang: str = "en",
    origin: str = ORIGIN,
    ticket: str = "",
) -> Iterator[OpenPage]:
    """Open a socket as a browser with that session does, or an app with a ticket."""
    query = f"?lang={lang}" + (f"&after={after}" if after is not None else "")
    query += f"&ticket={ticket}" if ticket else ""
    headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={session}"} if session else {}
    if origin:
        headers["Origin"] = origin
    with open_socket(
        url + query, additional_headers=headers, proxy=None, open_timeout=20
    ) as socket:
        yield OpenPage(socket)
