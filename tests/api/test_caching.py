"""What caches may keep of every operation, and that nobody gets what is another's.

``UPDATE_CACHE_CONTROL=1`` writes the table anew.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import resolve

from accounts.models import User
from api.pages import description
from api.views import PersonalView
from cart import services as carts
from tests.api.client import Api
from tests.api.paying import order_of
from tests.factories import (
    AddressFactory,
    CouponBatchFactory,
    CouponFactory,
    ProductFactory,
    UserFactory,
)

TABLE = Path(__file__).parent / "cache_control.json"
# What stands for the parts of an address when nothing is looked up.
ANY = {"order_id": "01920000-0000-7000-8000-000000000000", "code": "gone"}
ANY |= {"payment_id": ANY["order_id"], "provider": "x", "carrier": "x", "slug": "x"}
ANY |= {"event_type": "x", "user_id": "1"}


def operations() -> list[tuple[str, str]]:
    return [
        (method.upper(), path)
        for path, methods in description()["paths"].items()
        for method in methods
    ]


def filled(path: str, values: dict[str, Any]) -> str:
    return re.sub(
        r"{(\w+)}", lambda part: str(values.get(part[1], ANY.get(part[1], "1"))), path
    )


def kept_of(method: str, path: str) -> str:
    view: type[PersonalView] = vars(resolve(filled(path, {})).func)["cls"]
    return view.cache_control if method == "GET" else view.cache_control_of_writes


def test_every_operation_is_kept_as_the_table_says() -> None:
    found = {f"{method} {path}": kept_of(method, path) for method, path in operations()}
    if os.environ.get("UPDATE_CACHE_CONTROL"):
        TABLE.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")

    assert found == json.loads(TABLE.read_text())


def test_nothing_written_and_no_money_is_kept() -> None:
    table: dict[str, str] = json.loads(TABLE.read_text())
    written = {kept for name, kept in table.items() if not name.startswith("GET")}
    money = {
        kept
        for name, kept in table.items()
        if re.search(r"GET /api/v1/(points|cart|coupons|payments|auth)(/|$)", name)
    }

    # The price of a delivery is asked for by POST, for its address.
    assert written == {"no-store", "private, no-store", "private, max-age=60"}
    assert money <= {"no-store", "private, no-store"}


def text_of(answer: Any) -> str:
    content = b"".join(answer) if answer.streaming else answer.content
    return bytes(content).decode(errors="replace")


class Person:
    """Somebody whose name is on everything that is theirs."""

    def __init__(self, name: str) -> None:
        self.user = UserFactory.create(
            email=f"{name}@example.com", name=name, phone=name, points=1_000_000
        )
        AddressFactory.create(user=self.user, recipient=name, is_default=True)
        coupon = CouponFactory.create(user=self.user)
        self.order = order_of(self.user)
        carts.add(
            cart_id=carts.of_user(self.user.pk).pk,
            product_id=ProductFactory.create().pk,
            quantity=1,
        )
        self.api = Api(self.user)
        self.markers = [name, self.order.number, str(self.order.pk)]
        self.ids = {"order_id": self.order.pk, "coupon_id": coupon.pk}

    def is_in(self, text: str) -> bool:
        return any(marker in text for marker in self.markers)


@pytest.mark.django_db
def test_of_two_who_take_turns_none_sees_the_other() -> None:
    ann, bob = Person("ann-q7x"), Person("bob-z3k")
    product = ProductFactory.create()
    own, seen = 0, 0
    for _method, path in operations():
        if _method != "GET":
            continue
        for reader, other in ((ann, bob), (bob, ann)):
            for owner in (reader, other):
                there = filled(path, owner.ids | {"product_id": product.pk})
                answer = reader.api.client.get(there, headers=reader.api.headers)
                text = text_of(answer)
                if owner is other:
                    # An id in the address comes back in a refusal, nothing else does.
                    assert not other.is_in(text.replace(str(other.order.pk), "")), there
                else:
                    assert not other.is_in(text), there
                own += reader.is_in(text)
                assert answer.status_code < 500, there
                kept = answer["Cache-Control"]
                if reader.is_in(text):
                    assert "public" not in kept, there
                if kept.startswith("public"):
                    assert not answer.cookies, there
                seen += 1
            public = Client().get(filled(path, {"product_id": product.pk}))
            assert not ann.is_in(text_of(public)), path
            assert not bob.is_in(text_of(public)), path

    assert seen > 100
    assert own > 20


@pytest.mark.django_db
def test_tag_of_somebody_else_is_no_copy_of_ones_own() -> None:
    ann, bob = Person("ann-q7x"), Person("bob-z3k")

    for path in ("/api/v1/users/me", "/api/v1/users/me/addresses", "/api/v1/orders"):
        tag = ann.api.get(path).header("ETag")
        assert bob.api.get(path, If_None_Match=tag).status == 200


@pytest.mark.django_db
def test_what_others_say_of_the_host_changes_nothing(api: Api, user: User) -> None:
    order, product = order_of(user), ProductFactory.create()
    values = {"order_id": order.pk, "product_id": product.pk}
    poison = {
        "X-Forwarded-Host": "evil.example",
        "X-Host": "evil.example",
        "X-Forwarded-Server": "evil.example",
        "X-Original-URL": "/evil.example",
        "X-Forwarded-Scheme": "evil.example",
        "Forwarded": "host=evil.example",
    }
    for method, path in operations():
        if method != "GET":
            continue
        there = filled(path, values)
        plain = api.client.get(there, headers=api.headers)
        poisoned = api.client.get(there, headers=api.headers | poison)
        headers = "".join(poisoned.headers.values())
        assert "evil.example" not in text_of(poisoned), there
        assert "evil.example" not in headers, there
        assert plain.status_code == poisoned.status_code, there


@pytest.mark.django_db
def test_cookie_does_not_choose_the_language_of_what_is_kept(guest: Api) -> None:
    path = "/api/problems/not_found"
    english = guest.get(path).body["title"]
    guest.client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ko"

    by_cookie = guest.get(path)
    by_header = guest.get(path, Accept_Language="ko")

    assert by_cookie.body["title"] == english != by_header.body["title"]
    assert "Accept-Language" in by_cookie.header("Vary")
    assert not guest.client.get(f"{path}?lang=ko").cookies


@pytest.mark.django_db
def test_campaigns_are_public_until_somebody_signs_in(guest: Api, api: Api) -> None:
    CouponBatchFactory.create()
    path = "/api/v1/coupon-campaigns"

    assert guest.get(path).header("Cache-Control") == "public, max-age=1"
    assert api.get(path).header("Cache-Control") == "private, max-age=1"
    assert "Authorization" in guest.get(path).header("Vary")


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["problems", "problems/not_found", "asyncapi"])
def test_no_cache_gives_an_app_the_page_of_a_browser(guest: Api, path: str) -> None:
    for accept, kind in (("*/*", "application/json"), ("text/html", "text/html")):
        answer = guest.client.get(f"/api/{path}", headers={"Accept": accept})

        assert answer["Content-Type"].partition(";")[0] == kind
        assert "Accept" in {name.strip() for name in answer["Vary"].split(",")}
