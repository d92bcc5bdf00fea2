"""The log of what staff did: who, what, why, before and after, and in which request."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import ProgrammingError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from catalog.models import Product
from common import audit
from points.models import PointAccount
from tests.admin.acting import act
from tests.api.client import Api
from tests.factories import ProductFactory, StaffFactory, UserFactory
from tests.roles import make_roles, member

pytestmark = pytest.mark.django_db
LOG = "/admin/admin/logentry/"
ACCOUNTS = "/admin/points/pointaccount/"


@pytest.fixture
def shopper() -> User:
    return UserFactory.create(points=500)


def take_points(client: Client, shopper: User) -> LogEntry:
    client.post(
        ACCOUNTS,
        {
            "action": "adjust",
            "_selected_action": [str(shopper.pk)],
            "confirmed": "yes",
            "amount": "-200",
            "reason": "typo",
        },
        headers={"X-Request-Id": "desk-7"},
    )
    return LogEntry.objects.get()


def test_action_keeps_who_what_why_before_after_and_request(
    boss: User, client: Client, shopper: User
) -> None:
    entry = take_points(client, shopper)

    assert (entry.user, entry.object_id) == (boss, str(shopper.pk))
    assert audit.read(entry) == audit.Told(
        action="Adjust balance",
        reason="typo",
        before={"balance": 500},
        after={"balance": 300},
        request_id="desk-7",
    )


def test_history_of_a_thing_is_readable(
    boss: User, client: Client, shopper: User
) -> None:
    take_points(client, shopper)

    page = client.get(f"{ACCOUNTS}{shopper.pk}/history/").content.decode()

    for said in (boss.email, "Adjust balance", "typo", "balance: 500 → 300", "desk-7"):
        assert said in page
    assert "{" not in page.partition("<tbody>")[2].partition("</tbody>")[0]


def test_log_is_searched_and_filtered(
    boss: User, client: Client, shopper: User
) -> None:
    entry = take_points(client, shopper)
    other = StaffFactory.create()
    audit.write(ProductFactory.create(), actor_id=other.pk, action="Adjust stock")
    kind = ContentType.objects.get_for_model(PointAccount).pk
    tomorrow = str(timezone.now() + timedelta(days=1))

    def found(**query: str | int) -> list[LogEntry]:
        return list(client.get(LOG, query).context["cl"].result_list)

    assert len(found()) == 2
    for query in (
        {"q": "desk-7"},
        {"q": str(shopper.pk)},
        {"q": "typo"},
        {"user": boss.pk},
        {"kind": kind},
    ):
        assert found(**query) == [entry], query
    assert found(action_time__gte=tomorrow) == []
    page = client.get(LOG).content.decode()
    assert f'href="{ACCOUNTS}{shopper.pk}/change/"' in page
    assert "balance: 500 → 300" in page


def test_row_opens_and_old_rows_are_read_too(boss: User, client: Client) -> None:
    old = LogEntry.objects.create(
        user=boss, object_repr="Moon jar", action_flag=2, change_message="Begin to pack"
    )

    page = client.get(f"{LOG}{old.pk}/change/").content.decode()

    assert "Begin to pack" in page
    assert "Moon jar" in page


def test_log_of_many_rows_needs_few_statements(boss: User, client: Client) -> None:
    product = ProductFactory.create()
    audit.write_many([product] * 60, actor_id=boss.pk, action="Adjust stock")
    client.get(LOG)

    with CaptureQueriesContext(connection) as queries:
        client.get(LOG)

    assert len(queries) <= 12


@pytest.mark.parametrize("role", ["owner", "auditor"])
def test_log_is_for_those_who_look_after_others(role: str, client: Client) -> None:
    make_roles()
    client.force_login(member(role))

    assert client.get(LOG).status_code == 200


@pytest.mark.parametrize("role", ["support", "warehouse", "marketing", "analyst"])
def test_log_is_not_for_everybody(role: str, client: Client) -> None:
    make_roles()
    client.force_login(member(role))

    assert client.get(LOG).status_code == 403


def test_rows_are_never_changed_or_removed(boss: User) -> None:
    audit.write(ProductFactory.create(), actor_id=boss.pk, action="Adjust stock")

    with pytest.raises(ProgrammingError, match="pgtrigger"), transaction.atomic():
        LogEntry.objects.update(change_message="")
    with pytest.raises(ProgrammingError, match="pgtrigger"), transaction.atomic():
        LogEntry.objects.all().delete()

    assert LogEntry.objects.count() == 1


def test_form_keeps_what_it_changed(boss: User, client: Client) -> None:
    user = UserFactory.create(name="Kim Min-ji")

    client.post(
        f"/admin/accounts/user/{user.pk}/change/",
        {
            "email": user.email,
            "name": "Lee Min-ji",
            "language": "en",
            "addresses-TOTAL_FORMS": 0,
            "addresses-INITIAL_FORMS": 0,
        },
    )

    entry = LogEntry.objects.get()
    said = audit.read(entry)
    # What tells who somebody is does not outlive their account in a log.
    assert (said.action, said.changes()) == ("Changed", [("name", "–", "…")])
    assert entry.object_repr == f"user {user.pk}"


def test_group_of_a_category_is_kept_before_and_after(
    boss: User, client: Client
) -> None:
    category = Product.objects.get(pk=ProductFactory.create().pk).category

    client.post(
        f"/admin/catalog/category/{category.pk}/change/",
        {"name": "Jars", "slug": category.slug, "parent": "", "position": "0"},
    )

    [entry] = LogEntry.objects.all()
    assert ("name", category.name, "Jars") in audit.read(entry).changes()


def test_api_writes_the_same_rows() -> None:
    clerk, user = StaffFactory.create(), UserFactory.create()

    Api(clerk).post(
        "/api/v1/points/charge",
        {"amount": 500, "user_id": user.pk, "reason": "paid in cash"},
        X_Request_Id="till-1",
    )

    said = audit.read(LogEntry.objects.get())
    assert said.action == "API POST /api/v1/points/charge"
    assert (said.reason, said.request_id) == ("paid in cash", "till-1")


def test_refused_action_leaves_no_row(
    boss: User, client: Client, shopper: User
) -> None:
    act(client, ACCOUNTS, "adjust", shopper.pk, amount=-501, reason="typo")

    assert not LogEntry.objects.exists()
