"""Somebody who knows nothing of the shop but its API's address."""

import json
import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import urllib3

PASSWORD = "correct horse battery"
BUSY, TRIES = 503, 10


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``body`` is its JSON."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: Any


@dataclass
class Stranger:
    """Sends JSON and remembers the tokens; each call is one request."""

    url: str
    timeout: float = 30.0
    email: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    _pool: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        self._pool = urllib3.PoolManager(
            maxsize=20, retries=False, timeout=self.timeout
        )

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, **headers)

    def post(self, path: str, body: object, *, key: str = "") -> Answer:
        named = {"Idempotency-Key": key} if key else {}
        return self.send("POST", path, body, **named)

    def send(self, method: str, path: str, body: object, **headers: str) -> Answer:
        """Send one request; raise urllib3's ``HTTPError`` if there is no answer."""
        sent = {"accept": "application/json", **self.headers, **headers}
        data = None
        if body is not None:
            sent["content-type"] = "application/json"
            data = json.dumps(body).encode()
        reply = self._pool.request(
            method, self.url + path, body=data, headers=sent, redirect=False
        )
        is_json = "json" in reply.headers.get("content-type", "")
        content = json.loads(reply.data) if is_json else reply.data
        return Answer(reply.status, reply.headers, content)

    def register(self) -> str:
        """Register and sign in; return the e-mail address."""
        email = self.email = f"stranger-{uuid4().hex[:12]}@example.com"
        body = {"email": email, "password": PASSWORD, "name": "Lee Seo-yeon"}
        self._be_served("/api/v1/auth/register", body, status=201)
        self.sign_in(email)
        return email

    def sign_in(self, email: str) -> None:
        body = {"email": email, "password": PASSWORD}
        answer = self._be_served("/api/v1/auth/token", body, status=200)
        self.headers["authorization"] = f"Bearer {answer.body['access']}"

    def charge(self, amount: int) -> None:
        body = {"amount": amount}
        self._be_served("/api/v1/points/charge", body, status=201, key="charge")

    def _be_served(
        self, path: str, body: object, *, status: int, key: str = ""
    ) -> Answer:
        """Do what a test begins with; a shop that has just started may be busy."""
        for _ in range(TRIES):
            answer = self.post(path, body, key=key)
            if answer.status != BUSY:
                break
            time.sleep(1)
        assert answer.status == status, answer
        return answer

    def buy(self, product_id: int, *, key: str = "") -> Answer:
        """Order one piece and pay it at once."""
        body = {"items": [{"product_id": product_id, "quantity": 1}], "pay": True}
        return self.post("/api/v1/orders", body, key=key)


def shopper_at(url: str, *, points: int = 1_000_000) -> Stranger:
    """Return a registered stranger with points."""
    stranger = Stranger(url)
    stranger.register()
    if points:
        stranger.charge(points)
    return stranger
