"""Fails a test that speaks to the network while it holds a transaction open.

Whoever waits for another machine with rows locked lets everybody else wait with them.
PostgreSQL is reached by its own library and Redis by a socket file, so neither counts.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from django.db import connection


class NetworkInTransactionError(AssertionError):
    """A connection was opened inside ``atomic()``."""


@contextmanager
def no_network_in_transactions() -> Iterator[None]:
    """Watch every connection that Python code opens by TCP."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def watched_connect(self: socket.socket, address: Any) -> None:
        _check(self, address)
        connect(self, address)

    def watched_connect_ex(self: socket.socket, address: Any) -> int:
        _check(self, address)
        return connect_ex(self, address)

    with (
        patch.object(socket.socket, "connect", watched_connect),
        patch.object(socket.socket, "connect_ex", watched_connect_ex),
    ):
        yield


def _check(of: socket.socket, address: Any) -> None:
    if of.family != socket.AF_UNIX and _is_in_transaction():
        raise NetworkInTransactionError(f"connecting to {address} in a transaction")


def _is_in_transaction() -> bool:
    # The transaction that a plain test runs in is not the shop's.
    return any(
        not getattr(block, "_from_testcase", False)
        for block in connection.atomic_blocks
    )
