"""A shopper who knows the front's address, and the API."""

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import urllib3

from deploy.topology.crew import TopologyError

BUSY = {429, 502, 503}
TRIES = 20


@dataclass
class Shopper:
    """Sends JSON; what fails for a moment is sent again under the same key."""

    port: int
    host: str
    _headers: dict[str, str] = field(default_factory=dict)
    _pool: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        self._pool = urllib3.PoolManager(retries=False, timeout=20)

    def register(self) -> None:
        """Become somebody with points."""
        email = f"rehearsal-{secrets.token_hex(6)}@example.com"
        word = secrets.token_urlsafe(16)
        body = {"email": email, "password": word, "name": "Lee Seo-yeon"}
        self._send("POST", "/api/v1/auth/register", body, wanted=201)
        signed_in = self._send("POST", "/api/v1/auth/token", body, wanted=200)
        self._headers["Authorization"] = f"Bearer {signed_in['access']}"
        self._send("POST", "/api/v1/points/charge", {"amount": 100_000}, wanted=201)

    def buy(self, product_id: int) -> str:
        """Order one piece and pay for it; return the order's id."""
        body = {"items": [{"product_id": product_id, "quantity": 1}], "pay": True}
        order = self._send("POST", "/api/v1/orders", body, wanted=201)
        if order["status"] != "paid":
            raise TopologyError(f"the order is {order['status']}")
        return str(order["id"])

    def look(self) -> None:
        """Read the catalogue as a stranger does, past every cache."""
        path = f"/api/v1/products?page_size={secrets.randbelow(90) + 2}"
        self._send("GET", path, None, wanted=200, is_known=False)

    def _send(
        self, method: str, path: str, body: Any, *, wanted: int, is_known: bool = True
    ) -> Any:
        headers = {"Host": self.host, "Content-Type": "application/json"}
        headers |= self._headers if is_known else {}
        if method == "POST":
            headers["Idempotency-Key"] = secrets.token_hex(16)
        for _ in range(TRIES):
            answer = self._pool.request(
                method,
                f"http://127.0.0.1:{self.port}{path}",
                body=None if body is None else json.dumps(body),
                headers=headers | {"X-Forwarded-Proto": "https"},
            )
            if answer.status == wanted:
                return json.loads(answer.data)
            if answer.status not in BUSY:
                break
            time.sleep(0.5)
        told = answer.data[:300].decode(errors="replace")
        raise TopologyError(f"{method} {path}: {answer.status} {told}")
