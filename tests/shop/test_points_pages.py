"""The wallet: balance, charging, ledger."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from common.days import shop_day
from points import services as points
from points.models import LedgerEntry, PointAccount
from shop.views.points import ENTRIES_PER_PAGE
from tests.factories import UserFactory
from tests.shop.pages import body_of, text_of

pytestmark = pytest.mark.django_db


def test_guest_signs_in_first(client: Client) -> None:
    login = "/accounts/login/?next=/points/"
    assert client.get("/points/")["Location"] == login
    assert client.post("/points/charge/", {"preset": "10000"})["Location"] == login


def test_wallet_of_a_newcomer_is_empty(client: Client) -> None:
    client.force_login(UserFactory.create())

    page = text_of(client.get("/points/"))

    assert "Balance 0 P" in page
    assert "No points have moved yet." in page


def test_preset_is_charged_and_the_balance_after_shown(
    signed_in: Client, shopper: User
) -> None:
    answer = charge(signed_in, preset="30000")

    assert (answer.status_code, answer["Location"]) == (303, "/points/")
    page = text_of(signed_in.get("/points/"))
    assert "30,000 P charged. You now have 130,000 P." in page
    assert "+30,000 P 130,000 P" in page
    assert PointAccount.objects.get(user=shopper).balance == 130_000


def test_charge_that_is_sent_twice_counts_once(
    signed_in: Client, shopper: User
) -> None:
    form = {"key": "one-page", "amount": "5000"}

    signed_in.post("/points/charge/", form)
    signed_in.post("/points/charge/", form)

    assert PointAccount.objects.get(user=shopper).balance == 105_000


@pytest.mark.parametrize("amount", ["0", "-5", "1.5", "1e3", "", "1000001", "9" * 40])
def test_impossible_amount_is_refused_with_a_reason(
    signed_in: Client, shopper: User, amount: str
) -> None:
    answer = charge(signed_in, amount=amount)

    assert answer.status_code == 422
    assert 'class="errorlist"' in body_of(answer)
    assert PointAccount.objects.get(user=shopper).balance == 100_000


def test_account_cannot_hold_more_than_the_limit(client: Client) -> None:
    rich = UserFactory.create()
    points.adjust(
        user_id=rich.pk,
        amount=settings.POINTS_MAX_BALANCE,
        reason="gift",
        idempotency_key="gift",
    )
    client.force_login(rich)

    answer = charge(client, amount="1")

    page = text_of(client.get(answer["Location"]))
    assert "An account can hold at most 10000000 points." in page
    assert LedgerEntry.objects.of_user(rich.pk).count() == 1


def test_after_charging_one_never_leaves_the_shop(signed_in: Client) -> None:
    answer = charge(signed_in, preset="10000", next="https://evil.example/")

    assert answer["Location"] == "/points/"


def test_ledger_goes_on_from_the_last_entry_seen(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    busy = UserFactory.create()
    for number in range(1, ENTRIES_PER_PAGE + 2):
        points.charge(user_id=busy.pk, amount=number, idempotency_key=str(number))
    client.force_login(busy)
    client.get("/points/")

    # Session, user, ledger, the line of the balance, the header's numbers.
    with django_assert_max_num_queries(5):
        first = client.get("/points/")
    older = client.get("/points/", {"before": "2"})

    assert [entry.amount for entry in first.context["entries"]] == list(
        range(ENTRIES_PER_PAGE + 1, 1, -1)
    )
    assert 'href="?before=2"' in body_of(first)
    assert [entry.amount for entry in older.context["entries"]] == [1]
    assert client.get("/points/?before=x").status_code == 200


def test_ledger_of_somebody_else_is_never_shown(signed_in: Client) -> None:
    other = UserFactory.create(points=77_777)

    assert "77,777" not in text_of(signed_in.get("/points/"))
    assert PointAccount.objects.get(user=other).balance == 77_777


def test_ledger_is_narrowed_to_a_kind_and_grouped_by_month(
    signed_in: Client, shopper: User
) -> None:
    points.adjust(user_id=shopper.pk, amount=-7, reason="typo", idempotency_key="a")

    page = signed_in.get("/points/", {"kind": "adjust"})

    assert [entry.amount for entry in page.context["entries"]] == [-7]
    [month] = page.context["months"]
    assert month.first_day == shop_day(timezone.now()).replace(day=1)
    assert signed_in.get("/points/?kind=nonsense").status_code == 200


def test_ledger_is_saved_as_a_file_that_no_spreadsheet_runs(
    signed_in: Client, shopper: User
) -> None:
    points.adjust(user_id=shopper.pk, amount=-7, reason="=1+1", idempotency_key="evil")
    UserFactory.create(points=77_777)

    answer: Any = signed_in.get("/points/ledger.csv")

    lines = b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0] == "Time,What,Reference,Amount,Balance after"
    assert [line.split(",", 1)[1] for line in lines[1:]] == [
        "Adjusted,'=1+1,-7,99993",
        "Charged,,100000,100000",
    ]


def test_shopper_is_told_that_the_balance_had_changed_meanwhile(
    signed_in: Client, shopper: User
) -> None:
    key = signed_in.get("/points/").context["form"]["key"].value()
    points.use(
        user_id=shopper.pk, amount=95_800, reference="A", idempotency_key="elsewhere"
    )

    form = {"key": key, "amount": "1000", "seen": "100000"}
    answer = signed_in.post("/points/charge/", form)

    page = text_of(signed_in.get(answer["Location"]))
    assert "1,000 P charged. You now have 5,200 P." in page
    assert "Your balance had changed meanwhile: it was 4,200 P." in page


def charge(client: Client, **fields: Any) -> Any:
    key = client.get("/points/").context["form"]["key"].value()
    return client.post("/points/charge/", {"key": key, "amount": ""} | fields)
