"""Phones that news go to, and tickets for the WebSocket."""

from dataclasses import replace

import pytest
from django.conf import settings
from redis.exceptions import RedisError

from accounts import devices as sign_ins
from accounts import tickets
from accounts.models import User
from common.cache import redis_client
from notifications.devices import MAX_DEVICES
from notifications.erasing import forget
from notifications.models import PushDevice
from tests.api.client import Api
from tests.concurrency import run_together
from tests.factories import UserFactory
from tests.notifications.events import event

DEVICES, TICKET = "/api/v1/devices", "/api/v1/ws-ticket"
PHONE = {"token": "fcm:1", "platform": "android"}


# --- Phones --------------------------------------------------------------------------


@pytest.mark.django_db
def test_phone_is_registered_once_however_often_it_asks(api: Api, user: User) -> None:
    first, again = (api.post(DEVICES, PHONE) for _ in range(2))

    device = PushDevice.objects.get()
    assert (first.status, again.status) == (201, 201)
    assert first.body["id"] == again.body["id"] == device.pk
    assert (device.user, device.platform) == (user, "android")
    assert "fcm:1" not in str(first.body)


@pytest.mark.django_db
def test_phone_belongs_to_whoever_registered_it_last(
    api: Api, other: Api, user: User
) -> None:
    theirs = other.post(DEVICES, PHONE).body["id"]
    mine = api.post(DEVICES, PHONE).body["id"]

    assert mine == theirs
    assert PushDevice.objects.get().user == user
    refused = other.delete(f"{DEVICES}/{theirs}")
    assert (refused.status, refused.code) == (404, "push_device_not_found")
    assert PushDevice.objects.exists()


@pytest.mark.django_db
def test_phone_is_taken_off(api: Api) -> None:
    device_id = api.post(DEVICES, PHONE).body["id"]

    assert api.delete(f"{DEVICES}/{device_id}").status == 204
    assert api.delete(f"{DEVICES}/{device_id}").status == 404
    assert not PushDevice.objects.exists()


@pytest.mark.django_db
def test_the_oldest_phone_gives_way(api: Api, user: User) -> None:
    for number in range(MAX_DEVICES + 1):
        api.post(DEVICES, PHONE | {"token": f"fcm:{number}"})

    tokens = PushDevice.objects.order_by("pk").values_list("token", flat=True)
    assert list(tokens) == [f"fcm:{n}" for n in range(1, MAX_DEVICES + 1)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""},
        {"token": 5},
        {"token": "x" * 1_001},
        {"platform": "pager"},
        {"platform": None},
        {"token": "a\0b"},
    ],
)
def test_what_is_no_phone_is_refused(api: Api, wrong: dict[str, object]) -> None:
    answer = api.post(DEVICES, PHONE | wrong)

    assert answer.status == 400
    assert not PushDevice.objects.exists()


@pytest.mark.django_db
def test_phones_go_with_the_account(api: Api, user: User) -> None:
    api.post(DEVICES, PHONE)
    kept = PushDevice.objects.create(
        user=UserFactory.create(), token="other", platform="ios"
    )

    erased = replace(event("order.paid"), payload={"user_id": user.pk})
    forget([erased])

    assert PushDevice.objects.get() == kept


# --- Tickets -------------------------------------------------------------------------


@pytest.mark.django_db
def test_ticket_is_good_once_for_half_a_minute(api: Api, user: User) -> None:
    answer = api.post(TICKET)

    assert (answer.status, answer.body["expires_in"]) == (201, 30)
    ticket = answer.body["ticket"]
    client = redis_client(settings.REDIS_URL)
    assert 0 < client.ttl(tickets._key(ticket)) <= 30
    holder = tickets.redeem(ticket)
    assert holder is not None
    assert holder.user_id == user.pk
    assert tickets.redeem(ticket) is None
    assert tickets.redeem("") is None


@pytest.mark.django_db(transaction=True)
def test_ticket_lets_one_of_many_in(api: Api) -> None:
    ticket = api.post(TICKET).body["ticket"]

    found = run_together(lambda _number: tickets.redeem(ticket), times=20)

    assert sum(one is not None for one in found) == 1


@pytest.mark.django_db
def test_ticket_ends_with_the_sign_in_it_came_from(api: Api, user: User) -> None:
    used = tickets.redeem(api.post(TICKET).body["ticket"])
    ticket = api.post(TICKET).body["ticket"]
    assert used is not None
    assert tickets.is_signed_in(used)

    sign_ins.end_others(user_id=user.pk, keep="")

    assert not tickets.is_signed_in(used)
    assert tickets.redeem(ticket) is None


@pytest.mark.django_db
def test_guests_get_no_ticket(guest: Api) -> None:
    assert guest.post(TICKET).status == 401


@pytest.mark.django_db
def test_without_redis_there_are_no_tickets(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def set(self, *_: object, **__: object) -> None:
            raise RedisError

    monkeypatch.setattr(tickets, "redis_client", lambda _url: Away())

    answer = api.post(TICKET)

    assert (answer.status, answer.code) == (503, "unavailable")
