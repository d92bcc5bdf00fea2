"""Pages of errors, as a shopper comes upon them."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone
from playwright.sync_api import Page, expect

from analytics.models import DailySales
from catalog.models import Product
from common.days import shop_day
from shop.views import help_texts
from tests.factories import DeliveryMethodFactory, ProductFactory
from tests.states.conftest import Visit

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HELP = "/help/delivery/"


@pytest.fixture
def cup(transactional_db: None) -> Product:
    DeliveryMethodFactory.create()
    return ProductFactory.create(name="Celadon cup")


def fail_with(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Let the pages of help fail."""

    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(help_texts, "render", fail)


@pytest.fixture
def _servers_are_down(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let nobody reach PostgreSQL or Redis any more."""

    def away(*_args: Any, **_kwargs: Any) -> None:
        raise OperationalError("connection refused")

    def gone(*_args: Any, **_kwargs: Any) -> None:
        raise redis.ConnectionError("connection refused")

    monkeypatch.setattr(BaseDatabaseWrapper, "cursor", away)
    monkeypatch.setattr(redis.Connection, "connect", gone)
    monkeypatch.setattr(redis.Connection, "send_packed_command", gone)
    yield
    monkeypatch.undo()


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


@pytest.mark.usefixtures("cup")
def test_unknown_address_shows_search_and_a_way_on(visit: Visit) -> None:
    page = visit("/no/such/page/", status=404)

    assert heading(page) == "There is nothing at this address."
    page.fill("#q404", "celadon")
    page.press("#q404", "Enter")
    page.wait_for_url("**/search/?q=celadon")
    expect(page.locator("#products")).to_contain_text("Celadon cup")


def test_unknown_address_shows_what_others_buy(visit: Visit, cup: Product) -> None:
    DailySales.objects.create(
        product=cup, day=shop_day(timezone.now()), units=3, revenue=30_000
    )

    page = visit("/no/such/page/", status=404, theme="dark")

    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card")).to_contain_text("Celadon cup")


def test_page_of_somebody_else_is_refused(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, PermissionDenied())

    page = visit(HELP, status=403)

    assert heading(page) == "This page is not for this account."
    page.click("main .btn >> text=Sign in")
    page.wait_for_url("**/accounts/login/")


def test_request_without_sense_is_answered_with_a_way_on(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, SuspiciousOperation())

    page = visit(HELP, status=400)

    assert heading(page) == "We did not understand that request."
    expect(page.locator("text=To the shop")).to_be_visible()


@pytest.mark.usefixtures("_servers_are_down")
@pytest.mark.parametrize(
    ("language", "theme"), [("en", "light"), ("ko", "dark"), ("ru", "light")]
)
def test_broken_page_renders_without_database_and_redis(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, language: str, theme: str
) -> None:
    fail_with(monkeypatch, RuntimeError("a mistake of ours"))

    page = visit(HELP, status=500, language=language, theme=theme)

    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator(".error-code")).to_have_text("500")
    assert len(page.locator(".request-id").inner_text()) == 32


@pytest.mark.usefixtures("_servers_are_down")
def test_number_of_a_broken_page_can_be_copied(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_with(monkeypatch, RuntimeError("a mistake of ours"))
    page = visit(HELP, status=500)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.click("[data-copy]")

    expect(page.locator("#toasts")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator(".request-id").inner_text()


@pytest.mark.usefixtures("cup", "_servers_are_down")
def test_shop_without_database_says_when_to_come_again(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = visit("/products/", status=503)
    assert heading(page) == "The shop is catching its breath."
    expect(page.locator("main")).to_contain_text("Come again in 5 seconds.")

    monkeypatch.undo()
    page.click("main .btn-primary")

    page.wait_for_url("**/products/")
    expect(page.locator("h1")).to_have_text("All products")


def test_form_that_is_too_old_leads_back_to_its_page(visit: Visit) -> None:
    page = visit("/accounts/login/")
    page.evaluate("document.querySelector('main [name=csrfmiddlewaretoken]').remove()")
    page.fill("main [name=login]", "kim@example.com")
    page.fill("main [name=password]", "hanji-and-seal")
    page.press("main [name=password]", "Enter")

    expect(page.locator("h1")).to_have_text("This form was too old.")
    page.click(".btn >> text=Open the page again")

    page.wait_for_url("**/accounts/login/")
    expect(page.locator("main [name=csrfmiddlewaretoken]").first).to_be_attached()
