"""Delivery at checkout: what each way costs, when it arrives, where it is fetched."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import Address, User
from catalog.models import Product
from delivery import live
from delivery.models import DeliveryMethod
from delivery.promise import Promise, promise
from delivery.terms import Schedule
from orders.models import Order
from shop.templatetags.shop import promised
from tests.factories import (
    AddressFactory,
    DeliveryMethodFactory,
    PickupPointFactory,
    ProductFactory,
    RateFactory,
    ZoneFactory,
)
from tests.shop.pages import HTMX, text_of
from tests.shop.test_checkout_pages import TYPED, filled, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def jar(signed_in: Client) -> Product:
    """Put ₩18,500 and 1,200 g into the shopper's cart."""
    product = ProductFactory.create(price=18_500, weight_grams=1_200)
    signed_in.post("/cart/add/", {"product": product.pk, "quantity": 1})
    return product


@pytest.fixture
def zones() -> DeliveryMethod:
    """Standard is ₩3,000 in Korea and ₩6,000 on Jeju, express is not on Jeju."""
    standard = DeliveryMethodFactory.create(name="Standard", position=1)
    express = DeliveryMethodFactory.create(code="express", name="Express", position=2)
    korea = ZoneFactory.create(name="Korea")
    jeju = ZoneFactory.create(name="Jeju", postal_prefixes=["63"])
    RateFactory.create(method=standard, zone=korea, cost=3_000)
    RateFactory.create(method=standard, zone=jeju, cost=6_000)
    RateFactory.create(method=express, zone=korea, cost=7_500)
    return standard


@pytest.fixture
def homes(shopper: User) -> tuple[Address, Address]:
    """The usual one in Seoul, another on Jeju."""
    return (
        AddressFactory.create(user=shopper, is_default=True),
        AddressFactory.create(user=shopper, postal_code="63186", city="Jeju"),
    )


@pytest.mark.usefixtures("zones")
def test_each_way_has_its_price_and_its_days(signed_in: Client) -> None:
    page = signed_in.get("/checkout/")

    days = promised(promise(Schedule(), now=page.context["view"].offer.moment))
    assert f"Standard Arrives {days} ₩3,000" in text_of(page)
    assert f"Express Arrives {days} ₩7,500" in text_of(page)


def test_days_are_written_as_one_or_as_two() -> None:
    monday = datetime(2026, 11, 16, tzinfo=UTC).date()
    thursday = datetime(2026, 11, 19, tzinfo=UTC).date()

    assert promised(Promise(monday, monday)) == "Mon, Nov 16"
    assert promised(Promise(monday, thursday)) == "Mon, Nov 16 – Thu, Nov 19"


@pytest.mark.usefixtures("zones")
def test_address_that_is_chosen_changes_ways_and_total(
    signed_in: Client, homes: tuple[Address, Address]
) -> None:
    _seoul, jeju = homes

    page = signed_in.get("/checkout/", {"address": jeju.pk}, headers=HTMX)
    text = text_of(page)

    assert "Delivery: Standard ₩6,000" in text
    assert "Pay ₩24,500" in text
    assert "Express" not in text


@pytest.mark.usefixtures("zones")
def test_way_that_does_not_lead_to_the_new_address_is_let_go(
    signed_in: Client, homes: tuple[Address, Address]
) -> None:
    asked: dict[str, Any] = {"address": homes[1].pk, "delivery": "express"}

    assert "Delivery: Standard ₩6,000" in text_of(signed_in.get("/checkout/", asked))


@pytest.mark.usefixtures("zones")
def test_postal_code_that_is_typed_changes_the_price(signed_in: Client) -> None:
    asked = {"address": "new", "postal_code": "63-186"}

    assert "Pay ₩24,500" in text_of(signed_in.get("/checkout/", asked))


@pytest.mark.usefixtures("zones")
def test_order_is_charged_for_where_it_goes(
    signed_in: Client, homes: tuple[Address, Address]
) -> None:
    jeju = homes[1].pk
    page = signed_in.get("/checkout/", {"address": jeju})

    signed_in.post(
        "/checkout/",
        {
            "address": jeju,
            "delivery": "standard",
            "key": page.context["visit"].key,
            "quote": page.context["view"].quote_id,
            "pay": "1",
        },
    )

    order = Order.objects.get()
    assert (order.delivery_cost, order.total) == (6_000, 24_500)
    assert order.address["city"] == "Jeju"


@pytest.mark.usefixtures("zones")
def test_price_of_another_address_has_to_be_confirmed(signed_in: Client) -> None:
    # The page was priced for Seoul; then Jeju was typed without a script.
    form = filled(signed_in, **(TYPED | {"postal_code": "63186"}), pay="1")

    refused = signed_in.post("/checkout/", form)
    assert refused.status_code == 409
    assert not Order.objects.exists()
    assert "Pay ₩24,500" in text_of(refused)

    form["quote"] = refused.context["view"].quote_id
    signed_in.post("/checkout/", form)

    assert Order.objects.get().total == 24_500


def test_address_nobody_delivers_to_is_said_and_refused(
    signed_in: Client, shopper: User
) -> None:
    RateFactory.create()
    AddressFactory.create(user=shopper, country="FR", is_default=True)

    page = signed_in.get("/checkout/")
    assert "None of our ways of delivery leads to this address." in text_of(page)

    answer = send(signed_in, address=Address.objects.get().pk, pay="1")

    assert answer.status_code == 409
    assert "This way of delivery is not offered." in text_of(answer)
    assert not Order.objects.exists()


# --- Picking up -----------------------------------------------------------------------


@pytest.fixture
def gangnam() -> None:
    DeliveryMethodFactory.create(position=2)
    point = PickupPointFactory.create(method__name="Pick-up", method__cost=500)
    DeliveryMethod.objects.filter(pk=point.method_id).update(free_from=None)
    PickupPointFactory.create(method=point.method, code="jongno", name="Jongno")


@pytest.mark.usefixtures("gangnam")
def test_points_are_offered_with_their_hours(signed_in: Client) -> None:
    text = text_of(signed_in.get("/checkout/"))

    assert "Gangnam, 152 Teheran-ro, Seoul (10:00–20:00)" in text
    assert "Jongno, 152 Teheran-ro" in text


@pytest.mark.usefixtures("gangnam")
def test_order_that_is_picked_up_goes_to_the_point(signed_in: Client) -> None:
    wish = {"delivery": "pickup", "at-pickup": "jongno", "at-standard": "x"}
    page = signed_in.get("/checkout/", wish)
    assert "Pay ₩19,000" in text_of(page)

    signed_in.post(
        "/checkout/",
        {
            **TYPED,
            **wish,
            "keep_address": "on",
            "key": page.context["visit"].key,
            "quote": page.context["view"].quote_id,
            "pay": "1",
        },
    )

    address = Order.objects.get().address
    assert (address["pickup_point"], address["pickup_name"]) == ("jongno", "Jongno")
    assert (address["recipient"], address["line1"]) == ("Lee Ji-won", "152 Teheran-ro")
    # What is kept for next time is where the shopper lives.
    assert Address.objects.get().line1 == "513 Yeongdong-daero"


@pytest.mark.usefixtures("gangnam")
@pytest.mark.parametrize("point", ["nowhere", "gangnam;", "x" * 41, "a\0b"])
def test_point_that_is_not_there_is_refused(point: str, signed_in: Client) -> None:
    wish = {"delivery": "pickup", "at-pickup": point}

    page = signed_in.get("/checkout/", wish)
    assert page.status_code == 200
    answer = send(
        signed_in, **TYPED, **wish, quote=page.context["view"].quote_id, pay="1"
    )

    # What is no name at all is no choice either: the parcel goes to the address.
    refused = point == "nowhere"
    assert answer.status_code == (409 if refused else 303)
    assert Order.objects.filter(address__has_key="pickup_point").count() == 0


# --- Carriers -------------------------------------------------------------------------


@pytest.fixture
def courier() -> None:
    DeliveryMethodFactory.create(
        name="Courier",
        cost=9_999,
        free_from=None,
        carrier="sandbox",
        carrier_service="express",
    )


@pytest.mark.usefixtures("courier")
def test_first_page_shows_the_carriers_price_and_an_order_takes_it(
    signed_in: Client,
) -> None:
    # 4,500 and 500 for each of two kilograms begun.
    asked = {"address": "new", "postal_code": TYPED["postal_code"]}
    page = signed_in.get("/checkout/", asked)
    assert "Delivery: Courier ₩5,500" in text_of(page)
    assert "our own price" not in text_of(page)

    answer = send(signed_in, **TYPED, pay="1")

    assert answer.status_code == 303
    assert Order.objects.get().delivery_cost == 5_500


@pytest.mark.usefixtures("courier")
def test_price_nobody_has_asked_for_is_confirmed_first(signed_in: Client) -> None:
    # Without a script the postal code is only known once the form is sent.
    form = filled(signed_in, **TYPED, pay="1")

    asks = signed_in.post("/checkout/", form)
    takes = signed_in.post("/checkout/", form)

    assert (asks.status_code, takes.status_code) == (409, 303)
    assert Order.objects.get().delivery_cost == 5_500


@pytest.mark.usefixtures("courier")
def test_silent_carrier_is_stood_in_for_and_it_says_so(
    signed_in: Client, settings: Settings
) -> None:
    settings.CARRIERS = []

    text = text_of(signed_in.get("/checkout/"))

    assert "Delivery: Courier ₩9,999" in text
    assert "the carrier does not answer, so this is our own price" in text


@pytest.mark.usefixtures("courier")
def test_carrier_that_breaks_is_stood_in_for(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("delivery.carriers.sandbox.Sandbox.rates", broken)

    text = text_of(signed_in.get("/checkout/"))

    live.breaker.forget()
    assert "Delivery: Courier ₩9,999" in text
