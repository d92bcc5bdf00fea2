"""How programs reach the embedded servers."""

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from config.embedded.places import run_dir

DATABASE = ROLE = "dojang"
REDIS_SOCKET = "redis.sock"


def database(name: str = DATABASE) -> dict[str, Any]:
    """Return an entry for Django's ``DATABASES``."""
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": ROLE,
        "PASSWORD": "",
        "HOST": str(run_dir()),
        "PORT": "",
    }


def database_url(name: str = DATABASE) -> str:
    """Return the same for psql, pg_dump and other programs that use libpq."""
    return f"postgresql://{ROLE}@/{name}?host={quote(str(run_dir()))}"


def redis_url(db: int = 0) -> str:
    """Return the address of one of the numbered databases, as redis-py spells it."""
    return f"unix://{quote(str(run_dir() / REDIS_SOCKET))}?db={db}"


def celery_url(redis_url: str) -> str:
    """Return the same address as Celery spells it; other URLs are left as they are."""
    url = urlsplit(redis_url)
    if url.scheme != "unix":
        return redis_url
    db = parse_qs(url.query).get("db", ["0"])[0]
    return f"redis+socket://{url.path}?virtual_host={db}"
