"""What runs beside the shop: Redis, the broker, workers, beat, mail, other systems."""

import smtplib
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.utils import timezone
from kombu.exceptions import KombuError
from redis import Redis
from redis.exceptions import RedisError

from analytics.models import RollupRun
from common.commands import seconds
from config import brokers
from config.celery import app
from config.doctor.remarks import Remark, bad, good, warning
from config.subscriptions import SUBSCRIPTIONS
from outbox import selectors
from outbox.models import LATE_AFTER

PATIENCE = 2.0  # seconds for each of them
QUEUE = "celery"
LONG_QUEUE = 1_000
# Today's sales are rolled up every ten seconds, if beat and a worker run.
SILENT_AFTER = timedelta(minutes=2)
# The relay sweeps every second.
UNSEEN_AFTER = 15.0  # seconds
PORTS = {"https": 443, "http": 80, "amqp": 5672, "amqps": 5671, "kafka": 9092}


def redis() -> Iterator[Remark]:
    place = _place(settings.REDIS_URL)
    try:
        found = _ask_redis(settings.REDIS_URL)
    except (RedisError, OSError) as error:
        embedded = "REDIS_URL" in settings.EMBEDDED_FOR
        yield bad(
            "Redis",
            f"it does not answer at {place}: {error}",
            why="Pages are slower, limits count per process, pages are not live.",
            do="Start it with `python -m config.embedded start`."
            if embedded
            else "Is the server up, and the host and password of REDIS_URL right?",
            read="when-something-is-away",
        )
        return
    yield good("Redis", f"{found['redis_version']} answers at {place}")
    yield from _as_broker(found)


def _as_broker(found: dict[str, Any]) -> Iterator[Remark]:
    if not settings.CELERY_BROKER_URL.startswith(("redis", "unix")):
        return
    policy = found.get("maxmemory_policy", "unknown")
    if policy not in {"noeviction", "unknown"}:
        yield bad(
            "Redis as broker",
            f"maxmemory-policy is {policy}",
            why="A full Redis would drop tasks that wait.",
            do="CONFIG SET maxmemory-policy noeviction, and in redis.conf; or give"
            " CELERY_BROKER_URL a Redis of its own.",
        )
    elif not found.get("aof_enabled"):
        yield warning(
            "Redis as broker",
            "it keeps no append-only file",
            why="A restart forgets the tasks that wait; the clock brings them again.",
            do="Set appendonly yes in redis.conf.",
        )
    else:
        yield good("Redis as broker", f"{policy}, append-only file on")


def broker() -> Iterator[Remark]:
    place = _place(settings.CELERY_BROKER_URL)
    try:
        waiting = brokers.depth(settings.CELERY_BROKER_URL, QUEUE)
    except (OSError, KombuError, RedisError) as error:
        yield bad(
            "Broker",
            f"it does not answer at {place}: {error}",
            why="Buying goes on; nothing is sent, expired or rolled up meanwhile.",
            do="Is the server of CELERY_BROKER_URL up, and its user and password good?",
            read="when-something-is-away",
        )
        return
    what = f"{waiting:,} tasks wait at {place}"
    if waiting > LONG_QUEUE:
        yield warning(
            "Broker",
            what,
            why="Work comes in faster than it is done.",
            do="Start more workers, or look what the running ones are at.",
            read="processes",
        )
    else:
        yield good("Broker", what)


def workers() -> Iterator[Remark]:
    try:
        replies = app.control.ping(timeout=PATIENCE) or []
        names = sorted(name for reply in replies for name in reply)
    except (OSError, KombuError, RedisError):
        names = []
    if names:
        yield good("Workers", f"{len(names)} answer: {', '.join(names[:5])}")
        return
    yield bad(
        "Workers",
        "none answers",
        why="Letters, events to others, expiry and reports wait.",
        do="Start one: `SHOP_PROCESS=worker celery --app config worker`; one that runs"
        " and is silent is busy, or at another broker.",
        read="processes",
    )


def beat() -> Iterator[Remark]:
    last = RollupRun.objects.order_by("-computed_at").first()
    age = timezone.now() - last.computed_at if last else None
    what = f"the last job ran {seconds(age.total_seconds())} ago" if age else "no trace"
    if age is None or age > SILENT_AFTER:
        yield bad(
            "Beat",
            what,
            why="What runs by the clock does not: expiry, reports, the outbox's net.",
            do="Start it: `celery --app config beat`, once; and a worker.",
            read="by-the-clock",
        )
    else:
        yield good("Beat", what)


def outbox() -> Iterator[Remark]:
    fresh = selectors.fresh()
    if fresh.oldest is not None and fresh.oldest > UNSEEN_AFTER:
        yield bad(
            "Outbox",
            f"{fresh.waiting:,} events not looked at, the oldest for"
            f" {seconds(fresh.oldest)}",
            why="No worker empties the outbox; everything in it is kept.",
            do="See to workers and beat above.",
            read="by-the-clock",
        )
    found = selectors.status()
    wrong = [one for one in found if one.subscriber in _ours() and _is_stuck(one)]
    for one in wrong:
        yield bad(
            f"Outbox: {one.subscriber}",
            f"{one.waiting:,} wait, the oldest for {seconds(one.oldest)};"
            f" {one.dead:,} given up",
            why="Somebody has not been told of what happened.",
            do="`manage.py outbox dead` says why; mend it, then `outbox replay`.",
            read="every-day",
        )
    if not wrong and not (fresh.oldest or 0) > UNSEEN_AFTER:
        waiting = sum(one.waiting for one in found)
        slowest = max((one.lag_p99 or 0 for one in found), default=0)
        yield good(
            "Outbox", f"{waiting:,} wait; the slowest 1 % took {seconds(slowest)}"
        )


def _ours() -> set[str]:
    return {name for names in SUBSCRIPTIONS.values() for name in names}


def _is_stuck(one: selectors.Standing) -> bool:
    return bool(one.dead) or (one.oldest or 0) > LATE_AFTER.total_seconds()


def mail() -> Iterator[Remark]:
    backend = settings.EMAIL_BACKEND
    if not backend.endswith("smtp.EmailBackend"):
        yield good("Mail", f"{backend}: asked when something is sent")
        return
    place = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        server = get_connection(fail_silently=False, timeout=PATIENCE)
        server.open()
        server.close()
    except (OSError, smtplib.SMTPException) as error:
        yield bad(
            "Mail",
            f"{place} does not take letters: {error}",
            why="Letters wait, and are sent once it is back.",
            do="Are EMAIL_HOST, EMAIL_PORT, EMAIL_USE_TLS, user and password right?",
            read="switching-on",
        )
        return
    yield good("Mail", f"{place} answers")


def others() -> Iterator[Remark]:
    """Other systems: only whether somebody is there."""
    places = {
        "Data platform": settings.DATA_PLATFORM_URL,
        "RabbitMQ": settings.RABBITMQ_URL,
    }
    for subject, url in places.items():
        if not url or urlsplit(url).scheme not in PORTS:
            continue
        try:
            _knock(url)
        except OSError as error:
            yield bad(
                subject,
                f"{_place(url)} does not answer: {error}",
                why="What is for it waits in the outbox, and is never given up for it.",
                do="Is it up, and its address right?",
                read="when-something-is-away",
            )
        else:
            yield good(subject, f"{_place(url)} answers")


def _ask_redis(url: str) -> dict[str, Any]:
    client = Redis.from_url(
        url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )
    try:
        found: Any = client.info()
    finally:
        client.close()
    return dict(found)


def _knock(url: str) -> None:
    address = urlsplit(url)
    port = address.port or PORTS[address.scheme]
    with socket.create_connection((address.hostname or "", port), timeout=PATIENCE):
        pass


def _place(url: str) -> str:
    """Return an address without the password in it."""
    address = urlsplit(url)
    if not address.hostname:
        return address.path or url
    port = f":{address.port}" if address.port else ""
    return f"{address.hostname}{port}{address.path}"
