"""To which zone an address belongs, and what that makes of a purchase."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from checkout import services as checkout
from checkout.errors import DeliveryMethodUnavailable
from checkout.selectors import offer
from checkout.services import Purchase
from delivery import selectors as deliveries
from delivery.errors import PickupPointUnavailable
from delivery.models import DeliveryMethod, Zone
from delivery.terms import RateTerms
from orders.models import Order
from promotions.pricing import quote
from tests.factories import (
    DeliveryMethodFactory,
    PickupPointFactory,
    ProductFactory,
    RateFactory,
    UserFactory,
    ZoneFactory,
)

pytestmark = pytest.mark.django_db
KOREA, JEJU, SEOGWIPO, ASIA, REST = 1, 2, 3, 4, 5
PLACES = {
    "seoul": {"country": "KR", "postal_code": "06236"},
    "jeju": {"country": "KR", "postal_code": "63186"},
    "tokyo": {"country": "JP", "postal_code": "100-0001"},
    "paris": {"country": "FR", "postal_code": "75001"},
    "nowhere": {},
}


@pytest.fixture
def way() -> DeliveryMethod:
    """One rate per zone; its cost says which zone it is."""
    method = DeliveryMethodFactory.create(cost=99, free_from=None)
    for cost, countries, prefixes in (
        (REST, [], []),
        (ASIA, ["JP", "CN"], []),
        (SEOGWIPO, ["KR"], ["635", "636"]),
        (JEJU, ["KR"], ["63"]),
        (KOREA, ["KR"], []),
    ):
        zone = ZoneFactory.create(countries=countries, postal_prefixes=prefixes)
        RateFactory.create(method=method, zone=zone, cost=cost)
    return method


@pytest.mark.parametrize(
    ("country", "postal_code", "zone"),
    [
        ("KR", "06236", KOREA),
        ("KR", "", KOREA),
        ("kr", "06236", KOREA),
        ("KR", "63186", JEJU),
        ("KR", "63-186", JEJU),
        ("KR", "63612", SEOGWIPO),
        ("KR", "6", KOREA),
        # The beginning is of a Korean code; in Japan it means nothing.
        ("JP", "63186", ASIA),
        ("CN", "", ASIA),
        ("FR", "75001", REST),
        ("ZZ", "63186", REST),
        ("", "63186", JEJU),
        ("", "", KOREA),
    ],
)
@pytest.mark.usefixtures("way")
def test_closest_zone_is_taken(country: str, postal_code: str, zone: int) -> None:
    [found] = deliveries.ways({"country": country, "postal_code": postal_code})

    assert found.rates == (RateTerms(None, 0, zone),)


def test_way_without_rates_keeps_its_plain_price_everywhere() -> None:
    DeliveryMethodFactory.create(cost=3_000, free_from=50_000)
    ZoneFactory.create()

    [found] = deliveries.ways(PLACES["paris"])

    assert (found.rates, found.cost, found.free_from) == (None, 3_000, 50_000)


def test_ways_come_in_their_order_with_all_they_are() -> None:
    DeliveryMethodFactory.create(code="second", position=2)
    DeliveryMethodFactory.create(code="gone", is_active=False)
    DeliveryMethodFactory.create(
        code="first",
        position=1,
        kind="express",
        carrier="sandbox",
        carrier_service="express",
        cut_off="15:30",
        days_min=0,
        days_max=2,
        works_weekends=True,
    )

    first, second = deliveries.ways({})

    assert (first.code, second.code) == ("first", "second")
    assert (first.kind, first.carrier, first.service) == (
        "express",
        "sandbox",
        "express",
    )
    schedule = first.schedule
    assert str(schedule.cut_off) == "15:30:00"
    assert (schedule.days_min, schedule.days_max) == (0, 2)
    assert (schedule.works_weekends, second.schedule.works_weekends) == (True, False)
    assert second.schedule.cut_off is None


@pytest.mark.parametrize(
    ("place", "total"),
    [("seoul", 10_001), ("jeju", 10_002), ("tokyo", 10_004), ("nowhere", 10_001)],
)
@pytest.mark.usefixtures("way")
def test_order_pays_what_its_address_costs(place: str, total: int) -> None:
    order = _place(PLACES[place])

    stored = Order.objects.get(pk=order.id)
    assert (stored.delivery_cost, stored.total) == (total - 10_000, total)
    assert stored.delivery_method == "standard"


@pytest.mark.usefixtures("way")
def test_order_weighs_its_products() -> None:
    heavy = RateFactory.create(
        method=DeliveryMethod.objects.get(),
        zone=Zone.objects.get(countries=["KR"], postal_prefixes=[]),
        weight_up_to=1_500,
        cost=700,
    )

    costs = [
        _place(PLACES["seoul"], weight=weight, quantity=3).quote.delivery_cost
        for weight in (500, 501)
    ]

    assert costs == [heavy.cost, KOREA]


def test_address_that_is_not_served_is_refused_and_nothing_is_written() -> None:
    method = DeliveryMethodFactory.create()
    RateFactory.create(method=method)

    for wanted in (None, method.code):
        with pytest.raises(DeliveryMethodUnavailable):
            _place(PLACES["paris"], delivery_method=wanted)

    assert not Order.objects.exists()


def test_parcel_that_is_too_heavy_is_refused() -> None:
    RateFactory.create(weight_up_to=2_000)

    with pytest.raises(DeliveryMethodUnavailable):
        _place(PLACES["seoul"], weight=2_001)

    assert _place(PLACES["seoul"], weight=2_000).quote.delivery_cost == 3_000


def test_without_a_wish_the_first_way_that_leads_there_is_taken() -> None:
    home = DeliveryMethodFactory.create(code="home", position=1)
    RateFactory.create(method=home, weight_up_to=2_000)
    DeliveryMethodFactory.create(code="freight", position=2, cost=40_000)

    codes = [
        _place(PLACES[place], weight=weight).delivery_method
        for place, weight in (("seoul", 1), ("seoul", 2_001), ("paris", 1))
    ]

    assert codes == ["home", "freight", "freight"]


def test_shop_without_ways_of_delivery_sells_all_the_same() -> None:
    order = _place(PLACES["paris"])

    assert (order.delivery_method, order.quote.delivery_cost) == ("", 0)


@pytest.mark.usefixtures("way")
def test_offer_is_one_statement() -> None:
    product = ProductFactory.create(price=10_000)

    with CaptureQueriesContext(connection) as queries:
        now = offer(
            {product.pk: 1},
            user_id=None,
            email="",
            coupon_id=None,
            delivery_method=None,
            address=PLACES["jeju"],
        )

    assert len(queries) == 1
    assert quote(now.items, delivery=now.delivery).delivery_cost == JEJU
    assert now.promised is not None
    assert now.promised.earliest <= now.promised.latest


def test_pickup_point_becomes_the_address() -> None:
    PickupPointFactory.create()
    own = {"recipient": "Lee", "phone": "010", "line1": "1 Home", "country": "KR"}

    found = deliveries.pickup_address(own, method="pickup", point="gangnam")

    assert found == {
        "recipient": "Lee",
        "phone": "010",
        "postal_code": "06236",
        "line1": "152 Teheran-ro",
        "line2": "",
        "city": "Seoul",
        "country": "KR",
        "pickup_point": "gangnam",
        "pickup_name": "Gangnam",
    }


@pytest.mark.parametrize(
    ("method", "point", "changes"),
    [
        ("pickup", "nowhere", {}),
        ("standard", "gangnam", {}),
        ("pickup", "gangnam", {"is_active": False}),
        ("pickup", "gangnam", {"method__is_active": False}),
    ],
)
def test_point_that_is_not_open_is_refused(
    method: str, point: str, changes: dict[str, Any]
) -> None:
    PickupPointFactory.create(**changes)

    with pytest.raises(PickupPointUnavailable):
        deliveries.pickup_address({}, method=method, point=point)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("delivery_zone", {"name": "x", "countries": [], "postal_prefixes": ["63"]}),
        ("delivery_rate", {"cost": -1}),
        ("delivery_rate", {"value_from": -1}),
        ("delivery_rate", {"weight_up_to": 0}),
        ("delivery_deliverymethod", {"kind": "pigeon"}),
        ("delivery_deliverymethod", {"carrier_service": "express"}),
    ],
)
def test_database_refuses_what_makes_no_sense(
    table: str, columns: dict[str, Any]
) -> None:
    RateFactory.create()
    changes = ", ".join(f"{name} = %s" for name in columns)

    with (
        pytest.raises(IntegrityError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"UPDATE {table} SET {changes}",  # noqa: S608 — names written above
            list(columns.values()),
        )


def test_there_is_one_zone_for_everywhere_else() -> None:
    ZoneFactory.create(countries=[])

    with pytest.raises(IntegrityError), transaction.atomic():
        ZoneFactory.create(countries=[])


def test_rate_is_said_once() -> None:
    rate = RateFactory.create(weight_up_to=None)

    with pytest.raises(IntegrityError), transaction.atomic():
        RateFactory.create(method=rate.method, zone=rate.zone, weight_up_to=None)


def _place(
    address: dict[str, str],
    *,
    weight: int = 0,
    quantity: int = 1,
    delivery_method: str | None = None,
) -> Any:
    user = UserFactory.create()
    product = ProductFactory.create(price=10_000, weight_grams=weight)
    return checkout.place_order(
        Purchase(
            user_id=user.pk,
            email=user.email,
            quantities={product.pk: quantity},
            address=address,
            delivery_method=delivery_method,
        )
    )
