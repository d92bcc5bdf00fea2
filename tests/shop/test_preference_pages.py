"""Language, colours and help."""

import pytest
from django.test import Client

from tests.factories import ProductFactory
from tests.shop.pages import body_of

pytestmark = pytest.mark.django_db


def test_theme_is_remembered_and_rendered_by_the_server(client: Client) -> None:
    assert "data-theme" not in body_of(client.get("/help/privacy/"))

    answer = client.post("/theme/", {"theme": "dark", "next": "/help/privacy/"})

    assert (answer.status_code, answer["Location"]) == (303, "/help/privacy/")
    assert 'data-theme="dark"' in body_of(client.get("/help/privacy/"))


def test_unknown_theme_is_ignored(client: Client) -> None:
    answer = client.post("/theme/", {"theme": '"><script>'})

    assert answer.cookies == {}
    client.cookies["theme"] = "<script>"
    assert "data-theme" not in body_of(client.get("/help/privacy/"))


def test_language_is_remembered_and_the_page_kept(client: Client) -> None:
    answer = client.post("/language/", {"language": "ko", "next": "/best/?x=1"})

    assert (answer.status_code, answer["Location"]) == (303, "/best/?x=1")
    assert '<html lang="ko">' in body_of(client.get("/best/"))


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", ""])
def test_switches_never_lead_out_of_the_shop(client: Client, target: str) -> None:
    answer = client.post("/language/", {"language": "ru", "next": target})

    assert answer["Location"] == "/"


def test_switch_leads_back_to_the_page_it_was_pressed_on(client: Client) -> None:
    here = "http://testserver/products/?q=mug"

    own = client.post("/theme/", {"theme": "dark"}, headers={"Referer": here})
    evil = client.post(
        "/theme/", {"theme": "dark"}, headers={"Referer": "https://evil.example/"}
    )

    assert own["Location"] == here
    assert evil["Location"] == "/"


@pytest.mark.parametrize("path", ["/theme/", "/language/"])
def test_switches_only_answer_to_post(client: Client, path: str) -> None:
    assert client.get(path).status_code == 405


@pytest.mark.parametrize("topic", ["delivery", "returns", "privacy"])
def test_help_texts_are_there(client: Client, topic: str) -> None:
    assert client.get(f"/help/{topic}/").status_code == 200


def test_unknown_help_text_is_404(client: Client) -> None:
    assert client.get("/help/nonsense/").status_code == 404


@pytest.mark.parametrize(
    ("language", "price"),
    [("en", "₩1,234,500"), ("ko", "₩1,234,500"), ("ru", "1\xa0234\xa0500\xa0₩")],
)
def test_money_is_written_as_the_language_does(
    client: Client, language: str, price: str
) -> None:
    ProductFactory.create(price=1_234_500)
    client.post("/language/", {"language": language})

    assert price in body_of(client.get("/products/"))
