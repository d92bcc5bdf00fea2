"""Carriers that make labels, are asked after parcels, and tell of them."""

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import orjson
import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from checkout import following, labels, parcels
from checkout.errors import CarrierNotOffered, CarrierRefusal, CarrierUnavailable
from checkout.tasks import follow_parcels
from delivery.carriers.base import Tracking
from delivery.carriers.sandbox import signature
from orders.errors import InvalidTransition, NotShippable
from orders.models import Fulfilment, FulfilmentEvent, Order, OrderStatus
from orders.parcels import Due
from payments.errors import WebhookRejected
from tests.books import assert_books_balance
from tests.delivery.easypost_server import KEY, SECRET, SENDER, EasyPostServer
from tests.factories import DeliveryMethodFactory
from tests.parcels import lines_of, packed_order, paid_order, send, status_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _carriers_are_forgotten() -> Iterator[None]:
    following.breaker.forget()
    yield
    following.breaker.forget()


@pytest.fixture
def easypost(settings: Settings) -> Iterator[EasyPostServer]:
    with EasyPostServer() as server:
        settings.CARRIERS = ["easypost", "sandbox"]
        settings.EASYPOST_API_KEY = KEY
        settings.EASYPOST_SENDER = SENDER
        settings.EASYPOST_WEBHOOK_SECRET = SECRET
        settings.EASYPOST_API_URL = server.url
        settings.SHOP_CURRENCY = "USD"
        settings.PROVIDER_TIMEOUT = 2.0
        yield server


def ship_with(order: Order, code: str, **more: object) -> Fulfilment:
    labels.ship_with(
        order_id=order.pk,
        carrier_code=code,
        actor_id=None,
        **more,  # type: ignore[arg-type]
    )
    return Fulfilment.objects.filter(order=order).latest("pk")


def all_are_due() -> None:
    Fulfilment.objects.under_way().update(next_look_at=Now())


# --- Labels --------------------------------------------------------------------------


def test_carrier_makes_the_label_of_a_parcel() -> None:
    order = packed_order(2)

    parcel = ship_with(order, "sandbox", lines={lines_of(order)[0].pk: 1})

    assert (parcel.carrier, parcel.carrier_code) == ("Sandbox", "sandbox")
    assert parcel.tracking_number.startswith("SB")
    assert parcel.lines.get().quantity == 1
    assert status_of(order) == OrderStatus.PROCESSING
    assert_books_balance()


def test_label_is_of_the_orders_way_of_delivery_or_the_cheapest(
    easypost: EasyPostServer,
) -> None:
    DeliveryMethodFactory.create(carrier="easypost", carrier_service="USPS/Priority")
    ship_with(packed_order(1), "easypost")
    order = packed_order(1)
    Order.objects.filter(pk=order.pk).update(delivery_method="another")
    ship_with(order, "easypost")

    bought = [one["selected_rate"]["service"] for one in easypost.bought()]
    assert bought == ["Priority", "GroundAdvantage"]


def test_carrier_that_is_away_leaves_everything_as_it_was(
    easypost: EasyPostServer,
) -> None:
    order = packed_order(1)
    easypost.fail_next(status=503)

    with pytest.raises(CarrierUnavailable):
        ship_with(order, "easypost", service="USPS/Priority")

    assert not Fulfilment.objects.exists()
    assert status_of(order) == OrderStatus.PROCESSING


def test_label_whose_answer_was_lost_is_not_bought_twice(
    easypost: EasyPostServer,
) -> None:
    order = packed_order(1)
    easypost.fail_next(status=502, path="/buy", is_done=True)
    with pytest.raises(CarrierUnavailable):
        ship_with(order, "easypost", service="USPS/Priority")

    parcel = ship_with(order, "easypost", service="USPS/Priority")

    [label] = easypost.bought()
    assert parcel.tracking_number == label["tracking_code"]
    assert parcel.label_url == label["postage_label"]["label_url"]


def test_same_key_sends_one_parcel_by_one_label(easypost: EasyPostServer) -> None:
    order = packed_order(6)
    lines = {lines_of(order)[0].pk: 2}

    # The reply to the first was lost, and nobody had taken down that it was done.
    first, again = (
        ship_with(order, "easypost", service="USPS/Priority", lines=lines, key="k")
        for _ in range(2)
    )
    other = ship_with(order, "easypost", service="USPS/Priority", lines=lines, key="l")

    assert (first, again == other) == (again, False)
    assert (Fulfilment.objects.count(), len(easypost.bought())) == (2, 2)


def test_carrier_that_does_not_take_a_parcel_says_so(easypost: EasyPostServer) -> None:
    order = packed_order(1)

    with pytest.raises(CarrierRefusal) as refused:
        ship_with(order, "easypost", service="USPS/Teleport")

    assert "USPS/Teleport" in str(refused.value)
    assert not Fulfilment.objects.exists()


def test_no_label_is_ordered_for_what_cannot_be_shipped(
    easypost: EasyPostServer,
) -> None:
    order = packed_order(1)

    with pytest.raises(NotShippable):
        ship_with(order, "easypost", lines={lines_of(order)[0].pk: 2})
    with pytest.raises(InvalidTransition):
        ship_with(paid_order(1), "easypost")
    with pytest.raises(CarrierNotOffered):
        ship_with(order, "pigeon")

    assert easypost.calls == []


# --- Asking --------------------------------------------------------------------------


def test_parcel_of_the_sandbox_moves_by_itself(settings: Settings) -> None:
    order = packed_order(1)
    ship_with(order, "sandbox")
    settings.SANDBOX_PARCEL_SECONDS = 0
    assert follow_parcels() == 0  # nobody is asked in the first seconds

    all_are_due()
    assert follow_parcels() == 1

    assert status_of(order) == OrderStatus.DELIVERED
    assert FulfilmentEvent.objects.count() == 5
    all_are_due()
    assert follow_parcels() == 0
    assert_books_balance()


def test_parcel_is_asked_after_ever_less_often() -> None:
    ages = [timedelta(seconds=1), timedelta(minutes=8), timedelta(days=3)]
    for age in ages:
        ship_with(packed_order(1), "sandbox")
        Fulfilment.objects.filter(pk=Fulfilment.objects.latest("pk").pk).update(
            shipped_at=timezone.now() - age
        )
    all_are_due()

    follow_parcels()

    waits = [
        parcel.next_look_at - timezone.now()
        for parcel in Fulfilment.objects.order_by("pk")
        if parcel.next_look_at is not None
    ]
    expected = [15, 120, 3600]
    assert [round(wait.total_seconds() / 10) for wait in waits] == [
        pytest.approx(seconds / 10, abs=1) for seconds in expected
    ]


def test_parcel_without_an_adapter_or_too_old_is_not_asked_after() -> None:
    send(packed_order(1), number="T-1")
    ship_with(packed_order(1), "sandbox")
    Fulfilment.objects.update(shipped_at=timezone.now() - timedelta(days=91))
    all_are_due()

    assert follow_parcels() == 0


def test_carrier_that_is_away_is_asked_once_and_again_soon(
    easypost: EasyPostServer,
) -> None:
    for number in ("EZ1", "EZ2", "EZ3"):
        send(packed_order(1), number=number, code="easypost")
    ship_with(packed_order(1), "sandbox")
    all_are_due()
    easypost.fail_next(status=503)

    assert follow_parcels() == 1

    assert len(easypost.calls) == 1
    waiting = Fulfilment.objects.filter(carrier_code="easypost")
    for parcel in waiting:
        assert parcel.next_look_at is not None
        wait = parcel.next_look_at - timezone.now()
        assert timedelta(seconds=50) < wait <= timedelta(seconds=60)


def test_parcel_a_carrier_does_not_know_is_left_alone_for_hours() -> None:
    send(packed_order(1), number="no such", code="sandbox")
    all_are_due()

    assert follow_parcels() == 0

    parcel = Fulfilment.objects.get()
    assert parcel.next_look_at is not None
    assert parcel.next_look_at > timezone.now() + timedelta(hours=5)


def test_parcel_whose_news_cannot_be_taken_down_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken, *_others = [ship_with(packed_order(1), "sandbox") for _ in range(3)]
    all_are_due()
    record = parcels.record_tracking

    def record_most(code: str, tracking: Tracking) -> int:
        if tracking.tracking_number == broken.tracking_number:
            raise RuntimeError
        return record(code, tracking)

    monkeypatch.setattr(following, "record_tracking", record_most)

    assert follow_parcels() == 2


# --- Being told ----------------------------------------------------------------------


def told(number: str) -> tuple[dict[str, str], bytes]:
    body = orjson.dumps({"tracking_number": number})
    return {"x-sandbox-signature": signature(body)}, body


def test_carrier_tells_of_a_parcel(settings: Settings) -> None:
    order = packed_order(1)
    parcel = ship_with(order, "sandbox")
    settings.SANDBOX_PARCEL_SECONDS = 0

    for _ in range(2):
        assert following.receive_webhook("sandbox", *told(parcel.tracking_number)) == 1

    assert status_of(order) == OrderStatus.DELIVERED
    assert FulfilmentEvent.objects.count() == 5


def test_message_about_somebody_elses_parcel_is_ignored(settings: Settings) -> None:
    assert following.receive_webhook("sandbox", *told("SB170000000000000001")) == 0


def test_message_without_a_good_signature_is_refused() -> None:
    order = packed_order(1)
    parcel = ship_with(order, "sandbox")
    headers, body = told(parcel.tracking_number)

    for bad in ({}, {"x-sandbox-signature": "0" * 64}):
        with pytest.raises(WebhookRejected):
            following.receive_webhook("sandbox", bad, body)
    with pytest.raises(WebhookRejected):
        following.receive_webhook("sandbox", headers, body + b" ")
    with pytest.raises(CarrierNotOffered):
        following.receive_webhook("pigeon", headers, body)

    assert not FulfilmentEvent.objects.exists()


def test_slow_carrier_leaves_the_worker_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        ship_with(packed_order(1), "sandbox")
    all_are_due()
    ask, asked = following._ask, []

    def ponder(parcel: Due) -> int:
        asked.append(parcel)
        return ask(parcel)

    # Each takes its carrier ten seconds.
    clock = SimpleNamespace(monotonic=lambda: 10.0 * len(asked))
    monkeypatch.setattr(following, "time", clock)
    monkeypatch.setattr(following, "_ask", ponder)

    assert follow_parcels() == 2

    soon = Now() + timedelta(minutes=1)
    assert Fulfilment.objects.filter(next_look_at__lte=soon).count() == 3
