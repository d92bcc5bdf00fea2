"""Every error is a problem document, whatever caused it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as shop_settings
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from psycopg import errors as pg
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView

from api.pages import registry
from api.problems import TITLES
from catalog.models import Category
from tests.api.client import Api
from tests.factories import ProductFactory

pytestmark = pytest.mark.django_db
PRODUCTS = "/api/v1/products"
# The only views that answer somebody who is not signed in.
OPEN = {
    "AsyncSchemaView",
    "BackInStockView",
    "BestSellersView",
    "CampaignListView",
    "CampaignView",
    "CarrierWebhookView",
    "CartItemView",
    "CartItemsView",
    "CartSelectionView",
    "CartView",
    "CategoryListView",
    "CategoryView",
    "ConfigView",
    "DeliveryMethodListView",
    "DeliveryQuotesView",
    "EventListView",
    "EventSchemaView",
    "OldCartView",
    "PasswordResetConfirmView",
    "PasswordResetView",
    "ProblemListView",
    "ProblemView",
    "ProductListView",
    "ProductPricesView",
    "ProductStockView",
    "ProductView",
    "QuoteView",
    "RecommendationsView",
    "RefreshView",
    "RegisterView",
    "RelatedView",
    "ResendVerificationView",
    "RevokeView",
    "SchemaView",
    "ServiceListView",
    "ServiceSignInView",
    "SuggestView",
    "TokenView",
    "TrendingView",
    "UnknownView",
    "VerifyEmailView",
    "WebhookView",
    "WritableProductView",
    "WritableProductsView",
}


def views() -> Iterator[type[APIView]]:
    def walk(patterns: list[URLPattern | URLResolver]) -> Iterator[type[APIView]]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            elif hasattr(pattern.callback, "cls"):
                yield pattern.callback.cls

    resolvers = get_resolver().url_patterns
    yield from walk([found for found in resolvers if str(found.pattern) == "api/"])


def test_only_the_listed_views_are_open_to_everybody() -> None:
    found = {
        view.__name__.removeprefix("Compat")
        for view in views()
        if AllowAny in view.permission_classes
    }

    assert found == OPEN
    assert all(view.permission_classes for view in views())


@pytest.mark.parametrize("path", ["x", "v1", "v1/x", "v2/products", "product/x/y"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_unknown_addresses(guest: Api, method: str, path: str) -> None:
    answer = guest.send(method, f"/api/{path}")

    assert (answer.status, answer.code) == (404, "not_found")


def test_problem_has_every_member(api: Api) -> None:
    answer = api.get("/api/v1/orders/01920000-0000-7000-8000-000000000000")

    request_id = answer.header("X-Request-Id")
    assert answer.body == {
        "type": f"{shop_settings.SHOP_BASE_URL}/api/problems/order_not_found",
        "title": "No such order",
        "status": 404,
        "detail": "There is no such order.",
        "instance": request_id,
        "code": "order_not_found",
    }
    assert answer.header("Cache-Control") == "no-store"


def test_wrong_method(guest: Api) -> None:
    answer = guest.post(f"{PRODUCTS}/best")

    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.header("Allow") == "GET, HEAD"
    assert guest.send("OPTIONS", f"{PRODUCTS}/best").status == 405


def test_wrong_accept(guest: Api) -> None:
    answer = guest.get(PRODUCTS, Accept="text/html")

    assert (answer.status, answer.code) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ],
)
def test_wrong_content_type(api: Api, content_type: str) -> None:
    answer = api.send(
        "POST", "/api/v1/points/charge", b"amount=5", content_type=content_type
    )

    assert (answer.status, answer.code) == (415, "unsupported_media_type")


def test_large_bodies(api: Api) -> None:
    body = (
        b'{"amount": 5, "x": "'
        + b"x" * shop_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        + b'"}'
    )

    answer = api.post("/api/v1/points/charge", body)

    assert (answer.status, answer.code) == (413, "body_too_large")


@pytest.mark.parametrize(
    "error",
    [
        OperationalError("the connection is lost"),
        InterfaceError("the connection is closed"),
        pg.LockNotAvailable,
        pg.QueryCanceled,
        pg.DeadlockDetected,
        pg.TooManyConnections,
    ],
)
def test_busy_database_is_503_and_not_500(
    guest: Api, monkeypatch: pytest.MonkeyPatch, error: Exception | type[Exception]
) -> None:
    def fail(*_: object) -> None:
        if isinstance(error, Exception):
            raise error
        raise OperationalError from error()

    monkeypatch.setattr("api.v1.product_lists.read_prepared", fail)

    answer = guest.get(PRODUCTS)

    assert (answer.status, answer.code) == (503, "unavailable")
    assert answer.header("Retry-After") == "1"


def test_database_that_fails_while_looking_who_it_is(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise OperationalError

    monkeypatch.setattr("api.tokens.find_user", fail)

    assert api.get("/api/v1/points").status == 503


def test_mistake_of_ours_is_a_problem_and_in_the_log(
    guest: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr("api.v1.product_lists.read_prepared", fail)
    guest.client.raise_request_exception = False

    answer = guest.get(PRODUCTS)

    assert (answer.status, answer.code) == (500, "internal_error")
    assert b"secret" not in answer.response.content
    assert "a secret" in caplog.text


def test_words_follow_the_language_and_codes_do_not(
    guest: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = guest.get("/api/v1/points", Accept_Language="ko")

    assert answer.code == "not_authenticated"
    assert answer.header("Content-Language") == "ko"
    # Django REST framework's own words are translated already.
    assert answer.body["detail"] != guest.get("/api/v1/points").body["detail"]


def test_every_type_leads_to_its_explanation(guest: Api) -> None:
    problems = guest.get("/api/problems").body["items"]

    assert {problem["code"] for problem in problems} == set(registry())
    for problem in problems:
        path = problem["type"].removeprefix(shop_settings.SHOP_BASE_URL)
        assert guest.get(path).body == problem
        assert problem["description"], problem["code"]
    assert guest.get("/api/problems/nothing").status == 404


def test_every_code_has_a_title() -> None:
    assert set(registry()) - set(TITLES) == set()


def test_malformed_host_is_answered(guest: Api) -> None:
    ProductFactory.create(category=Category.objects.create(name="x", slug="x"))

    answer = Client().get(PRODUCTS, headers={"host": "evil.example"})

    assert answer.status_code == 200
    assert b"evil" not in answer.content


def test_errors_before_any_view_are_problems_too(guest: Api, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]

    answer = guest.get(PRODUCTS, Host="evil.example")

    assert (answer.status, answer.code) == (400, "parse_error")


def test_pages_keep_their_own_errors() -> None:
    page = Client().get("/no-such-page")

    assert page.status_code == 404
    assert page["Content-Type"].startswith("text/html")
