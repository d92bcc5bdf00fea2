"""Points through the API."""

import pytest

from accounts.models import User
from common.models import IdempotencyRecord
from points import services as points
from tests.api.client import Api
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
POINTS = "/api/v1/points"


def test_balance(api: Api, user: User) -> None:
    body = api.get(POINTS).body

    assert (body["user_id"], body["balance"]) == (user.pk, 1_000_000)


def test_somebody_who_never_had_any_has_none() -> None:
    body = Api(UserFactory.create()).get(POINTS).body

    assert (body["balance"], body["updated_at"]) == (0, None)


def test_charging_gives_the_entry_and_the_balance(api: Api, user: User) -> None:
    answer = api.post(f"{POINTS}/charge", {"amount": 50_000})

    assert answer.status == 201
    assert answer.body["balance"] == 1_050_000
    entry = answer.body["entry"]
    assert (entry["kind"], entry["amount"], entry["balance_after"]) == (
        "charge",
        50_000,
        1_050_000,
    )
    assert points.balance_of(user.pk) == 1_050_000


def test_key_counts_once_even_when_its_record_is_gone(api: Api, user: User) -> None:
    api.post(f"{POINTS}/charge", {"amount": 10}, Idempotency_Key="k")
    IdempotencyRecord.objects.all().delete()

    api.post(f"{POINTS}/charge", {"amount": 10}, Idempotency_Key="k")

    assert points.balance_of(user.pk) == 1_000_010


def test_limits_of_an_account(api: Api, user: User) -> None:
    for number in range(9):
        points.charge(user_id=user.pk, amount=1_000_000, idempotency_key=f"{number}")

    answer = api.post(f"{POINTS}/charge", {"amount": 1})
    too_much = api.post(f"{POINTS}/charge", {"amount": 1_000_001})

    assert (answer.status, answer.code) == (409, "balance_limit_reached")
    assert answer.body["balance"] == 10_000_000
    assert (too_much.status, too_much.pointers) == (400, ["#/amount"])
    assert points.balance_of(user.pk) == 10_000_000


def test_using_more_than_there_is(api: Api, user: User) -> None:
    answer = api.post(f"{POINTS}/use", {"amount": 1_000_001})

    assert (answer.status, answer.code) == (409, "insufficient_points")
    assert answer.body["required"] == 1_000_001
    assert points.balance_of(user.pk) == 1_000_000


def test_history_shows_the_balance_after_each_entry(api: Api) -> None:
    api.post(f"{POINTS}/charge", {"amount": 500})
    api.post(f"{POINTS}/use", {"amount": 200, "reference": "gift wrap"})

    items = api.get(f"{POINTS}/history").body["items"]

    assert [(entry["kind"], entry["balance_after"]) for entry in items] == [
        ("use", 1_000_300),
        ("charge", 1_000_500),
        ("charge", 1_000_000),
    ]
    assert items[0]["reference"] == "gift wrap"


def test_history_is_paged_and_filtered(api: Api) -> None:
    for amount in (1, 2, 3):
        api.post(f"{POINTS}/charge", {"amount": amount})

    first = api.get(f"{POINTS}/history?limit=2&kind=charge")
    second = api.get(first.body["next"])

    amounts = [e["amount"] for page in (first, second) for e in page.body["items"]]
    assert amounts == [3, 2, 1, 1_000_000]
    assert api.get(f"{POINTS}/history?kind=use").body["items"] == []
    assert api.get(f"{POINTS}/history?to=2000-01-01T00:00:00Z").body["items"] == []
    assert (
        len(api.get(f"{POINTS}/history?from=2000-01-01T00:00:00Z").body["items"]) == 4
    )


@pytest.mark.parametrize("query", ["kind=gift", "from=yesterday", "to=%00", "limit=0"])
def test_history_refuses_nonsense(api: Api, query: str) -> None:
    answer = api.get(f"{POINTS}/history?{query}")

    assert (answer.status, answer.pointers) == (400, [query.split("=", maxsplit=1)[0]])
