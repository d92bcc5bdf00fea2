"""Less or more of an answer, and lists that say where they go on."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from api import sparse
from api.pages import description
from tests.api.client import Api
from tests.api.paying import order_of
from tests.factories import ProductFactory, UserFactory
from tests.reviewing import published

pytestmark = pytest.mark.django_db
PRODUCTS, ORDERS, ME = "/api/v1/products", "/api/v1/orders", "/api/v1/users/me"


def raw(api: Api, path: str) -> Any:
    """Ask for less than the description has: not held against it."""
    return api.client.get(path, headers=api.headers)


def test_lists_and_single_things_have_the_fields_asked_for(
    api: Api, user: User
) -> None:
    product = ProductFactory.create()

    listed = raw(api, f"{PRODUCTS}?fields=id,name&limit=1").json()
    single = raw(api, f"{PRODUCTS}/{product.pk}?fields=price,id").json()
    own = raw(api, f"{ME}?fields=email").json()

    assert [item.keys() for item in listed["items"]] == [{"id", "name"}]
    assert listed.keys() >= {"next", "previous"}
    assert single.keys() == {"id", "price"}
    assert own == {"email": user.email}


@pytest.mark.parametrize(
    "path",
    [f"{PRODUCTS}?fields=id,secret", f"{ME}?fields=password", f"{ORDERS}?fields=x"],
)
def test_unknown_field_is_named(path: str, api: Api) -> None:
    answer = api.get(path)

    assert (answer.status, answer.code) == (400, "invalid")
    assert answer.pointers == ["fields"]


def test_a_part_has_the_tag_of_the_whole(api: Api) -> None:
    whole = api.get(ME)
    part = raw(api, f"{ME}?fields=id")

    assert part["ETag"] == whole.header("ETag")
    answer = api.get(f"{ME}?fields=id", If_None_Match=part["ETag"])
    assert answer.status == 304


def test_next_page_has_the_same_fields(api: Api) -> None:
    ProductFactory.create_batch(3)

    first = raw(api, f"{PRODUCTS}?fields=id&limit=2")
    second = raw(api, first.json()["next"])

    assert first["Link"] == f'<{first.json()["next"]}>; rel="next"'
    assert [item.keys() for item in second.json()["items"]] == [{"id"}]
    assert "Link" not in second


def test_orders_of_a_list_show_what_is_asked_for(api: Api, user: User) -> None:
    order = order_of(user)
    names = ("payments", "shipments", "refunds", "returns", "timeline")

    plain = api.get(ORDERS).body["items"][0]
    full = api.get(f"{ORDERS}?expand={','.join(names)}").body["items"][0]
    one = api.get(f"{ORDERS}/{order.pk}").body

    assert not plain.keys() & {*names}
    assert {name: full[name] for name in names} == {name: one[name] for name in names}
    assert api.get(f"{ORDERS}?expand=user").pointers == ["expand"]


def test_expansion_takes_as_many_statements_for_many_as_for_one(
    api: Api, user: User
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            path = f"{ORDERS}?expand=payments,shipments,refunds,returns,timeline"
            assert api.get(path).status == 200
        return len(queries)

    order_of(user)
    for_one = statements()
    for _ in range(4):
        order_of(user)

    assert statements() == for_one


def test_product_shows_reviews_and_what_goes_with_it(api: Api) -> None:
    product = ProductFactory.create()
    review = published(product)
    path = f"{PRODUCTS}/{product.pk}"

    plain = api.get(path).body
    full = api.get(f"{path}?expand=reviews,related").body

    assert not plain.keys() & {"reviews", "related"}
    assert [one["id"] for one in full["reviews"]] == [review.pk]
    listed = api.get(f"{path}/related").body["items"]
    assert full["related"] == [item["product"] for item in listed]
    assert api.get(f"{path}?expand=seller").pointers == ["expand"]


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/points/history", "/api/v1/coupons", "/api/v1/wishlist"),
        *("/api/v1/notifications", "/api/v1/reviews", ORDERS),
        *(PRODUCTS, f"{PRODUCTS}?sort=price", f"{PRODUCTS}?q=product"),
    ],
)
def test_lists_are_counted_for_who_asks(path: str, api: Api, user: User) -> None:
    ProductFactory.create_batch(2)
    order_of(user)
    sign = "&" if "?" in path else "?"

    without = api.get(path).body
    counted = api.get(f"{path}{sign}include=total&limit=1").body

    assert not without.keys() & {"total", "is_total_exact"}
    assert counted["total"] == len(without["items"])
    assert counted["is_total_exact"] is True


def test_counting_stops(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "MOST_COUNTED", 2)
    monkeypatch.setattr("api.v1.product_lists.MOST_COUNTED", 2)
    ProductFactory.create_batch(4)

    body = api.get(f"{PRODUCTS}?include=total,facets").body

    assert (body["total"], body["is_total_exact"]) == (2, False)
    assert body["facets"] is not None
    assert api.get(f"{PRODUCTS}?include=sum").pointers == ["include"]


def test_total_is_of_all_pages_and_of_oneself(api: Api, user: User) -> None:
    for _ in range(3):
        order_of(user)
    order_of(UserFactory.create(points=1_000_000))

    first = api.get(f"{ORDERS}?include=total&limit=2").body
    second = api.get(first["next"]).body

    assert (first["total"], second["total"]) == (3, 3)


def test_every_read_describes_fields_and_every_list_total() -> None:
    for path, methods in description()["paths"].items():
        operation = methods.get("get", {})
        names = {item["name"] for item in operation.get("parameters", ())}
        content = operation.get("responses", {}).get("200", {}).get("content", {})
        # What somebody takes along is whole, and an event's schema is not a resource.
        is_whole = path.endswith(("/export", "{event_type}"))
        if "application/json" in content and not is_whole:
            assert "fields" in names, path
        if "cursor" in names and "limit" in names:
            assert "include" in names or "sync" in path, path


def test_looking_without_a_body_says_the_same(api: Api, guest: Api) -> None:
    ProductFactory.create()
    for client, path in ((guest, PRODUCTS), (api, ME), (api, "/api/v1/points")):
        get, head = client.get(path), client.send("HEAD", path)

        assert (head.status, head.response.content) == (200, b"")
        for name in ("ETag", "Cache-Control", "Content-Type", "Vary"):
            assert head.header(name) == get.header(name)


def test_options_are_off(api: Api) -> None:
    answer = api.send("OPTIONS", ME)

    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert "Access-Control-Allow-Origin" not in answer.response.headers


def test_every_answer_has_a_version_and_an_id(api: Api, guest: Api) -> None:
    for answer in (
        api.get(ME, X_Request_Id="app-17"),
        guest.get("/api/v1/nothing", X_Request_Id="app-17"),
        guest.get(f"{ME}", X_Request_Id="app-17"),
    ):
        assert answer.header("X-Request-Id") == "app-17"
        assert answer.header("Api-Version") == description()["info"]["version"]


def test_only_staff_are_told_where_the_time_goes(api: Api, staff: Api) -> None:
    assert api.get(ME).header("Server-Timing") == ""
    assert "statements" in staff.get(ME).header("Server-Timing")


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_public_answers_are_packed(encoding: str, guest: Api, api: Api) -> None:
    ProductFactory.create_batch(20)
    plain = guest.client.get(PRODUCTS)

    packed = guest.client.get(PRODUCTS, headers={"Accept-Encoding": encoding})
    own = raw(api, ME)

    assert packed["Content-Encoding"] == encoding
    assert len(packed.content) < len(plain.content) / 3
    assert packed["ETag"] == f"W/{plain['ETag']}"
    assert packed["Content-Length"] == str(len(packed.content))
    assert "Content-Encoding" not in own
    again = guest.get(PRODUCTS, If_None_Match=packed["ETag"])
    assert again.status == 304
