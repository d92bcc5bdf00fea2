"""A client that holds every answer against the OpenAPI description."""

import re
from functools import cache
from typing import Any

import orjson
from django.test import Client
from jsonschema import Draft202012Validator

from accounts.models import User
from api import tokens
from api.pages import description

PROBLEM = "application/problem+json"


class Answer:
    """An HTTP answer, read."""

    def __init__(self, response: Any) -> None:
        self.response = response
        self.status = response.status_code
        content = response.getvalue()
        self.body: Any = orjson.loads(content) if content else None

    def header(self, name: str) -> str:
        return str(self.response.headers.get(name, ""))

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.header("Content-Type") == PROBLEM, self.body
        return str(self.body["code"])

    @property
    def pointers(self) -> list[str]:
        """Where a problem sees the mistakes."""
        places = (error.get("pointer", error.get("parameter")) for error in self.errors)
        return [str(place) for place in places]

    @property
    def errors(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = self.body["errors"]
        return found


class Api:
    """Sends JSON as somebody, or as nobody."""

    def __init__(self, user: User | None = None) -> None:
        self.client = Client()
        self.headers: dict[str, str] = {}
        if user is not None:
            self.headers["Authorization"] = f"Bearer {tokens.sign_in(user).access}"

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        **headers: str,
    ) -> Answer:
        """Send a request; bytes go out as they are."""
        raw = (
            body
            if isinstance(body, bytes)
            else b""
            if body is None
            else orjson.dumps(body)
        )
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = self.client.generic(
            method, path, raw, content_type, headers=self.headers | named
        )
        answer = Answer(response)
        conforms(method, path, answer)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.send("POST", path, {} if body is None else body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.send("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.send("PATCH", path, body, **headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.send("DELETE", path, body, **headers)


def conforms(method: str, path: str, answer: Answer) -> None:
    """Fail unless the description knows this status with a body of this shape."""
    if answer.status >= 400:
        assert answer.header("Content-Type") == PROBLEM, (path, answer.response.content)
        _check({"$ref": "#/components/schemas/Problem"}, answer.body)
    described = _operation(method, path.partition("?")[0])
    if described is None or answer.status == 405:
        return
    documented = described["responses"].get(str(answer.status))
    assert documented is not None, f"{method} {path} may not answer {answer.status}"
    if answer.status >= 400:
        return
    for name in ("ETag", "Location", "Link", "Deprecation", "Idempotency-Replayed"):
        is_there = answer.header(name) != ""
        is_named = name in documented.get("headers", {})
        assert is_named or not is_there, f"{method} {path} says nothing of {name}"
    if "content" in documented:
        _check(documented["content"]["application/json"]["schema"], answer.body)


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for pattern, operations in _patterns():
        if pattern.fullmatch(path):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    paths = sorted(description()["paths"].items(), key=lambda item: item[0].count("{"))
    return [
        (re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + "/?"), operations)
        for path, operations in paths
    ]


def _check(schema: dict[str, Any], body: Any) -> None:
    errors = sorted(_validator(orjson.dumps(schema)).iter_errors(body), key=str)
    assert not errors, f"{errors[0].message} at {list(errors[0].absolute_path)}"


@cache
def _validator(schema: bytes) -> Draft202012Validator:
    whole = orjson.loads(schema) | {"components": description()["components"]}
    return Draft202012Validator(whole)
