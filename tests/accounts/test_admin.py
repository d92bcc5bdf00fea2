"""People in the admin."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
NEW = {"usable_password": "true", "password1": "another horse battery"}
NEW |= {"password2": NEW["password1"]}


@pytest.fixture
def support(client: Client) -> User:
    user: User = UserFactory.create(is_staff=True)
    may = Permission.objects.filter(codename__in=["view_user", "change_user"])
    user.user_permissions.set(may)
    client.force_login(user)
    return user


@pytest.mark.usefixtures("support")
def test_staff_cannot_take_over_a_colleague(client: Client) -> None:
    manager = UserFactory.create(is_staff=True)

    page = client.post(f"/admin/accounts/user/{manager.pk}/change/", {"email": "a@b.c"})
    password = client.post(f"/admin/accounts/user/{manager.pk}/password/", NEW)

    assert (page.status_code, password.status_code) == (403, 403)
    manager.refresh_from_db()
    assert manager.check_password(PASSWORD)


def test_staff_can_help_shoppers_and_themselves(client: Client, support: User) -> None:
    shopper = UserFactory.create()

    answers = [
        client.post(f"/admin/accounts/user/{pk}/password/", NEW).status_code
        for pk in (shopper.pk, support.pk)
    ]

    assert answers == [302, 302]
    shopper.refresh_from_db()
    assert shopper.check_password(NEW["password1"])
