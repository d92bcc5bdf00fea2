"""The shop as an app, and what browsers may fetch before it is asked for."""

import json

import pytest
from django.test import Client
from pytest_django import Settings

from shop.ahead import rules
from tests.factories import ProductFactory


@pytest.mark.parametrize(
    ("language", "name"), [("en", "Best sellers"), ("ko", None), ("ru", None)]
)
def test_manifest_names_the_shop_and_its_icons(
    client: Client, language: str, name: str | None
) -> None:
    answer = client.get(f"/manifest.webmanifest?lang={language}")

    assert answer["Content-Type"] == "application/manifest+json"
    manifest = json.loads(answer.content)
    assert (manifest["name"], manifest["lang"]) == ("Dojang", language)
    assert [(icon["sizes"], icon["purpose"]) for icon in manifest["icons"]] == [
        ("192x192", "any"),
        ("512x512", "any"),
        ("512x512", "maskable"),
    ]
    if name is not None:
        assert manifest["shortcuts"][0] == {"name": name, "url": "/best/"}


def test_worker_is_of_this_release_and_asked_for_each_time(client: Client) -> None:
    answer = client.get("/sw.js")

    assert answer["Content-Type"] == "text/javascript"
    assert answer["Cache-Control"] == "no-cache"
    body = answer.content.decode()
    assert 'const OFFLINE = "/offline/";' in body.replace("\\u002D", "-")
    assert "const IS_HASHED = false;" in body


def test_page_without_a_network_asks_no_database(client: Client) -> None:
    answer = client.get("/offline/")

    assert "You are not connected." in answer.content.decode()
    assert answer["Content-Language"] == "en"


def test_no_page_with_side_effects_is_fetched_ahead() -> None:
    written = rules().removeprefix('<script type="speculationrules">')

    [rule] = json.loads(written.removesuffix("</script>"))["prefetch"]
    assert rule["eagerness"] == "moderate"
    [apart] = [
        part["not"]["href_matches"]
        for part in rule["where"]["and"]
        if "href_matches" in part.get("not", {})
    ]
    for place in ("cart", "checkout", "accounts", "account", "orders", "admin", "api"):
        assert f"/{place}/*" in apart


@pytest.mark.django_db
def test_pages_have_the_rules_and_answer_htmx_apart(
    client: Client, settings: Settings
) -> None:
    settings.PAGES_AHEAD = True

    page = client.get("/help/delivery/")

    assert rules() in page.content.decode()
    assert "'inline-speculation-rules'" in page["Content-Security-Policy"]
    assert "HX-Request" in page["Vary"]
    assert "Clear-Site-Data" not in page


@pytest.mark.django_db
def test_change_clears_what_was_fetched_ahead(
    client: Client, settings: Settings
) -> None:
    settings.PAGES_AHEAD = True

    answer = client.post("/theme/", {"theme": "dark"})

    assert answer["Clear-Site-Data"] == '"prefetchCache"'
    assert "Clear-Site-Data" not in client.get("/api/v1/products")


@pytest.mark.django_db
def test_page_fetched_ahead_says_when_it_is_looked_at(client: Client) -> None:
    product = ProductFactory.create()
    address = f"/p/{product.slug}-{product.pk}/"
    looked = f"/products/{product.pk}/looked/"

    assert looked not in client.get(address).content.decode()
    page = client.get(f"{address}?via=pairs", headers={"Sec-Purpose": "prefetch"})
    assert f"{looked}?via=pairs" in page.content.decode()
