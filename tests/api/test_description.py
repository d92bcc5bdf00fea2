"""The committed description is the one the code makes, and it is complete."""

import json
import re
from typing import Any

import pytest
import yaml
from django.conf import settings
from jsonschema import Draft202012Validator

from api.described import TAGS
from api.management.commands.openapi import stale
from api.pages import description
from tests.api.client import Api

# The data of an event, the options of a product.
FREE = {
    "CloudEvent.data",
    "ExpandedProduct.options",
    "Product.options",
    "ProductSheet.options",
}
COMMITTED = settings.BASE_DIR / "docs" / "openapi.yaml"


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    ]


def test_committed_descriptions_are_current() -> None:
    assert stale() == [], "run: python manage.py openapi"


def test_it_is_openapi_3_1_and_loads() -> None:
    whole = yaml.safe_load(COMMITTED.read_text())

    assert whole["openapi"] == "3.1.1"
    assert whole["components"]["securitySchemes"].keys() == {
        "accessToken",
        "orderKey",
        "session",
    }


def test_every_reference_leads_somewhere() -> None:
    whole = description()

    for reference in set(re.findall(r'"\$ref": "(#/[^"]+)"', json.dumps(whole))):
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


def test_everything_has_an_example_that_fits() -> None:
    whole = description()
    for method, path, operation in operations():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for body in map(resolved, bodies):
            for kind, content in body.get("content", {}).items():
                if not kind.endswith("json"):
                    continue
                assert content["examples"], (method, path)
                for example in map(resolved, content["examples"].values()):
                    checked = content["schema"] | {"components": whole["components"]}
                    Draft202012Validator(checked).validate(example["value"])


def test_every_operation_of_apps_is_named_once_per_topic() -> None:
    tags = {tag["name"] for tag in description()["tags"]}

    for _method, path, operation in operations():
        assert set(operation["tags"]) <= tags, path
    assert tags <= set(TAGS), "describe the new tag in api/described.py"


def test_links_lead_to_operations_with_such_a_parameter() -> None:
    known = {
        operation["operationId"]: {
            parameter["name"] for parameter in operation.get("parameters", ())
        }
        for _method, _path, operation in operations()
    }
    links = [
        link
        for _method, _path, operation in operations()
        for reply in operation["responses"].values()
        for link in reply.get("links", {}).values()
    ]

    assert len(links) > 10
    for link in links:
        assert set(link["parameters"]) <= known[link["operationId"]]


def test_only_what_is_free_by_nature_has_no_type() -> None:
    schemas = description()["components"]["schemas"]
    free = {
        f"{name}.{key}"
        for name, schema in schemas.items()
        for key, part in schema.get("properties", {}).items()
        if not part or part.get("additionalProperties") == {}
    }

    assert free <= FREE


def resolved(found: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference of the description."""
    for name in found.get("$ref", "").split("/")[1:]:
        found = (description() if name == "components" else found)[name]
    return found


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
