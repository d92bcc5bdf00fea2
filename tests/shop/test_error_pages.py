"""What is shown when something is not there, not allowed, or not working."""

import pytest
from django.core.cache import cache
from django.template.loader import get_template
from django.test import Client, RequestFactory

from shop.views import errors
from tests.shop.pages import body_of, text_of


@pytest.mark.django_db
def test_unknown_address_is_404_with_a_search_box(client: Client) -> None:
    page = client.get("/no/such/page/")

    assert page.status_code == 404
    assert 'id="q404"' in body_of(page)
    assert page.cookies == {}


# Without the django_db mark any statement fails the test.
def test_500_needs_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_args: object, **_kwargs: object) -> None:
        pytest.fail("the page of an error must not ask the cache")

    monkeypatch.setattr(type(cache), "get", away, raising=False)

    page = errors.server_error(RequestFactory().get("/"))

    assert page.status_code == 500
    assert "Something broke on our side." in text_of(page)


@pytest.mark.parametrize(
    "template", ["400.html", "403_csrf.html", "500.html", "503.html"]
)
def test_pages_of_last_resort_need_no_request(template: str) -> None:
    assert "Dojang" in get_template(template).render({})


@pytest.mark.django_db
def test_form_without_a_token_is_refused_with_an_explanation() -> None:
    strict = Client(enforce_csrf_checks=True)

    answer = strict.post("/cart/add/", {"product": "1", "quantity": "1"})

    assert answer.status_code == 403
    assert "This form was too old." in text_of(answer)


@pytest.mark.django_db
def test_403_offers_a_way_on() -> None:
    page = errors.permission_denied(RequestFactory().get("/"), Exception())

    assert page.status_code == 403
    assert "To the shop" in text_of(page)
