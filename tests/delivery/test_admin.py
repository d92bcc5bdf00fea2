"""What staff may write about delivery, and what they are told."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from delivery.models import DeliveryMethod, Rate, Zone
from tests.factories import (
    DeliveryMethodFactory,
    RateFactory,
    StaffFactory,
    ZoneFactory,
)

pytestmark = pytest.mark.django_db
ZONES, METHODS = "/admin/delivery/zone/", "/admin/delivery/deliverymethod/"


@pytest.fixture(autouse=True)
def boss(client: Client) -> None:
    client.force_login(StaffFactory.create())


def test_zone_is_taken_as_people_write_it(client: Client) -> None:
    client.post(
        f"{ZONES}add/",
        {
            "name": "Islands",
            "countries": " kr, JP,kr",
            "postal_prefixes": "63-, 402",
            "position": 1,
        },
    )

    zone = Zone.objects.get()
    assert (zone.countries, zone.postal_prefixes) == (["JP", "KR"], ["402", "63"])


@pytest.mark.parametrize(
    ("countries", "prefixes", "complaint"),
    [
        ("K1", "", "two letters"),
        ("", "63", "Postal codes need their countries."),
    ],
)
def test_zone_that_makes_no_sense_is_explained(
    countries: str, prefixes: str, complaint: str, client: Client
) -> None:
    page = client.post(
        f"{ZONES}add/",
        {
            "name": "x",
            "countries": countries,
            "postal_prefixes": prefixes,
            "position": 0,
        },
    )

    assert complaint in page.content.decode()
    assert not Zone.objects.exists()


def test_second_zone_for_everywhere_else_is_refused(client: Client) -> None:
    ZoneFactory.create(countries=[])

    page = client.post(
        f"{ZONES}add/",
        {"name": "x", "countries": "", "postal_prefixes": "", "position": 0},
    )

    assert page.status_code == 200
    assert Zone.objects.count() == 1


def test_method_is_changed_with_its_rates(client: Client) -> None:
    method, zone = DeliveryMethodFactory.create(), ZoneFactory.create()

    answer = client.post(
        f"{METHODS}{method.pk}/change/",
        form(method, carrier="sandbox", carrier_service="express")
        | inline(zone=zone.pk, weight_up_to=5_000, value_from=0, cost=4_000),
    )

    assert answer.status_code == 302, answer.content.decode()
    method.refresh_from_db()
    assert (method.carrier, method.carrier_service) == ("sandbox", "express")
    [rate] = Rate.objects.all()
    assert (rate.zone, rate.weight_up_to, rate.value_from, rate.cost) == (
        zone,
        5_000,
        0,
        4_000,
    )


@pytest.mark.parametrize(
    ("changes", "rate", "complaint"),
    [
        ({"carrier_service": "express"}, {}, "A service needs a carrier."),
        ({"days_min": 3, "days_max": 2}, {}, "This must not be below the other."),
        ({"cost": -1}, {}, "This must not be below zero."),
        ({"carrier": "pigeons"}, {}, "Select a valid choice"),
        ({}, {"cost": -1}, "This is too low."),
        ({}, {"weight_up_to": 0}, "This is too low."),
    ],
)
def test_method_that_makes_no_sense_is_explained(
    changes: dict[str, Any], rate: dict[str, Any], complaint: str, client: Client
) -> None:
    method, zone = DeliveryMethodFactory.create(), ZoneFactory.create()
    row = {"zone": zone.pk, "weight_up_to": "", "value_from": 0, "cost": 1} | rate

    page = client.post(
        f"{METHODS}{method.pk}/change/", form(method, **changes) | inline(**row)
    )

    assert complaint in page.content.decode()
    assert not Rate.objects.exists()
    assert DeliveryMethod.objects.filter(carrier="", cost=3_000).exists()


def test_carrier_that_was_switched_off_is_shown_and_not_lost(
    client: Client, settings: Settings
) -> None:
    settings.CARRIERS = []
    method = DeliveryMethodFactory.create(carrier="sandbox")

    assert "sandbox (switched off)" in client.get(METHODS).content.decode()
    client.post(
        f"{METHODS}{method.pk}/change/", form(method, carrier="sandbox") | inline()
    )

    method.refresh_from_db()
    assert method.carrier == "sandbox"


def test_list_says_where_prices_come_from(client: Client) -> None:
    RateFactory.create(method=DeliveryMethodFactory.create(code="zones"))
    DeliveryMethodFactory.create(code="plain", cost=2_500, free_from=40_000)

    page = client.get(METHODS).content.decode()

    assert "by zone" in page
    assert "₩2,500, free from ₩40,000" in page


def form(method: DeliveryMethod, **changes: Any) -> dict[str, Any]:
    return {
        "code": method.code,
        "name": method.name,
        "kind": method.kind,
        "cost": method.cost,
        "free_from": "",
        "carrier": method.carrier,
        "carrier_service": method.carrier_service,
        "cut_off": "15:00",
        "days_min": 1,
        "days_max": 3,
        "is_active": "on",
        "position": 0,
        "pickup_points-TOTAL_FORMS": 0,
        "pickup_points-INITIAL_FORMS": 0,
    } | changes


def inline(**row: Any) -> dict[str, Any]:
    count = {"rates-TOTAL_FORMS": 1 if row else 0, "rates-INITIAL_FORMS": 0}
    return count | {f"rates-0-{name}": value for name, value in row.items()}
