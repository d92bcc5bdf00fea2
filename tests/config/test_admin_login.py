"""Signing in to the admin."""

from typing import Any

import pytest
from django.test import Client

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
