"""The committed description is the one the code makes, and it is complete."""

import json
import re
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command

from api.pages import description
from tests.api.client import Api

COMMITTED = settings.BASE_DIR / "docs" / "openapi.yaml"


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    ]


def test_committed_description_is_current(tmp_path: Any) -> None:
    fresh = tmp_path / "openapi.yaml"
    options = {"validate": True, "fail_on_warn": True, "verbosity": 0}

    call_command("spectacular", file=str(fresh), **options)

    assert COMMITTED.read_text() == fresh.read_text(), (
        "run: python manage.py spectacular --file docs/openapi.yaml"
    )


def test_it_is_openapi_3_1_and_loads() -> None:
    whole = yaml.safe_load(COMMITTED.read_text())

    assert whole["openapi"] == "3.1.1"
    assert whole["components"]["securitySchemes"].keys() == {"accessToken", "session"}


def test_every_reference_leads_somewhere() -> None:
    whole = description()

    for reference in set(re.findall(r'"(#/[^"]+)"', json.dumps(whole))):
        place: Any = whole
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]


def test_every_operation_says_what_it_does() -> None:
    names = [operation["operationId"] for _method, _path, operation in operations()]

    assert len(names) == len(set(names))
    for _method, path, operation in operations():
        assert re.fullmatch(r"[a-z_\-]+[a-z]", operation["operationId"]), path
        assert operation["summary"], path
        assert operation["description"], path
        assert operation["tags"], path


def test_every_operation_documents_its_problems() -> None:
    for method, path, operation in operations():
        statuses = set(operation["responses"])
        assert {"406", "429", "500", "503"} <= statuses, path
        if "requestBody" in operation:
            assert {"400", "413", "415"} <= statuses, path
        if operation.get("security"):
            assert {"401", "403"} <= statuses, path
        if "{" in path:
            assert "404" in statuses, (method, path)


def test_every_body_has_an_example() -> None:
    missing = {
        operation["operationId"]
        for _method, path, operation in operations()
        if "application/json" in operation.get("requestBody", {}).get("content", ())
        and not path.startswith("/api/v1/auth/token/")
        and "compat" not in operation["tags"]
        and "examples" not in operation["requestBody"]["content"]["application/json"]
    }

    assert missing == set()


@pytest.mark.django_db
def test_it_is_served_with_a_page_to_try_it(guest: Api) -> None:
    served = guest.get("/api/schema")
    page = guest.client.get("/api/docs")

    assert served.body == description()
    assert page.status_code == 200
    assert b'data-schema="/api/schema"' in page.content
    policy = page["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert b"<script>" not in page.content
    assert guest.client.get("/api/").headers["Location"] == "/api/docs"
