"""Where somebody is signed in: the list, and how each sign-in ends."""

import uuid

import pytest
from django.test import Client

from accounts.models import Device, User
from common.memo import Memo
from tests.api.client import Answer, Api
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
SESSIONS, ME = "/api/v1/auth/sessions", "/api/v1/users/me"
BACKEND = "accounts.backends.PasswordBackend"
EDGE = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Edg/140.0"


@pytest.fixture(autouse=True)
def _forget() -> None:
    Memo.clear_all()


def app(user: User, device: str = "") -> tuple[Api, str]:
    """Sign in from an app; return it with its refresh token."""
    body = {"email": user.email, "password": PASSWORD, "device": device}
    pair = Api().post("/api/v1/auth/token", body, User_Agent="Dojang/2.1").body
    signed_in = Api()
    signed_in.headers["Authorization"] = f"Bearer {pair['access']}"
    return signed_in, str(pair["refresh"])


def browser(user: User) -> Client:
    client = Client(headers={"user-agent": EDGE})
    client.force_login(user, BACKEND)
    assert client.get("/account/").status_code == 200
    return client


def renewed(refresh: str) -> Answer:
    return Api().post("/api/v1/auth/token/refresh", {"refresh": refresh})


def test_browsers_and_apps_are_in_one_list() -> None:
    user = UserFactory.create()
    browser(user)
    phone, _refresh = app(user, "Min-ji's phone")
    app(user)

    answer = phone.get(SESSIONS)

    assert answer.header("Cache-Control") == "no-store"
    found = {item["name"]: item for item in answer.body["items"]}
    assert set(found) == {"Edge, Windows", "Min-ji's phone", "Dojang"}
    mine = found["Min-ji's phone"]
    assert (mine["is_current"], mine["ip"]) == (True, "127.0.0.1")
    assert not found["Dojang"]["is_current"]
    keys = {str(device.session_key) for device in Device.objects.all()}
    ids = {str(device.pk) for device in Device.objects.all()}
    assert not {item["id"] for item in answer.body["items"]} & (keys | ids)


def test_browser_sees_which_one_it_is() -> None:
    user = UserFactory.create()
    app(user)

    items = browser(user).get(SESSIONS).json()["items"]

    assert {item["name"]: item["is_current"] for item in items} == {
        "Edge, Windows": True,
        "Dojang": False,
    }


def test_one_that_is_ended_is_out_at_once() -> None:
    user = UserFactory.create()
    here, (phone, refresh) = browser(user), app(user, "phone")
    [item] = [
        one for one in phone.get(SESSIONS).body["items"] if one["name"] == "phone"
    ]
    [other] = [
        one for one in phone.get(SESSIONS).body["items"] if one["name"] != "phone"
    ]

    assert phone.delete(f"{SESSIONS}/{other['id']}").status == 204
    assert here.get("/account/").status_code == 302
    assert phone.delete(f"{SESSIONS}/{other['id']}").code == "device_not_found"

    assert phone.delete(f"{SESSIONS}/{item['id']}").status == 204
    assert phone.get(ME).status == 401
    assert renewed(refresh).status == 401


def test_that_of_somebody_else_is_not_there() -> None:
    stranger, _refresh = app(UserFactory.create())
    owner, _refresh = app(UserFactory.create())
    [item] = owner.get(SESSIONS).body["items"]

    for session_id in (item["id"], uuid.uuid4()):
        answer = stranger.delete(f"{SESSIONS}/{session_id}")
        assert (answer.status, answer.code) == (404, "device_not_found")
    assert owner.get(ME).status == 200


def test_all_others_end_and_this_one_goes_on() -> None:
    user = UserFactory.create()
    here, (phone, refresh), (tablet, old) = browser(user), app(user), app(user)

    assert phone.post(f"{SESSIONS}/revoke-others").status == 204

    assert here.get("/account/").status_code == 302
    assert tablet.get(ME).status == 401
    assert renewed(old).status == 401
    # The access token is of before; its refresh token is as good as ever.
    assert phone.get(ME).status == 401
    again = renewed(refresh)
    assert again.status == 200
    phone.headers["Authorization"] = f"Bearer {again.body['access']}"
    assert len(phone.get(SESSIONS).body["items"]) == 1


def test_nobody_else_is_asked(guest: Api) -> None:
    assert guest.get(SESSIONS).status == 401
    assert guest.post(f"{SESSIONS}/revoke-others").status == 401
