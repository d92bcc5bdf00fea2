"""Profile, addresses and the shop's settings through the API."""

import pytest

from accounts.models import Address, User
from tests.api.client import Api
from tests.factories import AddressFactory, DeliveryMethodFactory

pytestmark = pytest.mark.django_db
ME, BOOK = "/api/v1/users/me", "/api/v1/users/me/addresses"
HOME = {
    "recipient": "Kim",
    "phone": "+82 10",
    "postal_code": "04524",
    "line1": "110 Sejong-daero",
    "city": "Seoul",
}


def test_profile_shows_nothing_secret(api: Api, user: User) -> None:
    answer = api.get(ME)

    assert set(answer.body) == {
        "id",
        "email",
        "name",
        "phone",
        "language",
        "wants_marketing_email",
        "is_staff",
        "created_at",
    }
    assert answer.body["email"] == user.email
    assert answer.header("Cache-Control") == "private, no-cache"


def test_profile_changes_what_is_sent_and_nothing_else(api: Api, user: User) -> None:
    answer = api.patch(ME, {"name": "Lee", "wants_marketing_email": True})

    assert (answer.body["name"], answer.body["wants_marketing_email"]) == ("Lee", True)
    before = User.objects.filter(pk=user.pk).values().get()
    api.patch(
        ME,
        {
            "is_staff": True,
            "is_superuser": True,
            "email": "x@example.com",
            "token_version": 7,
            "balance": 10**9,
            "password": "x",
            "id": 1,
        },
    )
    assert User.objects.filter(pk=user.pk).values().get() == before


def test_address_book(api: Api, user: User) -> None:
    first = api.post(BOOK, HOME)
    second = api.post(BOOK, HOME | {"line1": "2 Elsewhere", "is_default": True})

    assert (first.status, first.body["is_default"]) == (201, True)
    assert first.body["country"] == "KR"
    assert first.header("Location") == f"{BOOK}/{first.body['id']}"
    book = api.get(BOOK).body["items"]
    assert [item["id"] for item in book] == [second.body["id"], first.body["id"]]
    assert [item["is_default"] for item in book] == [True, False]
    assert api.get(f"{BOOK}/{first.body['id']}").body == first.body | {
        "is_default": False
    }


def test_address_is_replaced_corrected_and_dropped(api: Api, user: User) -> None:
    address = AddressFactory.create(user=user, line2="7F", country="JP")
    path = f"{BOOK}/{address.pk}"

    corrected = api.patch(path, {"city": "Busan"})
    replaced = api.put(path, HOME)
    usual = api.patch(path, {"is_default": True})
    nothing = api.patch(path, {})

    assert (corrected.body["city"], corrected.body["line2"]) == ("Busan", "7F")
    assert (replaced.body["line2"], replaced.body["country"]) == ("", "KR")
    assert usual.body["is_default"] is True
    assert (nothing.status, nothing.pointers) == (400, ["#"])
    assert api.delete(path).status == 204
    assert api.delete(path).code == "address_not_found"
    assert not Address.objects.exists()


def test_dropping_with_a_key_can_be_repeated(api: Api, user: User) -> None:
    path = f"{BOOK}/{AddressFactory.create(user=user).pk}"

    answers = [api.delete(path, Idempotency_Key="k") for _ in range(2)]

    assert [answer.status for answer in answers] == [204, 204]


def test_addresses_of_others_are_not_there(api: Api) -> None:
    path = f"{BOOK}/{AddressFactory.create().pk}"

    for answer in (
        api.get(path),
        api.put(path, HOME),
        api.patch(path, {"city": "x"}),
        api.delete(path),
    ):
        assert (answer.status, answer.code) == (404, "address_not_found")
    assert Address.objects.get().city == "Seoul"
    assert api.get(BOOK).body["items"] == []


def test_full_address_book(api: Api, user: User) -> None:
    AddressFactory.create_batch(20, user=user)

    answer = api.post(BOOK, HOME)

    assert (answer.status, answer.code, answer.body["limit"]) == (
        409,
        "address_book_full",
        20,
    )


def test_settings_of_the_shop(guest: Api) -> None:
    body = guest.get("/api/v1/config").body

    assert body["currency"] == {"code": "KRW", "exponent": 0}
    assert body["limits"]["quantity"] == 999
    assert body["payment_methods"] == ["points", "sandbox"]


def test_ways_of_delivery_in_their_order(guest: Api) -> None:
    DeliveryMethodFactory.create(code="slow", position=2)
    DeliveryMethodFactory.create(code="fast", position=1, cost=5_000)
    DeliveryMethodFactory.create(code="old", is_active=False)

    items = guest.get("/api/v1/delivery-methods").body["items"]

    assert [item["code"] for item in items] == ["fast", "slow"]
    assert items[0]["cost"] == {"amount": 5_000, "currency": "KRW"}


def test_address_becomes_the_default(api: Api, user: User) -> None:
    first, second = AddressFactory.create_batch(2, user=user)
    Address.objects.filter(pk=first.pk).update(is_default=True)
    theirs = AddressFactory.create()

    answers = [api.post(f"{BOOK}/{second.pk}/default") for _ in range(2)]
    refused = api.post(f"{BOOK}/{theirs.pk}/default")

    assert [(one.status, one.body["is_default"]) for one in answers] == [
        (200, True)
    ] * 2
    assert Address.objects.get(user=user, is_default=True) == second
    assert (refused.status, refused.code) == (404, "address_not_found")


def test_user_is_shown_to_themselves_and_to_staff(
    api: Api, other: Api, staff: Api, user: User
) -> None:
    path = f"/api/v1/users/{user.pk}"

    assert api.get(path).body == api.get(ME).body == staff.get(path).body
    for who in (path, f"/api/v1/users/{2**40}"):
        refused = other.get(who)
        assert (refused.status, refused.code) == (403, "user_id_forbidden")
    assert staff.get(f"/api/v1/users/{2**40}").code == "user_not_found"
