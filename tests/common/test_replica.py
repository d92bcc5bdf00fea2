"""Which reads may come from a copy of the database, and which may not."""

from typing import Any

import pytest
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import resolve, reverse
from pytest_django import Settings

from cart.models import Cart
from catalog.models import Product
from common import replica
from common.replica import Copy, ReplicaMiddleware, Router

OF_PRODUCTS = {"api:product", "api:prices", "api:reviews"}


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the replica be there, and be good for a request."""
    monkeypatch.setattr(replica.copy, "is_usable", lambda: True)


@pytest.fixture
def outside(copied: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look past the test's own transaction."""
    monkeypatch.setattr(replica, "_is_busy", lambda: False)


def asked(method: str, path: str, **headers: Any) -> tuple[str, str, HttpResponse]:
    """Return where products and carts are read while a request is answered."""
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        request.resolver_match = resolve(request.path_info)
        middleware.process_view(request)
        seen.append(Router().db_for_read(Product))
        seen.append(Router().db_for_read(Cart))
        return HttpResponse()

    middleware = ReplicaMiddleware(view)
    request = RequestFactory().generic(method, path, **headers)
    answer = middleware(request)
    assert Router().db_for_read(Product) == "default"  # it ends with the request
    return seen[0], seen[1], answer


@pytest.mark.usefixtures("outside", "db")
@pytest.mark.parametrize(
    "path", ["/", "/products/", "/search/?q=tea", "/api/v1/products", "/best/"]
)
def test_catalogue_is_read_there_and_carts_are_not(path: str) -> None:
    products, carts, answer = asked("GET", path)

    assert (products, carts) == ("replica", "default")
    assert not answer.cookies


@pytest.mark.usefixtures("outside", "db")
@pytest.mark.parametrize("path", ["/cart/", "/orders/", "/api/v1/orders"])
def test_what_is_somebodys_is_not(path: str) -> None:
    assert asked("GET", path)[0] == "default"


@pytest.mark.usefixtures("outside", "db")
def test_who_has_just_written_reads_from_the_primary() -> None:
    _products, _carts, answer = asked("POST", "/cart/")
    kept = answer.cookies[replica.COOKIE]

    again = asked("GET", "/products/", HTTP_COOKIE=f"{replica.COOKIE}=1")

    assert (kept["max-age"], kept["httponly"]) == (replica.STICKY, True)
    assert again[0] == "default"


@pytest.mark.usefixtures("outside", "db")
def test_apps_read_what_they_have_written() -> None:
    headers = {"HTTP_AUTHORIZATION": "Bearer x"}
    assert asked("GET", "/api/v1/products", **headers)[0] == "default"
    assert not asked("POST", "/api/v1/products", **headers)[2].cookies


@pytest.mark.django_db
def test_transaction_is_read_where_it_is_written(copied: None) -> None:
    token = replica._may_lag.set(True)
    try:
        with transaction.atomic():
            assert replica.alias() == "default"
    finally:
        replica._may_lag.reset(token)


def test_writes_and_migrations_go_to_the_primary() -> None:
    router = Router()

    assert router.db_for_write(Product) == "default"
    assert router.allow_relation(object(), object())
    assert router.allow_migrate("default", "catalog")
    assert not router.allow_migrate("replica", "catalog")


@pytest.mark.parametrize(
    ("behind", "usable"),
    [
        (0.0, "yes"),
        (4.9, "yes"),
        (5.1, "no"),
        (None, "no"),
        (OperationalError(), "no"),
    ],
)
def test_copy_that_is_away_or_late_is_left_alone(
    behind: Any, usable: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looks = [100.0], []

    def lag() -> Any:
        looks.append(now[0])
        if isinstance(behind, Exception):
            raise behind
        return behind

    class Closed:
        def close(self) -> None:
            """Do nothing."""

    settings.REPLICA_MAX_LAG = 5.0
    monkeypatch.setattr(replica, "lag", lag)
    monkeypatch.setattr(replica, "connections", {"replica": Closed()})
    copy = Copy(clock=lambda: now[0])

    assert copy.is_usable() is (usable == "yes")
    now[0] += 0.5
    assert copy.is_usable() is (usable == "yes")
    now[0] += 0.75
    assert copy.is_usable() is (usable == "yes")
    now[0] += 4.0
    copy.is_usable()

    assert looks == ([100.0, 101.25, 105.25] if usable == "yes" else [100.0, 105.25])


def test_routes_exist() -> None:
    for name in replica.ROUTES:
        known: dict[str, dict[str, Any]] = {
            "shop:category": {"slug": "x"},
            "api:category": {"slug": "x"},
            "shop:product": {"slug": "x", "product_id": 1},
        }
        kwargs = known.get(name, {})
        if name in {"shop:product-reviews", *OF_PRODUCTS}:
            kwargs = {"product_id": 1}
        if name == "admin:analytics_report":
            kwargs = {"name": "sales"}
        assert reverse(name, kwargs=kwargs), name


@pytest.mark.django_db
def test_without_a_replica_nothing_is_different(client: Client) -> None:
    assert replica.reading().alias == "default"
    assert replica.COOKIE not in client.get("/products/").cookies
