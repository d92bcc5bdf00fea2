"""The log: one JSON object per line in production, plain lines for people elsewhere.

Nobody is recognised by it. What a request brought along (form, body, cookies, key) is
taken out of every line that is written while it is answered, and what looks like an
address, a number or a secret is taken out of all.
"""

import logging
import re
import time
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

import environ
import orjson
from django.http import HttpRequest

from common import trace

FORMATS = ("json", "line")
# Whose lines go to stdout; what a command prints there is for who called it.
SERVERS = {"web", "worker", "live", "beat"}
HIDDEN = "…"
SHORTEST_SECRET = 3  # characters; less is in every second word
LONGEST_TEXT = 8_000  # characters of a line's message, and of its traceback
DEEPEST = 6  # levels of a body that are looked through
# Values of these are no secret of anybody, and the line is worth little without.
HARMLESS = re.compile(r"(?:^|_)(?:id|ids|sku|slug|status|method|kind|currency|locale)$")
HARMLESS_VALUE = re.compile(r"\d{1,6}|true|false|null|on|off|yes|no", re.IGNORECASE)
ORDER = re.compile(r"\border[/ ]([0-9a-f]{8}-[0-9a-f-]{27})", re.ASCII)

# What looks like something that is somebody's → what stands there instead.
LOOKS = (
    # PostgreSQL shows the row that it refuses.
    (re.compile(r"(DETAIL:|CONTEXT:|Failing row contains).*"), rf"\1 {HIDDEN}"),
    (re.compile(r"://[^/\s:@]*:[^/\s@]+@"), f"://{HIDDEN}@"),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), HIDDEN),
    (re.compile(r"eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"\b(?:whsec|sk|rk|pk)_[\w+/=-]{6,}"), HIDDEN),
    (
        re.compile(
            r"(?i)(pass(?:word|wd)|secret|token|api_?key|authorization|cookie|session"
            r"(?:id|_key)|csrf\w*)([\"']?\s*[=:]\s*[\"']?)[^\s\"',;&}]+"
        ),
        rf"\1\2{HIDDEN}",
    ),
    # Questions behind an address hold what somebody typed.
    (re.compile(r"(?<=[\w/])\?[^\s\"']+=[^\s\"']*"), f"?{HIDDEN}"),
    (re.compile(r"\+\d[\d ().-]{6,18}\d"), HIDDEN),
    (re.compile(r"(?<![\w.-])0\d{1,3}[ -.]?\d{3,4}[ -.]?\d{4}(?![\w-])"), HIDDEN),
)
CARD = re.compile(r"(?<![\w-])\d(?:[ -]?\d){12,18}(?![\w-])")


def settings(env: environ.Env, *, production: bool, process: str) -> dict[str, Any]:
    """Return Django's ``LOGGING``.

    ``LOG_FORMAT`` is json or line; ``LOG_REQUESTS`` says whether each request has its
    line. Both are on for production.
    """
    form = log_format(env, production=production)
    tells_requests = env.bool("LOG_REQUESTS", production)
    stream = "stdout" if process in SERVERS and form == "json" else "stderr"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "common.middleware.RequestIdFilter"}},
        "formatters": {
            "line": {"format": "%(levelname)s %(name)s [%(request_id)s] %(message)s"},
            "json": {"()": "config.logs.JSONFormatter", "process": process},
        },
        "handlers": {
            "out": {
                "class": "logging.StreamHandler",
                "stream": f"ext://sys.{stream}",
                "formatter": form if form in FORMATS else "line",
                "filters": ["request_id"],
            }
        },
        "loggers": {
            # A refused purchase ends its pipeline early; psycopg need not warn of it.
            "psycopg": {"level": "ERROR"},
            "shop.requests": {"level": "INFO" if tells_requests else "WARNING"},
            # The request's own line says the same, without the address.
            **({"django.request": {"level": "ERROR"}} if tells_requests else {}),
        },
        "root": {"handlers": ["out"], "level": env.str("LOG_LEVEL", "WARNING")},
    }


def log_format(env: environ.Env, *, production: bool) -> str:
    """Return how lines are written."""
    return str(env.str("LOG_FORMAT", "json" if production else "line"))


class JSONFormatter(logging.Formatter):
    """Writes a record as one line of JSON, without what tells who somebody is."""

    def __init__(self, *, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields: dict[str, Any] | None = getattr(record, "fields", None)
        line: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": self._process,
        }
        for name, variable in CONTEXT:
            if (value := variable.get()) != trace.NONE:
                line[name] = value
        if fields is not None:  # the shop's own, made of nothing that was sent
            return _dump(line | {"message": record.getMessage()} | fields)
        known = _values_of(trace.current_request.get())
        line["message"] = scrubbed(record.getMessage(), known)
        if "order" not in line and (found := ORDER.search(line["message"])):
            line["order"] = found[1]
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__qualname__
            line["traceback"] = scrubbed(_traceback(record.exc_info), known)
        return _dump(line)


CONTEXT = (
    ("request", trace.request_id),
    ("trace", trace.trace_id),
    ("order", trace.order_id),
    ("task", trace.task_name),
)


def scrubbed(text: str, known: Iterable[str] = ()) -> str:
    """Return a text without what is, or looks like, somebody's."""
    # As much as is kept, and a little more so that nothing is cut in two and kept.
    text = text[: LONGEST_TEXT * 2]
    for value in known:
        text = text.replace(value, HIDDEN)
    for look, stand_in in LOOKS:
        text = look.sub(stand_in, text)
    return CARD.sub(_without_card, text)[:LONGEST_TEXT]


def _without_card(found: re.Match[str]) -> str:
    digits = [int(each) for each in found[0] if each.isdigit()]
    doubled = [
        digit if place % 2 == 0 else sum(divmod(digit * 2, 10))
        for place, digit in enumerate(reversed(digits))
    ]
    return HIDDEN if sum(doubled) % 10 == 0 else found[0]


def _time(record: logging.LogRecord) -> str:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{moment}.{int(record.msecs):03d}Z"


def _dump(line: dict[str, Any]) -> str:
    return orjson.dumps(line, default=str).decode()


def _traceback(exc_info: Any) -> str:
    """Return where it happened; the lines of code say nothing that was sent."""
    return "".join(traceback.format_exception(*exc_info))


def _values_of(request: HttpRequest | None) -> list[str]:
    """Return what a request brought that may be somebody's, the longest first."""
    if request is None:
        return []
    try:
        found = {value for value in _brought(request) if _is_telling(value)}
    except Exception:  # noqa: BLE001 — a body that cannot be read tells nothing
        return []
    return sorted(found, key=len, reverse=True)


def _is_telling(value: str) -> bool:
    return len(value) >= SHORTEST_SECRET and not HARMLESS_VALUE.fullmatch(value)


def _brought(request: HttpRequest) -> Iterator[str]:
    yield from request.COOKIES.values()
    authorization = request.headers.get("Authorization", "")
    yield authorization.rpartition(" ")[2]
    yield request.headers.get("X-Cart-Token", "")
    yield request.headers.get("Idempotency-Key", "")
    for sent in (request.GET, _form(request)):
        for name, values in sent.lists():
            if not HARMLESS.search(name):
                yield from values
    yield from _texts(_json(request), "", DEEPEST)
    user = request.__dict__.get("_cached_user")
    for name in ("email", "name", "phone"):
        yield str(getattr(user, name, "") or "")


def _form(request: HttpRequest) -> Any:
    # Whoever reads it here takes it away from the view.
    return request.__dict__.get("_post") or request.GET.__class__()


def _json(request: HttpRequest) -> Any:
    body = request.__dict__.get("_body", b"")
    if not body or "json" not in request.headers.get("Content-Type", ""):
        return None
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _texts(value: Any, name: str, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        if not HARMLESS.search(name):
            yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif depth and isinstance(value, dict):
        for key, each in value.items():
            yield from _texts(each, str(key), depth - 1)
    elif depth and isinstance(value, list):
        for each in value:
            yield from _texts(each, name, depth - 1)
