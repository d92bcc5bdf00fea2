"""Reading from a copy of the database that may be a moment behind.

Only pages that are the same for everybody, of what changes seldom, and never for
somebody who has just changed something; in a transaction everything is read where it
is written. A copy that is away, or too far behind, is left alone for a while.
"""

import logging
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.http import HttpRequest, HttpResponse

ALIAS = "replica"
# Whose rows may be read there. People, carts, orders, points and coupons never are.
APPS = {"analytics", "catalog", "delivery", "inventory", "promotions", "reviews"}
ROUTES = {
    *("shop:home", "shop:best", "shop:products", "shop:category", "shop:search"),
    *("shop:suggest", "shop:product", "shop:product-reviews"),
    *("api:products", "api:product", "api:best", "api:trending", "api:categories"),
    *("api:category", "api:reviews", "api:suggest", "api:prices"),
    "admin:analytics_report",
}
# A browser that has changed something reads from the primary for so long.
COOKIE, STICKY = "fresh", 10  # seconds
LOOK_EVERY = 1.0  # seconds between looks at how far behind it is
LEAVE_ALONE = 5.0  # seconds after it was away
# Who has everything that was sent to it may have been sent nothing for an hour.
LAG_SQL = """
    SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
                WHEN NOT EXISTS (SELECT FROM pg_stat_wal_receiver) THEN NULL
                WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
                ELSE extract(epoch FROM clock_timestamp()
                                        - pg_last_xact_replay_timestamp()) END
"""
SAFE = {"GET", "HEAD", "OPTIONS"}

_may_lag: ContextVar[bool] = ContextVar("may_lag", default=False)
logger = logging.getLogger(__name__)


class Router:
    """Django's question which database to use, answered for the request at hand."""

    def db_for_read(self, model: Any, **_hints: Any) -> str:
        """Send reads that may lag to the replica."""
        return alias() if model._meta.app_label in APPS else DEFAULT_DB_ALIAS  # noqa: SLF001 — Django's public meta

    def db_for_write(self, _model: Any, **_hints: Any) -> str:
        """Send every write to the primary."""
        return DEFAULT_DB_ALIAS

    def allow_relation(self, *_objects: Any, **_hints: Any) -> bool:
        """Let rows meet that were read at different places: they are one database's."""
        return True

    def allow_migrate(self, db: str, _app_label: str, **_hints: Any) -> bool:
        """Leave the tables of the replica to replication."""
        return db == DEFAULT_DB_ALIAS


class ReplicaMiddleware:
    """Says of each request whether it may read from the replica."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _may_lag.set(False)
        try:
            response = self.get_response(request)
        finally:
            _may_lag.reset(token)
        if request.method not in SAFE and "Authorization" not in request.headers:
            response.set_cookie(
                COOKIE,
                "1",
                max_age=STICKY,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response

    def process_view(self, request: HttpRequest, *_view: Any) -> None:
        """Decide once the view is known."""
        match = request.resolver_match
        if match is not None and match.view_name in ROUTES and _may(request):
            _may_lag.set(copy.is_usable())


def alias() -> str:
    """Return where the request at hand may read what everybody may see."""
    return ALIAS if _may_lag.get() and not _is_busy() else DEFAULT_DB_ALIAS


def reading() -> Any:
    """Return the connection for statements that only read what everybody may see."""
    return connections[alias()]


def _is_busy() -> bool:
    return bool(connections[DEFAULT_DB_ALIAS].in_atomic_block)


def _may(request: HttpRequest) -> bool:
    # Apps keep no cookies; what they have just written, they read.
    is_fresh = COOKIE in request.COOKIES or "Authorization" in request.headers
    return request.method in SAFE and not is_fresh


class Copy:
    """Knows, a second at most out of date, whether the replica can be used."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._look_at = 0.0
        self._is_usable = False

    def is_usable(self) -> bool:
        """Tell whether it answers and is not too far behind."""
        now = self._clock()
        if now >= self._look_at:
            self._is_usable = self._look()
            self._look_at = now + (LOOK_EVERY if self._is_usable else LEAVE_ALONE)
        return self._is_usable

    def _look(self) -> bool:
        try:
            behind = lag()
        except DatabaseError as error:
            logger.warning("the replica is away: %s", error)
            connections[ALIAS].close()
            return False
        if behind is None or behind > settings.REPLICA_MAX_LAG:
            logger.warning("the replica is behind by %s s", behind)
            return False
        return True


def lag() -> float | None:
    """Return how many seconds the replica is behind; ``None`` if it hears nothing."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(LAG_SQL)
        (seconds,) = cursor.fetchone()
    return None if seconds is None else float(seconds)


copy = Copy()
