"""What the servers themselves say of how safe they are; settings cannot know it.

``manage.py check --database default`` asks, and so does every process that serves
anybody, when it starts. A server that is away is no reason to stay away as well.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004 — Django's name
from django.db import DatabaseError, connection
from redis import Redis
from redis.exceptions import RedisError

SAFE_COMMITS = {"on", "local", "remote_write", "remote_apply"}
TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
LIMITED = {"web", "worker"}  # "live" writes nothing
REDIS_TIMEOUT = 2  # seconds
FACTS_SQL = """
    SELECT current_user,
           (SELECT rolsuper OR rolreplication OR rolbypassrls FROM pg_roles
             WHERE rolname = current_user),
           (SELECT count(*) FROM pg_class
             WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
               AND pg_has_role(relowner, 'MEMBER')),
           current_setting('fsync'), current_setting('full_page_writes'),
           current_setting('synchronous_commit')
"""


@dataclass(frozen=True, slots=True)
class Facts:
    """What PostgreSQL says of itself, and of who we are there."""

    role: str
    is_mighty: bool
    owned_tables: int
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    timeouts: Mapping[str, str]


def server_problems(**_options: Any) -> list[CheckMessage]:
    """Return what is wrong with the servers, as system checks do; in production only.

    Embedded servers that somebody asked for are not looked at.
    """
    if not settings.PRODUCTION:
        return []
    return [*_database_problems(), *_broker_problems()]


def if_asked_for(
    *, databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """Ask the servers where ``manage.py check`` is told to ask a database."""
    return server_problems() if databases else []


def refuse_unsafe() -> None:
    """End this process with a message if the servers are not safe."""
    found = [each for each in server_problems() if isinstance(each, Error)]
    connection.close()  # who forks must not share it
    if found:
        lines = "".join(f"\n  {problem.msg}" for problem in found)
        sys.exit(f"error: these servers are not safe for a shop:{lines}")


def _database_problems() -> Iterator[CheckMessage]:
    if "DATABASE_URL" in settings.EMBEDDED_FOR:
        return
    try:
        facts = ask_database()
    except DatabaseError as error:
        yield Warning(f"PostgreSQL cannot be asked: {error}", id="shop.server_database")
        return
    for name, text in judge(facts, process=settings.SHOP_PROCESS):
        yield Error(text, id=f"shop.server_{name}")


def ask_database() -> Facts:
    """Ask PostgreSQL about itself and about our role there."""
    with connection.cursor() as cursor:
        cursor.execute(FACTS_SQL)
        role, is_mighty, owned, fsync, pages, commit = cursor.fetchone()
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
            [list(TIMEOUTS)],
        )
        timeouts = dict(cursor.fetchall())
    return Facts(role, is_mighty, owned, fsync, pages, commit, timeouts)


def judge(facts: Facts, *, process: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each rule that PostgreSQL breaks, and what is wrong."""
    if facts.is_mighty:
        yield (
            "role",
            (
                f"the role {facts.role} must not be a superuser, replicate or pass row"
                " security: triggers that guard the books would not hold it."
            ),
        )
    elif facts.owned_tables:
        yield (
            "owner",
            (
                f"the role {facts.role} must not own the tables: it could switch off"
                " their triggers. Migrate as another role (docs/operations.md, Roles)."
            ),
        )
    if facts.fsync != "on":
        yield "fsync", "fsync must be on: a power cut would take orders with it."
    if facts.full_page_writes != "on":
        yield "full_page_writes", "full_page_writes must be on: pages could tear."
    if facts.synchronous_commit not in SAFE_COMMITS:
        yield (
            "synchronous_commit",
            (
                "synchronous_commit must be on: a crash would lose orders that shoppers"
                " were told of."
            ),
        )
    endless = [name for name in TIMEOUTS if facts.timeouts.get(name, "0") == "0"]
    if process in LIMITED and endless:
        yield (
            "timeouts",
            (
                f"{', '.join(endless)} must not be 0 for the role {facts.role}: behind"
                " PgBouncer they are set by ALTER ROLE."
            ),
        )


def _broker_problems() -> Iterator[CheckMessage]:
    url = str(settings.CELERY_BROKER_URL)
    if "REDIS_URL" in settings.EMBEDDED_FOR or not url.startswith("redis"):
        return
    try:
        policy = eviction_policy(url)
    except RedisError as error:
        yield Warning(f"the broker cannot be asked: {error}", id="shop.server_broker")
        return
    if policy != "noeviction":
        yield Error(
            f"the broker's maxmemory-policy must be noeviction, not {policy}: Redis"
            " would throw tasks away.",
            id="shop.server_eviction",
        )


def eviction_policy(url: str) -> str:
    """Ask a Redis what it does when its memory is full."""
    client = Redis.from_url(
        url, socket_timeout=REDIS_TIMEOUT, socket_connect_timeout=REDIS_TIMEOUT
    )
    try:
        return str(client.info("memory").get("maxmemory_policy", "noeviction"))
    finally:
        client.close()
