"""The connections to PostgreSQL, as each kind of process needs them."""

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


def databases(
    env: environ.Env, *, process: str, parameters: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return Django's ``DATABASES`` for a process.

    ``parameters`` are PostgreSQL's own that each connection sets; ``process`` is "web",
    "worker", "live" or anything else, which has no limits. "replica" is there if it has
    an address, and only web reads from it.
    """
    if url := env.str("DATABASE_URL", ""):
        found: dict[str, Any] = dict(env.db_url_config(url))
    else:
        found = embedded.database()
    pooled = env.bool("PGBOUNCER", False)
    all_of_them = {
        "default": _described(
            found, process=process, parameters=parameters, pooled=pooled
        )
    }
    if (url := env.str("DATABASE_REPLICA_URL", "")) and process == "web":
        all_of_them["replica"] = _described(
            dict(env.db_url_config(url)),
            process=process,
            # A replica takes no writes, so nothing there would ask for them.
            parameters={"default_transaction_read_only": "on"},
            pooled=pooled,
        ) | {"TEST": {"MIRROR": "default"}}
    return all_of_them


def _described(
    found: dict[str, Any],
    *,
    process: str,
    parameters: Mapping[str, str],
    pooled: bool,
) -> dict[str, Any]:
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
        "prepare_threshold": None if pooled else 2,
    }
    if pooled:
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
