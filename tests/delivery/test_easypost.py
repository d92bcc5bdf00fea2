"""EasyPost, over real HTTP."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from delivery.carriers import carrier, offered
from delivery.carriers.base import (
    CarrierAway,
    CarrierError,
    CarrierRefused,
    CarrierWebhookInvalid,
    Offered,
    Parcel,
    ParcelState,
)
from delivery.carriers.easypost import EasyPost
from tests.delivery.easypost_server import EasyPostServer, event, sign

ADDRESS = {
    "recipient": "Dr. Steve Brule",
    "phone": "8573875756",
    "line1": "179 N Harbor Dr",
    "line2": "",
    "city": "Redondo Beach",
    "postal_code": "90277",
    "country": "US",
}
PARCEL = Parcel(weight=1_000, value=5_000, address=ADDRESS)
PRIORITY = "USPS/Priority"


@pytest.mark.usefixtures("easypost")
def test_it_is_offered_once_it_is_switched_on(settings: Settings) -> None:
    assert [one.code for one in offered()] == ["easypost"]

    settings.CARRIERS = []

    assert (offered(), carrier("easypost")) == ([], None)


def test_prices_come_in_cents_with_their_days(easypost: EasyPostServer) -> None:
    # A kilogram is 35.3 ounces; the server asks 10 cents an ounce.
    assert EasyPost().rates(PARCEL) == [
        Offered("USPS/Priority", 1_053, 2),
        Offered("USPS/GroundAdvantage", 853, None),
    ]
    [call] = easypost.calls
    assert call.json()["shipment"]["parcel"] == {"weight": 35.3}
    assert call.json()["shipment"]["to_address"]["zip"] == "90277"


@pytest.mark.usefixtures("easypost")
def test_prices_in_another_currency_are_left_out(settings: Settings) -> None:
    settings.SHOP_CURRENCY = "KRW"

    assert EasyPost().rates(PARCEL) == []


def test_prices_that_failed_over_there_are_no_answer(easypost: EasyPostServer) -> None:
    easypost.has_rates = False
    easypost.messages = [
        {"carrier": "USPS", "type": "rate_error", "message": "Unable to connect"}
    ]

    with pytest.raises(CarrierAway, match="USPS: Unable to connect"):
        EasyPost().rates(PARCEL)


def test_label_is_bought_once_for_its_key(easypost: EasyPostServer) -> None:
    first, again = (
        EasyPost().label_for(PARCEL, service=PRIORITY, key="parcel/1") for _ in range(2)
    )
    other = EasyPost().label_for(PARCEL, service=PRIORITY, key="parcel/2")

    assert first == again
    assert first.cost == 1_053
    assert first.tracking_url == f"https://track.example/{first.tracking_number}"
    assert first.label_url == f"https://files.example/{first.tracking_number}.png"
    assert other.tracking_number != first.tracking_number
    assert len(easypost.bought()) == 2


@pytest.mark.parametrize("lost", ["hang", "drop", "500"])
def test_label_whose_answer_was_lost_is_found_again(
    lost: str, easypost: EasyPostServer, settings: Settings
) -> None:
    settings.PROVIDER_TIMEOUT = 0.5
    if lost == "hang":
        easypost.hang_next(path="/buy", is_done=True)
    elif lost == "drop":
        easypost.drop_next(path="/buy", is_done=True)
    else:
        easypost.fail_next(status=500, path="/buy", is_done=True)

    with pytest.raises(CarrierAway):
        EasyPost().label_for(PARCEL, service=PRIORITY, key="parcel/1")
    label = EasyPost().label_for(PARCEL, service=PRIORITY, key="parcel/1")

    assert len(easypost.bought()) == 1
    assert label.tracking_number == easypost.bought()[0]["tracking_code"]


def test_label_that_somebody_else_bought_meanwhile_is_theirs(
    easypost: EasyPostServer,
) -> None:
    easypost.fail_next(
        status=422,
        path="/buy",
        is_done=True,
        body={
            "error": {"code": "SHIPMENT.POSTAGE.EXISTS", "message": "", "errors": []}
        },
    )

    label = EasyPost().label_for(PARCEL, service=PRIORITY, key="parcel/1")

    assert label.tracking_number == easypost.bought()[0]["tracking_code"]


def test_service_that_does_not_take_it_is_refused(easypost: EasyPostServer) -> None:
    with pytest.raises(CarrierRefused):
        EasyPost().label_for(PARCEL, service="USPS/Pigeon", key="parcel/1")

    assert easypost.bought() == []


def test_parcel_is_followed(easypost: EasyPostServer) -> None:
    number = EasyPost().label_for(PARCEL, service=PRIORITY, key="p").tracking_number
    # Told out of order, and with what moves nothing on.
    easypost.scan(number, "in_transit", "2026-11-17T01:00:00Z", city="Houston")
    easypost.scan(number, "pre_transit", "2026-11-16T12:00:00Z")
    easypost.scan(number, "unknown", "2026-11-17T02:00:00Z")
    easypost.scan(number, "out_for_delivery", "2026-11-18T08:00:00+09:00")
    easypost.scan(number, "delivered", "2026-11-18T06:00:00Z", city="Redondo Beach")

    tracking = EasyPost().track(number)

    assert tracking.tracking_number == number
    assert [scan.state for scan in tracking.scans] == [
        ParcelState.PACKED,
        ParcelState.IN_TRANSIT,
        ParcelState.OUT_FOR_DELIVERY,
        ParcelState.DELIVERED,
    ]
    assert tracking.scans[1].place == "Houston, US"
    assert tracking.scans[1].text == "Parcel is in_transit"
    assert tracking.scans[1].happened_at == datetime(2026, 11, 17, 1, tzinfo=UTC)
    # Asked again, each line is known by the same id.
    assert EasyPost().track(number) == tracking
    assert len({scan.event_id for scan in tracking.scans}) == 4


@pytest.mark.usefixtures("easypost")
def test_unknown_parcel_is_refused() -> None:
    with pytest.raises(CarrierRefused):
        EasyPost().track("nonsense")


def test_webhook_is_read(easypost: EasyPostServer) -> None:
    number = EasyPost().label_for(PARCEL, service=PRIORITY, key="p").tracking_number
    easypost.scan(number, "delivered", "2026-11-18T06:00:00Z")
    body = event(easypost.trackers[number])

    assert EasyPost().read_webhook(sign(body), body) == EasyPost().track(number)


@pytest.mark.usefixtures("easypost")
def test_webhook_about_something_else_is_none() -> None:
    body = event({"id": "batch_1"}, "batch.created")

    assert EasyPost().read_webhook(sign(body), body) is None


@pytest.mark.usefixtures("easypost")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-hmac-signature": ""},
        {"x-hmac-signature": "hmac-sha256-hex="},
        {"x-hmac-signature": "hmac-sha256-hex=" + "0" * 64},
        {"x-hmac-signature": "\u00e9"},
        sign(b"another body"),
        sign(event({}), b"another secret"),
    ],
)
def test_forged_webhook_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(CarrierWebhookInvalid):
        EasyPost().read_webhook(headers, event({}))


@pytest.mark.usefixtures("easypost")
def test_without_a_secret_no_webhook_is_believed(settings: Settings) -> None:
    settings.EASYPOST_WEBHOOK_SECRET = ""
    body = event({})

    with pytest.raises(CarrierWebhookInvalid):
        EasyPost().read_webhook(sign(body, b""), body)


@pytest.mark.usefixtures("easypost")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"description": 5}',
        b'{"description": "tracker.updated"}',
        b'{"description": "tracker.updated", "result": []}',
        b'{"description": "tracker.updated", "result": {"tracking_code": "1"}}',
        b'{"description": "tracker.updated", "result": {"tracking_code": "1",'
        b' "tracking_details": [{"status": "delivered", "datetime": "yesterday"}]}}',
        b'{"description": "tracker.updated", "result": {"tracking_code": "1",'
        b' "tracking_details": [{"status": "delivered",'
        b' "datetime": "2026-11-18T06:00:00"}]}}',
        b'{"description": "tracker.updated", "result": {"tracking_code": "1",'
        b' "tracking_details": [{"status": [], "datetime": 5}]}}',
    ],
)
def test_signed_nonsense_is_refused(body: bytes) -> None:
    with pytest.raises(CarrierWebhookInvalid):
        EasyPost().read_webhook(sign(body), body)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (401, {"error": {"code": "UNAUTHORIZED"}}, CarrierRefused),
        (422, {"error": {"code": "SHIPMENT.INVALID_PARAMS"}}, CarrierRefused),
        (429, {"error": {"code": "RATE_LIMITED"}}, CarrierAway),
        (500, b"oops", CarrierAway),
        (503, {}, CarrierAway),
        (301, b"", CarrierAway),
        (200, b"", CarrierAway),
        (200, b"<html>", CarrierAway),
        (200, b"[]", CarrierAway),
        (200, b"{}", CarrierAway),
        (200, {"rates": 5}, CarrierAway),
        (200, {"rates": [5]}, CarrierAway),
        (200, {"rates": [{"carrier": "x"}]}, CarrierAway),
        (200, {"rates": [{"carrier": "x", "service": "y", "currency": "USD"}]},
         CarrierAway),
    ],
)  # fmt: skip
def test_what_is_no_price_is_told_apart(
    status: int, body: Any, error: type[CarrierError], easypost: EasyPostServer
) -> None:
    easypost.fail_next(status=status, body=body)

    with pytest.raises(error):
        EasyPost().rates(PARCEL)


@pytest.mark.parametrize(
    "price", ["-1.00", "NaN", "Infinity", "1e30", "cheap", None, [], {}]
)
def test_price_that_is_none_is_no_answer(price: Any, easypost: EasyPostServer) -> None:
    rate = {"carrier": "x", "service": "y", "currency": "USD", "rate": price}
    easypost.fail_next(status=200, body={"rates": [rate]})

    with pytest.raises(CarrierAway):
        EasyPost().rates(PARCEL)


@pytest.mark.parametrize("days", [-1, 10**9, "2", 2.5, True, None, []])
def test_days_that_are_none_are_not_believed(
    days: Any, easypost: EasyPostServer
) -> None:
    rate = {"carrier": "x", "service": "y", "currency": "USD", "rate": "1.00"}
    easypost.fail_next(status=200, body={"rates": [rate | {"delivery_days": days}]})

    assert EasyPost().rates(PARCEL) == [Offered("x/y", 100, None)]


def test_server_that_drips_ends_with_the_deadline(
    easypost: EasyPostServer, settings: Settings
) -> None:
    settings.PROVIDER_TIMEOUT = 0.3
    easypost.drip_next()
    began = time.monotonic()

    with pytest.raises(CarrierAway):
        EasyPost().rates(PARCEL)

    assert time.monotonic() - began < 15
