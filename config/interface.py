"""Who may use the API, how much, and from which pages."""

from collections.abc import Sequence
from typing import Any

from corsheaders.defaults import default_headers

APP = "corsheaders"
MIDDLEWARE = "corsheaders.middleware.CorsMiddleware"
# What clients of the API send and read besides the usual.
SENT = ("idempotency-key", "if-match", "if-none-match", "x-cart-token", "x-order-key")
READ = (
    *("ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy"),
    *("Idempotency-Replayed", "X-Cart-Token", "X-Request-Id", "Api-Version"),
    *("Deprecation", "Server-Timing"),
)


def rate_limits(text: str) -> float:
    """Return what quotas are multiplied by: "on" is 1, "off" 0, "2" twice as much."""
    return float({"on": "1", "off": "0"}.get(text, text))


def cors(origins: Sequence[str]) -> dict[str, Any]:
    """Return the settings that let pages of these origins use the API.

    They send tokens, never cookies: a browser's session is for the shop's own pages.
    """
    return {
        "CORS_ALLOWED_ORIGINS": list(origins),
        "CORS_URLS_REGEX": r"^/api/v\d+/",
        "CORS_ALLOW_CREDENTIALS": False,
        "CORS_ALLOW_HEADERS": [*default_headers, *SENT, "x-request-id"],
        "CORS_ALLOW_METHODS": ["GET", "POST", "PUT", "PATCH", "DELETE"],
        "CORS_EXPOSE_HEADERS": list(READ),
        "CORS_PREFLIGHT_MAX_AGE": 600,
    }
