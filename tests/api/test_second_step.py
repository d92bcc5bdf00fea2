"""Staff need a second step where the settings say so."""

from collections.abc import Iterator

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client, override_settings

from accounts.models import User
from tests.api.client import Api
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db
REPORT = "/api/v1/analytics/sales?from=2026-01-01&to=2026-01-02"
BACKEND = "accounts.backends.PasswordBackend"


@pytest.fixture(autouse=True)
def _required() -> Iterator[None]:
    with override_settings(STAFF_SECOND_STEP=True):
        yield


def staff(*, has_step: bool) -> User:
    user = StaffFactory.create()
    if has_step:
        TOTP.activate(user, generate_totp_secret())
    return user


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user, BACKEND)
    return client


def test_staff_without_it_are_told_what_to_do_first(user: User) -> None:
    clerk = Api(staff(has_step=False))

    report, others = clerk.get(REPORT), clerk.get(f"/api/v1/points?user_id={user.pk}")

    for answer in (report, others):
        assert (answer.status, answer.code) == (403, "second_step_required")


def test_staff_without_it_are_shoppers_all_the_same() -> None:
    assert Api(staff(has_step=False)).get("/api/v1/points").status == 200


def test_staff_with_it_work(user: User) -> None:
    clerk = Api(staff(has_step=True))

    assert clerk.get(REPORT).status == 200
    assert clerk.get(f"/api/v1/points?user_id={user.pk}").status == 200


def test_codes_for_the_drawer_are_no_second_step() -> None:
    user = staff(has_step=False)
    kind = Authenticator.Type.RECOVERY_CODES
    Authenticator.objects.create(user=user, type=kind, data={})

    assert Api(user).get(REPORT).code == "second_step_required"


def test_shoppers_are_told_as_ever() -> None:
    assert Api(UserFactory.create()).get(REPORT).code == "permission_denied"


def test_admin_leads_to_where_it_is_set_up() -> None:
    client = browser(staff(has_step=False))

    answer = client.get("/admin/", follow=True)

    assert answer.redirect_chain[-1][0] == "/account/security/"
    assert "Set up a second step" in answer.content.decode()
    assert client.get("/admin/orders/order/").status_code == 302


def test_admin_is_open_with_it() -> None:
    assert browser(staff(has_step=True)).get("/admin/").status_code == 200


def test_nobody_needs_it_where_the_settings_do_not_say_so() -> None:
    with override_settings(STAFF_SECOND_STEP=False):
        assert Api(staff(has_step=False)).get(REPORT).status == 200
