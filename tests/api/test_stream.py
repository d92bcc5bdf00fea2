"""The stream of paid orders and its manifest: what the platform proves itself with."""

import hashlib
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.utils import timezone
from jsonschema import Draft202012Validator
from pytest_django import Settings

from accounts.models import User
from analytics.schemas import schema
from analytics.transports.base import cloud_event
from checkout import services as checkout
from checkout.services import Purchase
from common.days import bounds, shop_day
from outbox import services as outbox
from outbox.models import Event
from tests.api.client import Api
from tests.factories import ProductFactory, UserFactory
from tests.outbox.subscribers import first

pytestmark = pytest.mark.django_db

ORDERS = "/api/v1/stream/orders"
MANIFEST = "/api/v1/stream/manifest"
DAY = date(2026, 3, 5)
EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def platform() -> Api:
    """An account that may see events, and nothing else."""
    account = UserFactory.create(email="platform@example.com")
    account.user_permissions.add(Permission.objects.get(codename="view_event"))
    return Api(User.objects.get(pk=account.pk))


def sell(number: int) -> list[str]:
    """Sell so many orders; return their ids, oldest first."""
    shopper = UserFactory.create(points=1_000_000)
    product = ProductFactory.create(price=1_000, stock_on_hand=100)
    return [
        str(
            checkout.place_and_pay(
                Purchase(
                    user_id=shopper.pk,
                    email=shopper.email,
                    quantities={product.pk: 1},
                )
            ).id
        )
        for _ in range(number)
    ]


def write_events(moments: list[Any]) -> list[str]:
    """Write paid orders of these moments; return their ids in the stream's order."""
    for number, moment in enumerate(moments):
        Event.objects.create(
            topic="order.paid",
            aggregate=f"order/{number}",
            payload={"order_id": number},
            occurred_at=moment,
        )
    outbox.address()
    ids = Event.objects.order_by("sequence").values_list("pk", flat=True)
    return [str(pk) for pk in ids]


def test_stream_has_the_events_that_are_pushed(
    platform: Api, settings: Settings
) -> None:
    recorder = "tests.outbox.subscribers.first"
    settings.OUTBOX_SUBSCRIPTIONS = {
        **settings.OUTBOX_SUBSCRIPTIONS,
        "order.paid": (recorder,),
    }
    orders = sell(3)
    first.reset()
    outbox.deliver_due()

    body = platform.get(ORDERS).body

    assert [event["data"]["order_id"] for event in body["items"]] == orders
    assert body["items"] == [cloud_event(event) for event in first.got]
    assert [event["sequence"] for event in body["items"]] == ["1", "2", "3"]
    assert (body["next"], body["last_sequence"]) == (None, 3)
    first.reset()


def test_stream_is_read_page_by_page_without_gaps(platform: Api) -> None:
    ids = write_events([timezone.now()] * 7)

    found, pages, path = [], 0, f"{ORDERS}?limit=3"
    while path:
        answer = platform.get(path)
        found += [event["id"] for event in answer.body["items"]]
        path, pages = answer.body["next"], pages + 1
        assert (f'<{path}>; rel="next"' if path else "") == answer.header("Link")

    assert (found, pages) == (ids, 3)
    assert platform.get(f"{ORDERS}?after=7").body == {
        "items": [],
        "next": None,
        "last_sequence": 7,
    }


def test_event_without_a_number_is_not_in_the_stream_yet(platform: Api) -> None:
    write_events([timezone.now()])
    sell(1)

    assert len(platform.get(ORDERS).body["items"]) == 1
    outbox.address()
    assert len(platform.get(ORDERS).body["items"]) == 2


def test_page_that_one_has_is_not_sent_again(platform: Api) -> None:
    write_events([timezone.now()] * 2)
    etag = platform.get(f"{ORDERS}?limit=1").header("ETag")

    known = platform.get(f"{ORDERS}?limit=1", **{"If-None-Match": etag})

    assert (known.status, known.body) == (304, None)


@pytest.mark.parametrize("path", [ORDERS, f"{MANIFEST}?day={DAY}"])
def test_stream_is_for_whoever_may_see_events(
    path: str, api: Api, guest: Api, platform: Api
) -> None:
    staff = Api(UserFactory.create(is_staff=True))  # without the permission
    assert guest.get(path).status == 401
    assert api.get(path).status == 403
    assert staff.get(path).status == 403
    assert platform.get(path).status == 200


@pytest.mark.parametrize(
    "path",
    [
        f"{ORDERS}?after=-1",
        f"{ORDERS}?after={2**63}",
        f"{ORDERS}?after=x",
        f"{ORDERS}?limit=0",
        f"{ORDERS}?limit=1001",
        MANIFEST,
        f"{MANIFEST}?day=today",
        f"{MANIFEST}?day=0001-01-01",
        f"{MANIFEST}?day=9999-12-31",
    ],
)
def test_question_that_makes_no_sense_is_refused(platform: Api, path: str) -> None:
    assert platform.get(path).status == 400


def test_manifest_is_the_hash_of_the_ids_in_order(platform: Api) -> None:
    start, end = bounds(DAY)
    inside = [start, start + timedelta(hours=5), end - timedelta(microseconds=1)]
    outside = [start - timedelta(microseconds=1), end]
    ids = write_events([inside[2], outside[0], inside[0], outside[1], inside[1]])
    of_day = [ids[0], ids[2], ids[4]]

    body = platform.get(f"{MANIFEST}?day={DAY}").body

    spelt = "".join(f"{event_id}\n" for event_id in of_day)
    assert body == {
        "day": str(DAY),
        "time_zone": "Asia/Seoul",
        "start": body["start"],
        "end": body["end"],
        "type": "shop.order.paid.v1",
        "count": 3,
        "first_sequence": 1,
        "last_sequence": 5,
        "sha256": hashlib.sha256(spelt.encode("ascii")).hexdigest(),
        "is_final": body["is_final"],
    }
    assert body["end"].startswith(f"{DAY}T15:00:00")


def test_manifest_of_a_day_without_orders_is_the_hash_of_nothing(
    platform: Api,
) -> None:
    body = platform.get(f"{MANIFEST}?day=2020-02-29").body

    assert (body["count"], body["first_sequence"], body["sha256"]) == (0, None, EMPTY)
    assert body["is_final"] is True


def test_manifest_is_final_once_the_day_is_over_and_all_have_numbers(
    platform: Api,
) -> None:
    path = f"{MANIFEST}?day={DAY}"
    Event.objects.create(
        topic="order.paid",
        aggregate="order/1",
        payload={},
        occurred_at=bounds(DAY)[0],
    )
    late = platform.get(path).body
    assert (late["count"], late["sha256"], late["is_final"]) == (0, EMPTY, False)

    outbox.address()

    assert platform.get(path).body["is_final"] is True
    tomorrow = shop_day(timezone.now()) + timedelta(days=1)
    assert platform.get(f"{MANIFEST}?day={tomorrow}").body["is_final"] is False


def test_day_of_the_stream_is_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        # An empty table can as well be read by any index, but only by its own index
        # without looking at its rows one by one.
        for way in ("seqscan", "indexscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        cursor.execute(
            "EXPLAIN SELECT FROM outbox_event"
            " WHERE occurred_at >= '2026-01-01' AND occurred_at < '2026-01-02'"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "event_occurred_at" in plan


def test_each_order_says_what_its_schema_says(guest: Api, platform: Api) -> None:
    sell(2)
    outbox.address()

    for event in platform.get(ORDERS).body["items"]:
        address = event["dataschema"].removeprefix("http://127.0.0.1:8000")
        described = guest.get(address)
        assert described.status == 200
        Draft202012Validator.check_schema(described.body)
        Draft202012Validator(
            described.body, format_checker=Draft202012Validator.FORMAT_CHECKER
        ).validate(event["data"])


def test_guests_order_keeps_its_link_to_itself_and_its_schema(platform: Api) -> None:
    product = ProductFactory.create(price=1_000, stock_on_hand=100)
    draft = checkout.place_order(
        Purchase(user_id=None, email="guest@example.com", quantities={product.pk: 1})
    )
    payload = Event.objects.get(aggregate=f"order/{draft.id}").payload
    assert payload["url"]
    Event.objects.create(
        topic="order.paid",
        aggregate=f"order/{draft.id}",
        payload=payload | {"status": "paid"},
    )
    outbox.address()

    [event] = platform.get(ORDERS).body["items"]

    assert "url" not in event["data"]
    Draft202012Validator(schema("shop.order.paid.v1")).validate(event["data"])


def test_schema_names_everything_an_order_says(platform: Api) -> None:
    sell(1)
    outbox.address()
    described = schema("shop.order.paid.v1")["properties"]

    [event] = platform.get(ORDERS).body["items"]

    # A new member is a promise to the data team: say in the schema what it means.
    assert set(event["data"]) == set(described)
    line = described["lines"]["items"]["properties"]
    assert set(event["data"]["lines"][0]) == set(line)


def test_there_is_no_schema_of_what_is_not_pushed(guest: Api) -> None:
    assert guest.get("/api/v1/stream/schemas/shop.order.placed.v1").status == 404
    assert guest.get("/api/v1/stream/schemas/..%2Fsettings").status == 404
