"""The carrier of the demonstration: everything follows from the number and the time."""

from datetime import timedelta

import orjson
import pytest
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from delivery.carriers import carrier, offered
from delivery.carriers.base import (
    CarrierRefused,
    CarrierWebhookInvalid,
    Offered,
    Parcel,
    ParcelState,
)
from delivery.carriers.sandbox import PREFIX, Sandbox, signature

AT_HOME = Parcel(weight=1_001, value=0, address={"country": "KR"})
ABROAD = Parcel(weight=1_001, value=0, address={"country": "FR"})


def number(*, seconds_ago: int) -> str:
    """Return the tracking number of a parcel that was ordered then."""
    moment = timezone.now() - timedelta(seconds=seconds_ago)
    return f"{PREFIX}{int(moment.timestamp()):010}00000001"


def test_it_is_for_development_only(settings: Settings) -> None:
    assert [one.code for one in offered()] == ["sandbox"]

    settings.PRODUCTION = True

    assert (offered(), carrier("sandbox")) == ([], None)


def test_prices_follow_the_kilograms_begun_and_the_border() -> None:
    assert Sandbox().rates(AT_HOME) == [
        Offered("standard", 3_100, 2),
        Offered("express", 5_500, 1),
    ]
    assert Sandbox().rates(ABROAD) == [
        Offered("standard", 18_600, 7),
        Offered("express", 33_000, 6),
    ]


def test_label_is_made_once_for_its_key() -> None:
    first, again, other = (
        Sandbox().label_for(AT_HOME, service="express", key=key)
        for key in ("parcel/1", "parcel/1", "parcel/2")
    )

    assert first == again
    assert first.cost == 5_500
    assert other.tracking_number != first.tracking_number
    assert Sandbox().track(first.tracking_number).tracking_number


def test_service_it_does_not_have_is_refused() -> None:
    with pytest.raises(CarrierRefused):
        Sandbox().label_for(AT_HOME, service="pigeon", key="parcel/1")


@pytest.mark.parametrize(
    ("seconds_ago", "states"),
    [
        (0, ["packed"]),
        (59, ["packed"]),
        (61, ["packed", "shipped"]),
        (121, ["packed", "shipped", "in_transit"]),
        (181, ["packed", "shipped", "in_transit", "out_for_delivery"]),
        (241, list(ParcelState)),
        (10**7, list(ParcelState)),
    ],
)
def test_parcel_moves_on_with_the_time(
    seconds_ago: int, states: list[str], settings: Settings
) -> None:
    settings.SANDBOX_PARCEL_SECONDS = 60
    code = number(seconds_ago=seconds_ago)

    tracking = Sandbox().track(code)

    assert [scan.state for scan in tracking.scans] == states
    # Without anything remembered, asked again it says the same.
    cache.clear()
    assert [scan.event_id for scan in Sandbox().track(code).scans] == [
        f"{code}/{state}" for state in states
    ]


def test_speed_is_a_setting(settings: Settings) -> None:
    settings.SANDBOX_PARCEL_SECONDS = 1

    tracking = Sandbox().track(number(seconds_ago=5))

    assert tracking.scans[-1].state == ParcelState.DELIVERED


@pytest.mark.parametrize(
    "wrong",
    ["", "SB", "6128", "SB" + "9" * 40, "sb" + "1" * 18, "SB" + "٣" * 18],
)
def test_number_of_another_carrier_is_refused(wrong: str) -> None:
    with pytest.raises(CarrierRefused):
        Sandbox().track(wrong)


def test_signed_message_is_read_and_others_are_not() -> None:
    code = number(seconds_ago=0)
    body = orjson.dumps({"tracking_number": code})
    signed = {"x-sandbox-signature": signature(body)}

    assert Sandbox().read_webhook(signed, body) == Sandbox().track(code)
    for headers, wrong in (
        ({}, body),
        (signed, b"{}"),
        ({"x-sandbox-signature": signature(b"{}")}, b"{}"),
        ({"x-sandbox-signature": signature(b"[")}, b"["),
    ):
        with pytest.raises(CarrierWebhookInvalid):
            Sandbox().read_webhook(headers, wrong)
