"""What Schemathesis needs to know of the shop: who it acts as, and what may be refused.

It is imported by Schemathesis in a process of its own, without the shop.
"""

import json
import os
import urllib.request
from typing import Any

import schemathesis

from contract.rules import judged, unexplained

# Fuzzing signs its own user out now and then.
SECONDS = 20


# Any text is a key, also one that looks like a number.
TEXT_OF_ANY_KIND = ("Idempotency-Key", "Incorrect type")


def filter_case(_context: Any, case: Any) -> bool:
    """Leave out what only looks like a fault: headers have no other type than text."""
    said = getattr(case.meta and case.meta.phase.data, "description", None) or ""
    name = getattr(case.meta and case.meta.phase.data, "parameter", None)
    return not (name == TEXT_OF_ANY_KIND[0] and said == TEXT_OF_ANY_KIND[1])


schemathesis.hook(filter_case)


def map_case(_context: Any, case: Any) -> Any:
    """Leave out of a case what would be judged wrongly."""
    return judged(case)


schemathesis.hook(map_case)


@schemathesis.auth(refresh_interval=SECONDS)
class SignedIn:
    """Signs in as SHOP_EMAIL, if it is set, and again every few seconds."""

    def get(self, _case: Any, _context: Any) -> str:
        """Return an access token, or nothing for nobody."""
        email = os.environ["SHOP_EMAIL"]
        if not email:
            return ""
        login = {"email": email, "password": os.environ["SHOP_PASSWORD"]}
        request = urllib.request.Request(  # noqa: S310 — our own http URL
            f"{os.environ['SHOP_URL']}/api/v1/auth/token",
            data=json.dumps(login).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 — the same
            return str(json.load(answer)["access"])

    def set(self, case: Any, data: str, _context: Any) -> None:
        """Send the token with a request."""
        if data:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.check
def refused_by_a_rule(_context: Any, response: Any, case: Any) -> None:
    """Let what fits the description be refused only for a reason that no schema holds.

    Narrows ``positive_data_acceptance``, which knows nothing but statuses.
    """
    meta = case.meta
    if meta is None or not meta.generation.mode.is_positive:
        return
    if response.status_code not in {400, 410, 412, 422, 428}:
        return
    reason = unexplained(response.status_code, response.json(), case.headers or {})
    assert not reason, f"Refused without a rule: {reason}"
