"""Where somebody is signed in."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import devices
from accounts.errors import DeviceNotFound
from accounts.models import Device, User
from accounts.user_agents import icon_of, named
from common.memo import Memo
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

ANDROID = "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/140.0 Mobile"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Edg/140.0"


@pytest.fixture(autouse=True)
def _forget() -> None:
    Memo.clear_all()


def signed_in(user: User, browser: str = ANDROID) -> Client:
    client = Client(headers={"user-agent": browser})
    client.force_login(user)
    assert client.get("/account/").status_code == 200
    return client


@pytest.mark.parametrize(
    ("user_agent", "name", "icon"),
    [
        (ANDROID, "Chrome, Android", "phone"),
        (EDGE, "Edge, Windows", "screen"),
        ("Dojang/2.1 (build 7)", "Dojang", "screen"),
        ("", "Unknown device", "screen"),
    ],
)
def test_device_has_a_name(user_agent: str, name: str, icon: str) -> None:
    assert (named(user_agent), icon_of(user_agent)) == (name, icon)


def test_device_is_noted_once_and_costs_nothing_after_that() -> None:
    user = UserFactory.create()
    client = signed_in(user)

    client.get("/account/")

    [device] = devices.open_of(user.pk)
    assert (device.user_agent, device.ip) == (ANDROID, "127.0.0.1")


def test_session_that_is_over_is_no_device() -> None:
    user = UserFactory.create()
    signed_in(user)

    Session.objects.all().delete()

    assert devices.open_of(user.pk) == []


def test_device_of_somebody_else_cannot_be_ended() -> None:
    user, other = UserFactory.create(), UserFactory.create()
    browser = signed_in(other)
    [device] = devices.open_of(other.pk)

    with pytest.raises(DeviceNotFound):
        devices.end(user_id=user.pk, device_id=device.id)

    assert browser.get("/account/").status_code == 200


def test_guest_leaves_no_trace(client: Client) -> None:
    client.get("/")

    assert not Device.objects.exists()


def test_all_others_are_ended_and_tokens_with_them(client: Client) -> None:
    user = UserFactory.create()
    here, there = signed_in(user), signed_in(user, EDGE)
    body = {"email": user.email, "password": PASSWORD}
    pair = client.post("/api/v1/auth/token", body, "application/json").json()
    bearer = {"Authorization": f"Bearer {pair['access']}"}
    assert client.get("/api/v1/users/me", headers=bearer).status_code == 200

    here.post("/account/security/devices/end-others/")

    assert here.get("/account/").status_code == 200
    assert there.get("/account/").status_code == 302
    assert client.get("/api/v1/users/me", headers=bearer).status_code == 401


def test_app_is_a_device_too(client: Client) -> None:
    user = UserFactory.create()
    body = {"email": user.email, "password": PASSWORD}
    agent = {"User-Agent": "Dojang/2.1"}
    pair = client.post("/api/v1/auth/token", body, "application/json", headers=agent)
    [device] = devices.open_of(user.pk)
    assert named(device.user_agent) == "Dojang"

    devices.end(user_id=user.pk, device_id=device.id)

    refresh = {"refresh": pair.json()["refresh"]}
    answer = client.post("/api/v1/auth/token/refresh", refresh, "application/json")
    assert answer.status_code == 401
