"""Each way in which a request can be wrong, by its name; all are problem documents.

What a view cannot see, because the middleware answers before it, is among them.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as shop_settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils import translation

from accounts.models import User
from api.causes import MEANINGS
from api.limits import USER
from api.middleware import ProblemMiddleware
from api.pages import description
from api.problems import REMEDIES, TITLES
from api.registry import registry
from points import services as points
from tests.api.client import Answer, Api

pytestmark = pytest.mark.django_db
CHARGE = "/api/v1/points/charge"


def charge(api: Api, body: bytes, content_type: str = "application/json") -> Answer:
    return api.send("POST", CHARGE, body, content_type=content_type)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        pytest.param(b"{", "", 400, "parse_error", id="malformed JSON"),
        pytest.param(b"[1]", "", 400, "parse_error", id="no object"),
        pytest.param(b" \n", "", 400, "parse_error", id="only white space"),
        pytest.param(b'{"amount": NaN}', "", 400, "parse_error", id="not a number"),
        pytest.param(b'{"reason": "\xff"}', "", 400, "parse_error", id="not UTF-8"),
        pytest.param(b"\xff\xfe{\x00}\x00", "", 400, "parse_error", id="UTF-16"),
        pytest.param(
            b'{"amount": 5, "amount": 50000}', "", 400, "parse_error", id="twice"
        ),
        pytest.param(
            b'{"amount": 5, "x": [{"a": 1, "a": 1}]}',
            "",
            400,
            "parse_error",
            id="twice, deep inside",
        ),
        pytest.param(
            b'{"amount": 5, "x": ' + b"[" * 900 + b"]" * 900 + b"}",
            "",
            400,
            "parse_error",
            id="deep",
        ),
        pytest.param(
            b'{"x": ' + b"[" * 100_000, "", 400, "parse_error", id="very deep"
        ),
        pytest.param(
            b'{"amount": 5}',
            "application/json; charset=iso-8859-1",
            415,
            "unsupported_media_type",
            id="other charset",
        ),
        pytest.param(
            b"amount=5", "text/plain", 415, "unsupported_media_type", id="no JSON"
        ),
        pytest.param(
            b"{" + b" " * shop_settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b"}",
            "",
            413,
            "body_too_large",
            id="too large",
        ),
    ],
)
def test_bodies_that_cannot_be_read(
    api: Api, user: User, body: bytes, content_type: str, status: int, code: str
) -> None:
    answer = charge(api, body, content_type or "application/json")

    assert (answer.status, answer.code) == (status, code)
    assert points.balance_of(user.pk) == 1_000_000


def test_utf8_may_be_said(api: Api) -> None:
    answer = charge(api, b'{"amount": 5}', "application/json; charset=UTF-8")

    assert answer.status == 201


def test_wrong_method_names_the_right_ones(guest: Api) -> None:
    answer = guest.post("/api/v1/products/best")

    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.header("Allow") == "GET, HEAD"


def test_unknown_address(guest: Api) -> None:
    answer = guest.get("/api/v1/nothing/here")

    assert (answer.status, answer.code) == (404, "not_found")


def test_too_many_requests_say_when_to_go_on(
    api: Api, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.RATE_LIMITS = 1 / USER.quota
    answers = [api.get("/api/v1/points") for _ in range(4)]

    assert (answers[-1].status, answers[-1].code) == (429, "rate_limited")
    assert int(answers[-1].header("Retry-After")) >= 1


def test_session_without_the_csrf_token(user: User) -> None:
    api = Api()
    api.client = Client(enforce_csrf_checks=True)
    api.client.force_login(user)

    answer = api.post(CHARGE, {"amount": 5})

    assert (answer.status, answer.code) == (403, "permission_denied")
    assert points.balance_of(user.pk) == 1_000_000


def test_host_that_is_not_ours(guest: Api, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]

    answer = guest.get("/api/v1/nothing", Host="evil.example")

    assert answer.status in {400, 404}
    assert answer.header("Content-Type") == "application/problem+json"


def test_database_that_is_too_slow(guest: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: object) -> None:
        raise OperationalError("the connection was closed by the deadline")

    monkeypatch.setattr("django.contrib.auth.middleware.get_user", wait)
    monkeypatch.setattr("api.tokens.find_user", wait)

    answer = Api().send("GET", "/api/v1/points", Authorization="Bearer x.y.z")

    assert (answer.status, answer.code) == (503, "unavailable")
    assert int(answer.header("Retry-After")) >= 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "parse_error"),
        (403, "permission_denied"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (413, "body_too_large"),
        (429, "rate_limited"),
        (500, "internal_error"),
        (503, "unavailable"),
    ],
)
def test_pages_of_the_middleware_become_problems(status: int, code: str) -> None:
    request = HttpRequest()
    request.path = "/api/v1/points"

    answer = Answer(
        ProblemMiddleware(lambda _: HttpResponse("<p>No.", status=status))(request)
    )

    assert (answer.status, answer.code) == (status, code)


def test_every_problem_says_what_happened_and_what_to_do(guest: Api) -> None:
    for problem in guest.get("/api/problems").body["items"]:
        assert problem["description"], problem["code"]
        assert problem["remedy"], problem["code"]
        assert problem["sample"]["code"] == problem["code"]


def test_every_code_of_the_code_base_has_its_words() -> None:
    assert set(registry()) - set(TITLES) == set()
    assert set(registry()) - set(MEANINGS) == set()
    assert set(REMEDIES) - set(registry()) == set()


@pytest.mark.parametrize("language", ["ko", "ru"])
def test_explanations_are_translated(guest: Api, language: str) -> None:
    english = {
        problem["code"]: problem for problem in guest.get("/api/problems").body["items"]
    }

    found = guest.get("/api/problems", Accept_Language=language).body["items"]

    for problem in found:
        for part in ("title", "description", "remedy"):
            assert problem[part] != english[problem["code"]][part], problem["code"]


@pytest.mark.parametrize("language", ["en", "ko", "ru"])
def test_people_are_shown_pages(guest: Api, language: str) -> None:
    browser = {"accept": "text/html,*/*;q=0.8", "accept-language": language}
    for path in ("/api/problems", "/api/problems/insufficient_points", "/api/docs"):
        page = guest.client.get(path, headers=browser)

        assert page.status_code == 200
        assert page["Content-Type"].startswith("text/html"), path
    words = guest.client.get("/api/problems/insufficient_points", headers=browser)
    with translation.override(language):
        assert str(TITLES["insufficient_points"]) in words.content.decode()


def test_pages_are_linked_from_the_documentation(guest: Api) -> None:
    page = guest.client.get("/api/docs").content.decode()

    for path in ("/api/problems", "/api/schema", "/api/asyncapi"):
        assert f'href="{path}"' in page


def codes_of(operation: dict[str, Any]) -> Iterator[str]:
    for status, reply in operation["responses"].items():
        if int(status) >= 400 and "$ref" not in reply:
            yield from reply["content"]["application/problem+json"]["examples"]


def test_operations_name_the_problems_of_their_own() -> None:
    order = description()["paths"]["/api/v1/orders"]["post"]

    assert {
        "insufficient_stock",
        "coupon_already_used",
        "price_changed",
        "idempotency_in_flight",
        "user_id_forbidden",
    } <= set(codes_of(order))


@pytest.mark.parametrize("path", ["/api/v1/products", "/api/v1/orders"])
def test_method_that_nobody_may_use_asks_for_no_sign_in(path: str) -> None:
    for method in ("TRACE", "OPTIONS", "PURGE"):
        answer = Api().send(method, path)
        assert (answer.status, answer.code) == (405, "method_not_allowed"), method
