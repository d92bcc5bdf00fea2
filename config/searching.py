"""Looking for words everywhere the shop keeps something: all tables, Redis, media."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from redis import Redis

TABLES_SQL = """
    SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1
"""
# Twice: most tables have none of the words, and are looked at once.
HAS_SQL = """
    SELECT EXISTS (SELECT FROM {table} AS row, unnest(%s::text[]) AS word
                    WHERE strpos(lower(row::text), word) > 0)
"""
FIELDS_SQL = """
    SELECT field.key, count(DISTINCT row.ctid)
      FROM {table} AS row, jsonb_each_text(to_jsonb(row)) AS field (key, value),
           unnest(%s::text[]) AS word
     WHERE strpos(lower(field.value), word) > 0
     GROUP BY field.key ORDER BY field.key
"""
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where one of the words was found, and how often."""

    place: str
    count: int


def in_tables(words: Sequence[str]) -> Iterator[Hit]:
    """Yield the columns of all tables that have one of the words, in whatever case."""
    lowered = _forms(words)
    if not lowered:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")
        cursor.execute(TABLES_SQL)
        for (table,) in cursor.fetchall():
            cursor.execute(HAS_SQL.format(table=table), [lowered])
            if not cursor.fetchone()[0]:
                continue
            cursor.execute(FIELDS_SQL.format(table=table), [lowered])
            for column, count in cursor.fetchall():
                yield Hit(f"{table}.{column}", count)


def in_redis(words: Sequence[str]) -> list[str]:
    """Return the keys in Redis that have one of the words in their name or value.

    Raises ``RedisError``.
    """
    wanted = [word.encode() for word in _forms(words)]
    if not wanted:
        return []
    client = _redis()
    try:
        return [
            key.decode(errors="replace")
            for key in client.scan_iter(count=BATCH)
            if any(word in _content(client, key).lower() for word in wanted)
        ]
    finally:
        client.close()


def drop_from_redis(keys: Sequence[str]) -> int:
    """Delete keys: Redis holds nothing that has to be kept."""
    client = _redis()
    try:
        return sum(int(client.delete(key)) for key in keys)
    finally:
        client.close()


def _forms(words: Sequence[str]) -> list[str]:
    """Return the words as rows show them: a backslash is written twice there."""
    found = [word.lower() for word in words if word]
    return list(
        dict.fromkeys([*found, *(word.replace("\\", "\\\\") for word in found)])
    )


def _redis() -> Redis:
    return Redis.from_url(
        settings.REDIS_URL, socket_timeout=30, socket_connect_timeout=2
    )


def _content(client: Redis, key: bytes) -> bytes:
    kind = client.type(key)
    reads: dict[bytes, Any] = {
        b"string": lambda: client.get(key),
        b"list": lambda: client.lrange(key, 0, -1),
        b"hash": lambda: client.hgetall(key),
        b"set": lambda: client.smembers(key),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"stream": lambda: client.xrange(key),
    }
    read = reads.get(kind)  # type: ignore[arg-type]
    return b"\0".join([key, *_flat(read() if read else None)])


def _flat(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        for pair in value.items():
            yield from _flat(list(pair))
    elif isinstance(value, list | set | tuple):
        for item in value:
            yield from _flat(item)
