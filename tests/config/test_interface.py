"""Pages of others that use the API."""

from collections.abc import Mapping

import pytest
from django.conf import settings as current
from django.test import Client
from pytest_django import Settings

from config import interface

APP, EVIL = "https://app.example", "https://evil.example"


@pytest.fixture
def shared(settings: Settings) -> None:
    for name, value in interface.cors([APP]).items():
        setattr(settings, name, value)
    settings.MIDDLEWARE = [interface.MIDDLEWARE, *settings.MIDDLEWARE]


def ask_first(origin: str, path: str = "/api/v1/orders") -> Mapping[str, str]:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,idempotency-key,if-match",
    }
    return Client().options(path, headers=headers).headers


@pytest.mark.usefixtures("shared", "db")
def test_page_on_the_list_may_use_the_api() -> None:
    answer = ask_first(APP)
    reply = Client().get("/api/v1/config", headers={"Origin": APP})

    assert answer["Access-Control-Allow-Origin"] == APP
    assert "idempotency-key" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer
    assert reply["Access-Control-Allow-Origin"] == APP
    assert "RateLimit" in reply["Access-Control-Expose-Headers"]
    assert "origin" in reply["Vary"].lower()


@pytest.mark.usefixtures("shared", "db")
def test_other_pages_may_not() -> None:
    assert "Access-Control-Allow-Origin" not in ask_first(EVIL)
    assert "Access-Control-Allow-Origin" not in ask_first("null")
    assert "Access-Control-Allow-Origin" not in ask_first(APP, "/account/")


@pytest.mark.django_db
def test_by_default_there_is_no_list() -> None:
    assert current.CORS_ORIGINS == []
    answer = Client().options("/api/v1/config", headers={"Origin": APP})

    assert answer.status_code == 405
    assert "Access-Control-Allow-Origin" not in answer.headers
