"""What a page of the shop may load, run and send to, and where a refusal is told."""

from typing import Any

from csp.constants import NONCE, NONE, SELF

REPORTS = "csp-reports"
ENDPOINT = "csp"


def policy() -> dict[str, Any]:
    """Return the policy of most pages; what is switched on adds addresses to it."""
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF, NONCE, "'inline-speculation-rules'"],
            "style-src": [SELF],
            "img-src": [SELF, "data:"],
            "font-src": [SELF],
            "connect-src": [SELF],
            "manifest-src": [SELF],
            "form-action": [SELF],
            "base-uri": [NONE],
            "frame-ancestors": [NONE],
            # Browsers know one or the other; who knows both takes the second.
            "report-uri": [f"/{REPORTS}"],
            "report-to": [ENDPOINT],
        },
    }
