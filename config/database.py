"""The connection to PostgreSQL, as each kind of process needs it."""

from collections.abc import Mapping
from typing import Any

import environ

from config import embedded

# A statement that runs into one of these is rolled back whole and can be repeated.
LIMITS = {
    "web": {"statement_timeout": "5s", "lock_timeout": "3s"},
    "worker": {"statement_timeout": "60s", "lock_timeout": "3s"},
    "live": {"statement_timeout": "5s"},
}
IDLE = {"idle_in_transaction_session_timeout": "10s"}


def database(
    env: environ.Env, *, process: str, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """Return Django's description of the database for a process.

    ``parameters`` are PostgreSQL's own that each connection sets; ``process`` is "web",
    "worker", "live" or anything else, which has no limits.
    """
    if url := env.str("DATABASE_URL", ""):
        found: dict[str, Any] = dict(env.db_url_config(url))
    else:
        found = embedded.database()
    limits = LIMITS[process] | IDLE if process in LIMITS else {}
    options: dict[str, Any] = {
        "connect_timeout": 3,
        "tcp_user_timeout": 10_000,
        "keepalives_idle": 10,
        "application_name": f"dojang-{process}",
        "options": " ".join(
            f"-c {name}={value}" for name, value in {**limits, **parameters}.items()
        ),
        # Prepared on the server after the second use; the purchase path lives on it.
        "prepare_threshold": None if env.bool("PGBOUNCER", False) else 2,
    }
    if env.bool("PGBOUNCER", False):
        found["DISABLE_SERVER_SIDE_CURSORS"] = True
        # PgBouncer does not pass these on: set them on the role instead.
        del options["options"]
    return found | {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_HEALTH_CHECKS": True,
        # Persistent connections: a new one per request costs twenty times the query.
        "CONN_MAX_AGE": 600 if process in LIMITS else 0,
        "OPTIONS": found.get("OPTIONS", {}) | options,
    }
