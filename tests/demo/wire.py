"""How the shop talks to the platform, written with other people's libraries."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import urllib3
from standardwebhooks import Webhook

from demo.receiver.messages import BATCH, SINGLE

SECRET = "whsec_" + base64.b64encode(b"only for tests, only for tests").decode()


def cloud_event(number: int, **changes: Any) -> dict[str, Any]:
    """Return a paid order as the shop describes it."""
    return {
        "specversion": "1.0",
        "id": f"0199-{number}",
        "source": "/shop/test",
        "type": "shop.order.paid.v1",
        "subject": f"order/{number}",
        "time": "2026-11-21T09:00:00+09:00",
        "data": {"number": f"N{number}", "total": 1000 * number, "lines": []},
    } | changes


def deliver(
    url: str, *events: dict[str, Any], **headers: str
) -> urllib3.BaseHTTPResponse:
    """Post one event, or several as a batch; ``headers`` replace the right ones."""
    is_single = len(events) == 1
    body = json.dumps(events[0] if is_single else list(events))
    now = int(time.time())
    return urllib3.request(
        "POST",
        url,
        body=body,
        headers={
            "content-type": SINGLE if is_single else BATCH,
            "webhook-id": "message-1",
            "webhook-timestamp": str(now),
            "webhook-signature": signed(body, now),
        }
        | {name.replace("_", "-"): value for name, value in headers.items()},
        retries=False,
        timeout=5,
    )


def signed(body: str, timestamp: int, secret: str = SECRET) -> str:
    """Sign with the reference library."""
    return Webhook(secret).sign(
        "message-1", datetime.fromtimestamp(timestamp, tz=UTC), body
    )
