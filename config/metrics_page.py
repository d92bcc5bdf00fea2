"""``/metrics``: what was counted, and what the database and the broker hold.

For Prometheus, with the token of ``METRICS_TOKEN``; in development whoever is at the
machine may look. Facts are read from the database when they are asked for: they are
exact, outlive restarts and cost a purchase nothing.
"""

import logging
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from config import brokers, metrics
from outbox.models import Dispatch

LOOPBACK = {"127.0.0.1", "::1"}
TASK_QUEUE = "celery"
logger = logging.getLogger(__name__)

# The highest number of each topic, found by one look into an index per topic.
EVENTS_SQL = """
    WITH RECURSIVE topics AS (
        (SELECT topic FROM outbox_event WHERE sequence IS NOT NULL
          ORDER BY topic, sequence LIMIT 1)
        UNION ALL
        SELECT (SELECT topic FROM outbox_event
                 WHERE sequence IS NOT NULL AND topic > topics.topic
                 ORDER BY topic, sequence LIMIT 1)
          FROM topics WHERE topics.topic IS NOT NULL
    )
    SELECT topic, (SELECT max(sequence) FROM outbox_event AS event
                    WHERE event.topic = topics.topic)
      FROM topics WHERE topic IS NOT NULL
"""
# The two partial indexes of what waits; what has been delivered is not looked at.
OUTBOX_SQL = """
    SELECT coalesce(extract(epoch FROM statement_timestamp() - min(event.occurred_at)),
                    0), count(*)
      FROM outbox_dispatch AS dispatch
      JOIN outbox_event AS event ON event.id = dispatch.event_id
     WHERE dispatch.delivered_at IS NULL AND dispatch.dead_at IS NULL
"""
FRESH_SQL = """
    SELECT coalesce(extract(epoch FROM statement_timestamp() - min(occurred_at)), 0),
           count(*)
      FROM outbox_event WHERE sequence IS NULL
"""
ORDERS_SQL = """
    SELECT status, count(*) FROM orders_order
     WHERE status IN ('pending', 'paid', 'processing', 'shipped') GROUP BY status
"""


def view(request: HttpRequest) -> HttpResponse:
    """Show the numbers to who has the token; others learn nothing of the page."""
    _check(request)
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def _check(request: HttpRequest) -> None:
    token = settings.METRICS_TOKEN
    if token:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not constant_time_compare(given, token):
            raise PermissionDenied
        return
    is_here = request.META.get("REMOTE_ADDR") in LOOPBACK
    # A proxy at the same machine speaks for the whole world.
    if settings.PRODUCTION or not is_here or "X-Forwarded-For" in request.headers:
        raise Http404


def exposition() -> bytes:
    """Return all numbers as Prometheus reads them."""
    facts = CollectorRegistry()
    facts.register(Facts())
    return generate_latest(metrics.counted()) + generate_latest(facts)


class Facts:
    """Reads what is so at this moment."""

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers; those that cannot be had are left out."""
        yield from self._database()
        depth = _queue_depth()
        if depth is not None:
            yield _gauge("shop_queue_depth", "Tasks that wait for a worker.", depth)

    def _database(self) -> Iterator[Metric]:
        try:
            events, (lag, waiting), (fresh_lag, fresh), dead, orders = _read()
        except DatabaseError:
            yield _gauge("shop_database_up", "Whether the database answers.", 0)
            return
        yield _gauge("shop_database_up", "Whether the database answers.", 1)
        told = Metric("shop_events", "Events that have happened, by topic.", "counter")
        for topic, number in events:
            told.add_sample("shop_events_total", {"topic": topic}, float(number))
        yield told
        yield _gauge(
            "shop_outbox_lag_seconds",
            "Age of the oldest event that somebody still has to get.",
            float(max(lag, fresh_lag)),
        )
        yield _gauge(
            "shop_outbox_waiting", "Deliveries on their way.", float(waiting + fresh)
        )
        yield _gauge("shop_outbox_dead", "Deliveries that were given up.", float(dead))
        open_orders = GaugeMetricFamily(
            "shop_orders_open",
            "Orders that are not done, by status.",
            labels=["status"],
        )
        for status, count in orders:
            open_orders.add_metric([status], float(count))
        yield open_orders


def _read() -> tuple[Any, Any, Any, Any, Any]:
    with connection.cursor() as cursor:
        found = []
        for sql in (EVENTS_SQL, OUTBOX_SQL, FRESH_SQL, ORDERS_SQL):
            cursor.execute(sql)
            found.append(cursor.fetchall())
    events, outbox, fresh, orders = found
    return events, outbox[0], fresh[0], Dispatch.objects.dead().count(), orders


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _queue_depth() -> float | None:
    try:
        return float(brokers.depth(settings.CELERY_BROKER_URL, TASK_QUEUE))
    except Exception as error:  # noqa: BLE001 — a broker that is away has no number
        logger.warning("the broker does not say how much waits: %s", error)
        return None
