"""Calls to other people's HTTP services.

Each ends within one deadline, however slowly the answer drips; an answer beyond the
size limit counts as none; redirects are not followed, since what we send is signed or
secret; and nothing of a call but its method, host and path reaches a log.
"""

import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import urllib3
from django.conf import settings
from requests.adapters import HTTPAdapter
from urllib3 import connection, connectionpool

from common import outward

# Of an answer's body, unpacked.
MAX_BYTES = 4 * 1024 * 1024
CHUNK_BYTES = 64 * 1024
# Of the deadline; the rest is left for an answer.
CONNECT_SHARE = 0.4
# Of the other side's own words in an error.
WORDS = 300  # characters
SUCCESS = range(200, 300)
CLIENT_ERROR = range(400, 500)
# These 4xx may pass: time-out, too early, too many.
PASSING = frozenset({408, 425, 429})


class Away(Exception):
    """No answer, or none that says anything: it may have happened, or not."""


class Refused(Exception):
    """The other side said no; ``reply`` has its words."""

    def __init__(self, reply: "Reply", message: str) -> None:
        super().__init__(message)
        self.reply = reply

    @property
    def status(self) -> int:
        return self.reply.status


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. ``headers`` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body read as JSON; garbage raises ``Away``: it says nothing."""
        try:
            return orjson.loads(self.body)
        except ValueError as error:
            raise Away(f"HTTP {self.status} without readable JSON") from error

    def words(self) -> str:
        """Return the beginning of the body, fit for one line of a log."""
        text = self.body[: 4 * WORDS].decode(errors="replace")
        printable = "".join(c if c.isprintable() else " " for c in text)
        return " ".join(printable.split())[:WORDS]


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    json: Any = None,
    data: bytes | Mapping[str, str] | None = None,
    auth: tuple[str, str] | None = None,
    seconds: float | None = None,
) -> Reply:
    """Make one call and return a 2xx reply.

    ``json`` is dumped into the body; ``data`` is the body itself, or a form's fields.
    ``seconds`` are ``PROVIDER_TIMEOUT`` unless told. Raises ``Refused`` for a 4xx that
    will not pass, and ``Away`` for whatever else is not a success.
    """
    sent = dict(headers or {})
    if json is not None:
        data = orjson.dumps(json)
        sent.setdefault("Content-Type", "application/json")
    return _answer_of(
        session(),
        method,
        url,
        headers=sent,
        params=params,
        data=data,
        auth=auth,
        timeout=seconds,
    )


def post_to_stranger(
    url: str, *, headers: Mapping[str, str], data: bytes, seconds: float
) -> Reply:
    """Post to an address that somebody typed in: never into our own network.

    Raises as ``call`` does.
    """
    try:
        outward.checked(url)
        return _answer_of(
            session(only_public=True),
            "POST",
            url,
            headers=headers,
            data=data,
            timeout=seconds,
        )
    except outward.AddressRefused as error:
        raise Away(str(error)) from error


def _answer_of(
    through: requests.Session, method: str, url: str, **options: Any
) -> Reply:
    try:
        response = through.request(method, url, **options)
    except requests.RequestException as error:
        # Its own text has the whole address in it, and perhaps a secret.
        raise Away(f"{_name(method, url)}: {type(error).__name__}") from error
    names = {name.lower(): value for name, value in response.headers.items()}
    return _judge(
        Reply(response.status_code, names, response.content), _name(method, url)
    )


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Give all calls in this block, in this thread, one deadline together."""
    outer = _current.until
    until = time.monotonic() + seconds
    _current.until = until if outer is None else min(until, outer)
    try:
        yield
    finally:
        _current.until = outer


def _judge(reply: Reply, name: str) -> Reply:
    if reply.status in SUCCESS:
        return reply
    message = f"{name}: HTTP {reply.status} {reply.words()}".strip()
    if reply.status in CLIENT_ERROR and reply.status not in PASSING:
        raise Refused(reply, message)
    raise Away(message)


def _name(method: str, url: str) -> str:
    parts = urlsplit(url)
    return f"{method} {parts.hostname}{parts.path}"


@cache
def session(*, only_public: bool = False) -> requests.Session:
    """Return the session that keeps all of the above, for a library that takes one.

    Its ``timeout`` is the deadline; too long or too late raises ``RequestException``.
    With ``only_public`` an address of our own network raises ``AddressRefused``.
    """
    adapter = _StrangersAdapter if only_public else _Adapter
    made = _Session()
    # Neither a proxy nor a password file of the machine is for the shop's money.
    made.trust_env = False
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    made.mount("https://", adapter(pool_maxsize=16))
    made.mount("http://", adapter(pool_maxsize=16))
    return made


class _Session(requests.Session):
    def get_redirect_target(self, _resp: requests.Response) -> str | None:
        return None


@dataclass
class _Exchange:
    """One call, which the clock may end while it waits."""

    sock: socket.socket | None = None
    is_over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def wait_on(self, sock: socket.socket | None) -> None:
        with self.lock:
            self.sock = sock
            self.check()

    def end(self) -> None:
        with self.lock, suppress(OSError):
            self.is_over = True
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)

    def check(self) -> None:
        if self.is_over:
            raise requests.ReadTimeout("the deadline has passed")


class _Current(threading.local):
    exchange: _Exchange | None = None
    # When the calls of ``within`` have to end, by the monotonic clock.
    until: float | None = None


_current = _Current()


def _seconds_left(seconds: float) -> float:
    if _current.until is not None:
        seconds = min(seconds, _current.until - time.monotonic())
    if seconds <= 0:
        raise requests.ConnectTimeout("the deadline has passed")
    return seconds


@contextmanager
def _exchange(seconds: float) -> Iterator[_Exchange]:
    exchange = _Exchange()
    clock = threading.Timer(seconds, exchange.end)
    clock.daemon = True
    clock.start()
    _current.exchange = exchange
    try:
        yield exchange
    finally:
        clock.cancel()
        _current.exchange = None
        with exchange.lock:
            # The connection goes back to the pool: it is no more ours to cut.
            exchange.sock = None


class _Adapter(HTTPAdapter):
    """Reads each answer whole, within the deadline and the size limit."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _Connections,
            "https": _TLSConnections,
        }

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002, FBT001, FBT002 — the library's own
        timeout: Any = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 — the library's own
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        seconds = _seconds_left(float(timeout or settings.PROVIDER_TIMEOUT))
        limits = (seconds * CONNECT_SHARE, seconds)
        with _exchange(seconds) as exchange:
            response = super().send(
                request,
                stream=True,
                timeout=limits,
                verify=verify,
                cert=cert,
                proxies=proxies,
            )
            response.raw = BytesIO(_read(response.raw))
            # An answer that ends with its connection looks whole when it is cut.
            exchange.check()
        return response


class ReplyTooLong(requests.RequestException):
    """The answer's body is beyond ``MAX_BYTES``."""


def _read(raw: Any) -> bytes:
    body = bytearray()
    try:
        for chunk in raw.stream(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > MAX_BYTES:
                raw.close()
                raise ReplyTooLong
    except (urllib3.exceptions.HTTPError, http.client.HTTPException) as error:
        raise requests.ConnectionError(type(error).__name__) from error
    return bytes(body)


class _Watched:
    """Tells the exchange what it waits on: only a cut ends a wait that drips."""

    sock: socket.socket | None

    def getresponse(self) -> Any:
        if _current.exchange is not None:
            _current.exchange.wait_on(self.sock)
        return super().getresponse()  # type: ignore[misc]


class _Connection(_Watched, connection.HTTPConnection):
    pass


class _TLSConnection(_Watched, connection.HTTPSConnection):
    pass


class _Connections(connectionpool.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSConnections(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


class _Pinned:
    """Connects to the address that was checked, not to what its name says next."""

    _dns_host: str
    port: int

    def _new_conn(self) -> Any:
        name = self._dns_host
        self._dns_host = outward.pinned(name, self.port)
        try:
            return super()._new_conn()  # type: ignore[misc]
        finally:
            # Certificates are for names.
            self._dns_host = name


class _PinnedConnection(_Pinned, _Connection):
    pass


class _PinnedTLSConnection(_Pinned, _TLSConnection):
    pass


class _PinnedConnections(connectionpool.HTTPConnectionPool):
    ConnectionCls = _PinnedConnection


class _PinnedTLSConnections(connectionpool.HTTPSConnectionPool):
    ConnectionCls = _PinnedTLSConnection


class _StrangersAdapter(_Adapter):
    """Calls nobody in our own network, whatever name they go by."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _PinnedConnections,
            "https": _PinnedTLSConnections,
        }
