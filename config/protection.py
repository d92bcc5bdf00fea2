"""The rules of ``config/checks.py`` about how the shop is reached, and its tools.

Each looks at the settings and says what is wrong, or nothing.
"""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from config.logs import FORMATS

Rule = Callable[[], str | None]
YEAR = 31_536_000  # seconds
LONGEST_SESSION = 14 * 24 * 3600  # seconds
LARGEST_BODY = 256 * 1024  # bytes, without files
MOST_FIELDS = 200
MIN_TOKEN = 24  # characters
ARGON2 = "Argon2PasswordHasher"
UPLOADS = "common.uploads.LimitedUploadHandler"
ENCRYPTED = {"require", "verify-ca", "verify-full"}
DOCS_SHOWN_TO = ("everybody", "staff", "off")
# What a setting that is on needs to be installed.
EXTRAS = {
    "SENTRY_DSN": ("sentry_sdk", "sentry-sdk==2.75.0"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": (
        "opentelemetry.sdk",
        "-r requirements-otel.txt",
    ),
}


def trusted_origins() -> str | None:
    for origin in settings.CSRF_TRUSTED_ORIGINS:
        if not origin.startswith("https://") or "*" in origin:
            return f"CSRF_TRUSTED_ORIGINS must name https:// origins, not {origin}."
    return None


def https_only() -> str | None:
    if not settings.SECURE_SSL_REDIRECT:
        return "SECURE_SSL_REDIRECT must be on: nothing is answered in plain HTTP."
    return None


def strict_transport() -> str | None:
    if settings.SECURE_HSTS_SECONDS < YEAR:
        return f"SECURE_HSTS_SECONDS must be at least {YEAR}."
    if not settings.SECURE_HSTS_INCLUDE_SUBDOMAINS:
        return "SECURE_HSTS_INCLUDE_SUBDOMAINS must be on."
    return None


def cookies() -> str | None:
    for kind in ("SESSION", "CSRF"):
        value = _values(f"{kind}_COOKIE")
        if not value("NAME").startswith("__Host-"):
            return f"{kind}_COOKIE_NAME must begin with __Host-."
        if not (value("SECURE") and value("HTTPONLY")):
            return f"{kind}_COOKIE_SECURE and {kind}_COOKIE_HTTPONLY must be on."
        if value("SAMESITE") not in {"Lax", "Strict"}:
            return f"{kind}_COOKIE_SAMESITE must be Lax or Strict."
        if value("DOMAIN") or value("PATH") != "/":
            return f"{kind}_COOKIE_DOMAIN must be unset and {kind}_COOKIE_PATH /."
    return None


def _values(prefix: str) -> Callable[[str], Any]:
    return lambda name: getattr(settings, f"{prefix}_{name}")


def sessions() -> str | None:
    if not 0 < settings.SESSION_COOKIE_AGE <= LONGEST_SESSION:
        return f"SESSION_COOKIE_AGE must be at most {LONGEST_SESSION} (14 days)."
    return None


def browser_rules() -> str | None:
    """Look at the headers that tell browsers what a page may do."""
    wanted = {
        "SECURE_CONTENT_TYPE_NOSNIFF": True,
        "SECURE_CROSS_ORIGIN_OPENER_POLICY": "same-origin",
        "SECURE_REFERRER_POLICY": "strict-origin-when-cross-origin",
        "X_FRAME_OPTIONS": "DENY",
    }
    for name, value in wanted.items():
        if getattr(settings, name) != value:
            return f"{name} must be {value}."
    return None


def content_policy() -> str | None:
    policy = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    sources = {
        str(source)
        for name in ("default-src", "script-src", "style-src")
        for source in policy.get(name, ["*"])
    }
    if loose := sources & {"*", "'unsafe-inline'", "'unsafe-eval'", "https:", "data:"}:
        return f"CONTENT_SECURITY_POLICY must not allow {', '.join(sorted(loose))}."
    if not policy.get("report-uri"):
        return "CONTENT_SECURITY_POLICY must say where violations are reported."
    return None


def other_origins() -> str | None:
    for origin in settings.CORS_ORIGINS:
        if not origin.startswith("https://") or "*" in origin:
            return f"CORS_ORIGINS must name https:// origins, not {origin}."
    return None


def uploads() -> str | None:
    if not 0 < (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0) <= LARGEST_BODY:
        return f"DATA_UPLOAD_MAX_MEMORY_SIZE must be at most {LARGEST_BODY}."
    if not 0 < (settings.DATA_UPLOAD_MAX_NUMBER_FIELDS or 0) <= MOST_FIELDS:
        return f"DATA_UPLOAD_MAX_NUMBER_FIELDS must be at most {MOST_FIELDS}."
    if settings.FILE_UPLOAD_HANDLERS[:1] != [UPLOADS]:
        return f"FILE_UPLOAD_HANDLERS must begin with {UPLOADS}: it limits files."
    return None


def passwords() -> str | None:
    if not settings.PASSWORD_HASHERS[0].endswith(ARGON2):
        return f"PASSWORD_HASHERS must begin with {ARGON2}."
    return None


def database_encryption() -> str | None:
    """Look at the way to each database that is not at this machine."""
    for alias, database in settings.DATABASES.items():
        mode = database.get("OPTIONS", {}).get("sslmode", "prefer")
        if not is_here(database.get("HOST", "")) and mode not in ENCRYPTED:
            name = "DATABASE_URL" if alias == "default" else "DATABASE_REPLICA_URL"
            return f"{name} must say sslmode=require or more: it leaves this machine."
    return None


def redis_access() -> str | None:
    """Look for a password or TLS on the way to Redis, and to the broker."""
    for name in ("REDIS_URL", "CELERY_BROKER_URL"):
        url = urlsplit(str(getattr(settings, name)))
        if not url.scheme.startswith("redis") or is_here(url.hostname or ""):
            continue
        if not (url.password or url.scheme == "rediss"):
            return f"{name} must have a password or be rediss://."
    return None


def broker_account() -> str | None:
    for name in ("CELERY_BROKER_URL", "RABBITMQ_URL"):
        url = urlsplit(str(getattr(settings, name)))
        is_away = url.scheme.startswith("amqp") and not is_here(url.hostname or "")
        if is_away and (url.username or "guest") == "guest":
            return f"{name} must name a user of its own, not guest."
    return None


def tasks() -> str | None:
    if list(settings.CELERY_ACCEPT_CONTENT) != ["json"]:
        return "CELERY_ACCEPT_CONTENT must be json alone: pickles run code."
    for name in ("CELERY_TASK_ACKS_LATE", "CELERY_TASK_REJECT_ON_WORKER_LOST"):
        if not getattr(settings, name):
            return f"{name} must be on: who dies with a task must not lose it."
    if settings.CELERY_WORKER_PREFETCH_MULTIPLIER != 1:
        return "CELERY_WORKER_PREFETCH_MULTIPLIER must be 1."
    if not settings.CELERY_TASK_TIME_LIMIT:
        return "CELERY_TASK_TIME_LIMIT must be set: a task that hangs would stay."
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    visible = options.get("visibility_timeout", settings.CELERY_TASK_TIME_LIMIT + 1)
    if visible <= settings.CELERY_TASK_TIME_LIMIT:
        return (
            "CELERY_BROKER_TRANSPORT_OPTIONS: visibility_timeout must be longer than"
            " CELERY_TASK_TIME_LIMIT, or tasks run twice."
        )
    return None


def admin_path() -> str | None:
    if settings.ADMIN_PATH in {"", "admin"}:
        return "ADMIN_PATH must not be admin: everybody tries that first."
    return None


def second_step() -> str | None:
    if not settings.STAFF_SECOND_STEP:
        return "STAFF_SECOND_STEP must be on: a password alone opens the till."
    return None


def api_docs() -> str | None:
    if settings.API_DOCS not in {"staff", "off"}:
        return f"API_DOCS must be staff or off, not {settings.API_DOCS}."
    return None


def log() -> str | None:
    if settings.LOG_FORMAT != "json":
        return "LOG_FORMAT must be json: plain lines are not cleared of people's data."
    return None


def metrics_token() -> str | None:
    if settings.METRICS_TOKEN and len(settings.METRICS_TOKEN) < MIN_TOKEN:
        return f"METRICS_TOKEN must have at least {MIN_TOKEN} random characters."
    return None


PRODUCTION_RULES: tuple[Rule, ...] = (
    trusted_origins,
    https_only,
    strict_transport,
    cookies,
    sessions,
    browser_rules,
    content_policy,
    other_origins,
    uploads,
    passwords,
    database_encryption,
    redis_access,
    broker_account,
    tasks,
    admin_path,
    second_step,
    api_docs,
    log,
    metrics_token,
)


def words() -> str | None:
    """Say which setting has a value that nobody knows, in development, too."""
    if settings.LOG_FORMAT not in FORMATS:
        return f"LOG_FORMAT must be {' or '.join(FORMATS)}, not {settings.LOG_FORMAT}."
    if settings.API_DOCS not in DOCS_SHOWN_TO:
        return f"API_DOCS must be everybody, staff or off, not {settings.API_DOCS}."
    return None


def extras() -> str | None:
    """Say what a setting needs that is not installed, in development, too."""
    for name, (module, package) in EXTRAS.items():
        if getattr(settings, name) and not _is_installed(module):
            return f"{name} is set, which needs: pip install {package}."
    return None


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is not there
        return False


def is_here(host: str) -> bool:
    """Tell whether an address is this machine: a socket's folder, or loopback."""
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def wrong_keys(keys: Iterable[str], *, current: str, shortest: int) -> bool:
    """Tell whether one of the older keys is too short, or the current one."""
    return any(len(key) < shortest or key == current for key in keys)
