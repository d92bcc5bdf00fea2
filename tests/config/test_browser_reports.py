"""What browsers may do on our pages, and what they report of it."""

import json
import logging
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY
from pytest_django import Settings

from common.limits import alone
from config import browser_reports
from config.browser_reports import PolicyMiddleware

URL = "/csp-reports"
OLD, NEW = "application/csp-report", "application/reports+json"


def said(**more: str) -> dict[str, dict[str, str]]:
    return {
        "csp-report": {
            "document-uri": "http://testserver/p/moon-jar-7/?q=kim@example.com",
            "effective-directive": "script-src-elem",
            "blocked-uri": "https://Evil.example:8443/steal?who=kim@example.com",
        }
        | more
    }


def send(client: Client, body: object, kind: str = OLD, **headers: str) -> int:
    sent = body if isinstance(body, bytes) else json.dumps(body)
    return client.post(URL, sent, content_type=kind, headers=headers).status_code


def counted(directive: str = "script-src") -> float:
    name = "shop_csp_reports_total"
    return REGISTRY.get_sample_value(name, {"directive": directive}) or 0.0


def test_report_is_counted_and_logged_without_anybodys_data(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted()

    with caplog.at_level(logging.WARNING):
        assert send(client, said()) == 204

    assert counted() == before + 1
    [line] = [one for one in caplog.records if one.name == browser_reports.__name__]
    told = line.getMessage()
    assert told.startswith("csp: script-src refused https://evil.example on ")
    assert "kim" not in told
    assert "moon-jar" not in told


def test_newer_reports_come_in_a_list(client: Client) -> None:
    body = {
        "documentURL": "http://testserver/",
        "effectiveDirective": "style-src-attr",
        "blockedURL": "inline",
    }
    before = counted("style-src")

    found = [{"type": "csp-violation", "body": body}] * 2
    assert send(client, [*found, {"type": "deprecation", "body": body}, 7], NEW) == 204

    assert counted("style-src") == before + 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[" * 9_000,
        [],
        7,
        {"csp-report": 7},
        said(**{"document-uri": "https://elsewhere.example/"}),
        said(**{"document-uri": "http://[bad"}),
    ],
)
def test_nonsense_and_reports_of_others_are_not_counted(
    body: object, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    before = counted(), counted("other")

    assert send(client, body) == 204

    assert (counted(), counted("other")) == before
    assert not caplog.records


def test_strange_words_are_one_label(client: Client) -> None:
    before = counted("other")

    send(client, said(**{"effective-directive": "x" * 500, "blocked-uri": "\n{}"}))

    assert counted("other") == before + 1


def test_reports_are_small_few_and_posted(client: Client, settings: Settings) -> None:
    settings.RATE_LIMITS = 1.0
    alone.clear()

    assert send(client, b" " * (browser_reports.LARGEST + 1)) == 413
    assert client.get(URL).status_code == 405
    answers = [send(client, said()) for _ in range(browser_reports.PER_ADDRESS.burst)]

    assert answers == [204] * (browser_reports.PER_ADDRESS.burst - 1) + [429]
    alone.clear()


def answer(*, has_nonce: bool) -> HttpResponse:
    """Answer by a page that asks for a nonce and says it, or by one that does not."""

    def page(request: Any) -> HttpResponse:
        return HttpResponse(str(request.csp_nonce) if has_nonce else "plain")

    response = PolicyMiddleware(page)(RequestFactory().get("/"))
    assert isinstance(response, HttpResponse)
    return response


def test_policy_is_built_once_and_names_each_pages_own_nonce(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = answer(has_nonce=False)["Content-Security-Policy"]

    def never(**_: Any) -> str:
        raise AssertionError("built again")

    monkeypatch.setattr(browser_reports, "build_policy", never)
    pages = [answer(has_nonce=True) for _ in range(2)]

    policies = [page["Content-Security-Policy"] for page in pages]
    nonces = [f"'nonce-{page.content.decode()}' " for page in pages]
    assert len(set(nonces)) == 2
    assert [
        policy.replace(nonce, "")
        for policy, nonce in zip(policies, nonces, strict=True)
    ] == [plain, plain]
    assert "nonce" not in plain
    assert "; report-to csp" in f"; {plain}"
    assert "; report-uri /csp-reports" in plain
    assert pages[0]["Reporting-Endpoints"] == 'csp="/csp-reports"'


def test_another_policy_is_built_anew(settings: Settings) -> None:
    first = PolicyMiddleware._policy()[2]
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": {"script-src": ["'none'"]}}

    assert PolicyMiddleware._policy()[2] != first
