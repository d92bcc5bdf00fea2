"""What a look at delivery says while carriers answer, and while they do not."""

import time
from datetime import UTC, date, datetime

import pytest
from django.core.cache import cache
from pytest_django import Settings

from checkout import services as checkout
from checkout.services import Purchase
from delivery import live
from delivery import selectors as deliveries
from delivery.carriers.base import Parcel
from delivery.models import DeliveryMethod
from delivery.promise import Promise
from delivery.selectors import DeliveryQuote
from orders.drafts import Draft
from tests.delivery.conftest import nobody_asks
from tests.delivery.easypost_server import EasyPostServer
from tests.factories import (
    DeliveryMethodFactory,
    PickupPointFactory,
    ProductFactory,
    RateFactory,
    UserFactory,
    ZoneFactory,
)

pytestmark = pytest.mark.django_db
ADDRESS = {"country": "US", "postal_code": "90277", "city": "Redondo Beach"}
PARCEL = Parcel(weight=1_000, value=5_000, address=ADDRESS)
# A Monday.
NOW = datetime(2026, 11, 16, 1, tzinfo=UTC)
# What EasyPost asks for a kilogram, and what the shop's own table says.
LIVE, TABLE = 1_053, 900


@pytest.fixture
def priority(easypost: EasyPostServer) -> DeliveryMethod:
    """A way whose price is the carrier's to say, with a table for when it does not."""
    method = DeliveryMethodFactory.create(
        code="priority",
        carrier="easypost",
        carrier_service="USPS/Priority",
        days_min=2,
        days_max=5,
    )
    RateFactory.create(
        method=method, zone=ZoneFactory.create(countries=["US"]), cost=TABLE
    )
    return method


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a little only, so that the tests do, too."""
    monkeypatch.setattr(live, "DEADLINE", 0.3)


def only(parcel: Parcel = PARCEL) -> DeliveryQuote:
    [quote] = deliveries.quotes(parcel, now=NOW)
    return quote


def price(parcel: Parcel = PARCEL) -> tuple[int, bool]:
    quote = only(parcel)
    return quote.cost, quote.is_estimate


def test_way_without_carrier_asks_nobody(easypost: EasyPostServer) -> None:
    DeliveryMethodFactory.create(cost=700, free_from=None, carrier="easypost")

    assert only() == DeliveryQuote(
        code="standard",
        name="Standard",
        kind="standard",
        cost=700,
        promise=Promise(date(2026, 11, 17), date(2026, 11, 19)),
        is_estimate=False,
    )
    assert easypost.calls == []


@pytest.mark.usefixtures("priority")
def test_carriers_price_and_days_are_shown() -> None:
    quote = only()

    assert (quote.cost, quote.is_estimate) == (LIVE, False)
    # It said two days, so it is neither two nor five.
    assert quote.promise == Promise(date(2026, 11, 18), date(2026, 11, 18))


@pytest.mark.usefixtures("priority")
def test_price_is_asked_once_for_a_while(easypost: EasyPostServer) -> None:
    for weight in (901, 950, 1_000):
        assert price(Parcel(weight, 5_000, ADDRESS)) == (LIVE, False)
    assert len(easypost.calls) == 1

    heavier = Parcel(1_001, 5_000, ADDRESS)
    elsewhere = Parcel(1_000, 5_000, ADDRESS | {"postal_code": "10001"})
    assert price(heavier)[0] > LIVE
    price(elsewhere)
    assert len(easypost.calls) == 3


@pytest.mark.usefixtures("priority")
def test_old_price_is_asked_again_and_kept_while_nobody_answers(
    easypost: EasyPostServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    price()
    monkeypatch.setattr(live, "FRESH", 0)
    easypost.fail_next(status=503)

    # It is what an order would be charged, so it is no estimate.
    assert price() == (LIVE, False)
    assert len(easypost.calls) == 2


@pytest.mark.usefixtures("priority", "hasty")
@pytest.mark.parametrize("fault", ["500", "503", "429", "garbage", "empty", "drop"])
def test_carrier_that_fails_is_stood_in_for(
    fault: str, easypost: EasyPostServer
) -> None:
    if fault.isdecimal():
        easypost.fail_next(status=int(fault))
    elif fault == "drop":
        easypost.drop_next()
    else:
        easypost.fail_next(status=200, body=b"<p>" if fault == "garbage" else b"")

    assert price() == (TABLE, True)
    assert only().promise == Promise(date(2026, 11, 18), date(2026, 11, 23))


@pytest.mark.usefixtures("priority", "hasty")
@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_carrier_that_is_slow_is_not_waited_for(
    fault: str, easypost: EasyPostServer
) -> None:
    if fault == "hang":
        easypost.hang_next()
    else:
        easypost.drip_next()
    began = time.monotonic()

    assert price() == (TABLE, True)

    assert time.monotonic() - began < 15


@pytest.mark.usefixtures("priority", "hasty")
def test_carrier_that_is_down_is_stood_in_for(easypost: EasyPostServer) -> None:
    easypost.stop()

    assert price() == (TABLE, True)


@pytest.mark.usefixtures("priority")
def test_definite_no_is_stood_in_for_and_remembered(easypost: EasyPostServer) -> None:
    easypost.fail_next(status=422, body={"error": {"code": "ADDRESS.INVALID"}})

    assert [price(), price()] == [(TABLE, True), (TABLE, True)]
    assert len(easypost.calls) == 1
    assert live.breaker.away() == []


def test_service_the_carrier_does_not_have_is_stood_in_for(
    priority: DeliveryMethod,
) -> None:
    DeliveryMethod.objects.update(carrier_service="USPS/Pigeon")

    assert price() == (TABLE, True)


@pytest.mark.usefixtures("priority", "hasty")
def test_carrier_that_is_away_is_left_alone_for_a_while(
    easypost: EasyPostServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    easypost.fail_next(status=500, times=2)
    assert price() == (TABLE, True)

    for _ in range(5):
        assert price() == (TABLE, True)
    assert len(easypost.calls) == 1

    # The pause is over: tried once, and again not there.
    monkeypatch.setattr("common.breaker.FIRST_PAUSE", 0.0)
    live.breaker.forget()
    live.breaker.failed("easypost")
    assert price() == (TABLE, True)
    assert len(easypost.calls) == 2
    # Then it answers.
    live.breaker.forget()
    live.breaker.failed("easypost")
    assert price() == (LIVE, False)
    assert live.breaker.away() == []


@pytest.mark.usefixtures("priority", "hasty")
def test_answer_that_comes_late_is_there_for_the_next_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live, "DEADLINE", 0.0)
    assert price() == (TABLE, True)

    nobody_asks()

    assert price() == (LIVE, False)


@pytest.mark.usefixtures("priority")
def test_only_so_many_questions_are_under_way(
    easypost: EasyPostServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PROVIDER_TIMEOUT = 20
    monkeypatch.setattr(live, "DEADLINE", 0.05)
    easypost.hang_next(times=live.MOST_ASKED)
    parcels = [
        Parcel(1_000 * number, 5_000, ADDRESS)
        for number in range(1, live.MOST_ASKED + 4)
    ]

    for parcel in parcels:
        live.breaker.forget()
        assert price(parcel) == (TABLE, True)

    assert len(easypost.calls) == live.MOST_ASKED


def test_carrier_that_is_switched_off_is_not_asked(
    priority: DeliveryMethod, easypost: EasyPostServer, settings: Settings
) -> None:
    settings.CARRIERS = []

    assert price() == (TABLE, True)
    assert easypost.calls == []


@pytest.mark.usefixtures("priority")
def test_what_the_shop_gives_free_is_not_asked_for(easypost: EasyPostServer) -> None:
    method = DeliveryMethod.objects.get()
    zone = method.rates.get().zone
    RateFactory.create(method=method, zone=zone, value_from=10_000, cost=0)

    assert price(Parcel(1_000, 10_000, ADDRESS)) == (0, False)
    assert easypost.calls == []


@pytest.mark.usefixtures("priority")
def test_address_the_table_does_not_know_is_not_asked_for(
    easypost: EasyPostServer,
) -> None:
    assert deliveries.quotes(Parcel(1, 1, {"country": "FR"}), now=NOW) == []
    assert easypost.calls == []


def test_several_ways_of_one_carrier_are_one_question(
    priority: DeliveryMethod, easypost: EasyPostServer
) -> None:
    DeliveryMethodFactory.create(
        code="ground",
        position=2,
        carrier="easypost",
        carrier_service="USPS/GroundAdvantage",
    )

    found = deliveries.quotes(PARCEL, now=NOW)

    assert [(one.code, one.cost) for one in found] == [
        ("priority", LIVE),
        ("ground", 853),
    ]
    assert len(easypost.calls) == 1


def test_pickup_points_come_with_their_way() -> None:
    point = PickupPointFactory.create()
    PickupPointFactory.create(code="shut", is_active=False)
    DeliveryMethodFactory.create(code="standard", position=2)

    pickup, standard = deliveries.quotes(PARCEL, now=NOW)

    assert (pickup.pickup_points, standard.pickup_points) == ((point,), ())


# --- Orders ---------------------------------------------------------------------------


def test_order_takes_the_price_that_was_shown_and_calls_nobody(
    priority: DeliveryMethod, easypost: EasyPostServer
) -> None:
    assert price() == (LIVE, False)
    easypost.stop()

    draft = _place()

    assert draft.quote.delivery_cost == LIVE


def test_order_that_nobody_looked_at_takes_the_tables_price(
    priority: DeliveryMethod, easypost: EasyPostServer
) -> None:
    draft = _place()

    assert draft.quote.delivery_cost == TABLE
    assert easypost.calls == []


def test_order_takes_the_price_for_an_hour(
    priority: DeliveryMethod, easypost: EasyPostServer
) -> None:
    price()
    [key] = [key for key in _keys() if "easypost" in key]

    assert 3_500 < cache._cache.get_client().ttl(key) <= 3_600  # type: ignore[attr-defined]


def test_order_of_a_way_without_carrier_does_not_ask_redis(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    DeliveryMethodFactory.create(carrier="sandbox", free_from=None)
    monkeypatch.setattr(live, "known", None)

    assert _place().quote.delivery_cost == 3_000


def _keys() -> list[str]:
    client = cache._cache.get_client()  # type: ignore[attr-defined]
    return [key.decode() for key in client.keys("*delivery*")]


def _place() -> Draft:
    user = UserFactory.create()
    product = ProductFactory.create(price=5_000, weight_grams=1_000)
    return checkout.place_order(
        Purchase(
            user_id=user.pk,
            email=user.email,
            quantities={product.pk: 1},
            address=ADDRESS,
            delivery_method=None,
        )
    )
