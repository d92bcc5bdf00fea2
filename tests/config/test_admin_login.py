"""Signing in to the admin."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts import staff_hours
from common import audit
from tests.factories import PASSWORD, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post("/admin/login/", {"username": email, "password": password})


def test_attempts_are_limited_even_for_the_right_password(client: Client) -> None:
    staff = StaffFactory.create()
    for _attempt in range(5):
        assert sign_in(client, staff.email, "wrong").status_code == 200

    answer = sign_in(client, staff.email)

    assert answer.status_code == 200
    assert "Too many wrong attempts" in answer.content.decode()
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("is_active", [True, False])
def test_only_active_staff_get_in(client: Client, is_active: bool) -> None:  # noqa: FBT001 — a parameter of the test
    staff = StaffFactory.create(is_active=is_active)
    shopper = UserFactory.create()

    assert sign_in(client, shopper.email).status_code == 200
    assert sign_in(client, staff.email).status_code == (302 if is_active else 200)


def test_staff_sign_in_again_after_a_break_and_after_a_days_work(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff = StaffFactory.create()
    clock = [1_000_000.0]
    monkeypatch.setattr("accounts.staff_hours.time.time", lambda: clock[0])
    sign_in(client, staff.email)
    assert client.get("/admin/").status_code == 200

    clock[0] += staff_hours.IDLE + 1
    assert client.get("/admin/").status_code == 302
    assert "Sign in again, please." in client.get("/admin/login/").content.decode()
    assert client.get("/account/").status_code == 302, "still signed in as a shopper"

    sign_in(client, staff.email)
    answers = []
    for _page in range(25):
        answers.append(client.get("/admin/").status_code)
        clock[0] += 20 * 60
    # Twenty minutes apart, so never idle; the 25th is eight hours after the first.
    assert answers == [200] * 25
    assert client.get("/admin/").status_code == 302


def test_sign_ins_of_staff_are_in_the_log_and_those_of_shoppers_are_not(
    client: Client,
) -> None:
    staff, shopper = StaffFactory.create(), UserFactory.create()

    sign_in(client, staff.email, "wrong")
    sign_in(client, staff.email)
    client.post("/account/logout/")
    for email, password in (
        (staff.email, PASSWORD),
        (shopper.email, PASSWORD),
        (shopper.email, "wrong"),
        ("nobody@example.com", "wrong"),
    ):
        page = {"login": email, "password": password}
        Client().post("/accounts/login/", page)

    rows = LogEntry.objects.order_by("pk")
    assert [(row.user, audit.read(row).action, row.object_repr) for row in rows] == [
        (staff, "Sign in refused", f"user {staff.pk}"),
        (staff, "Sign in", f"user {staff.pk}"),
        (staff, "Sign in", f"user {staff.pk}"),
    ]
