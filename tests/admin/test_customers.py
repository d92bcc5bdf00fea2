"""One page per customer, and what staff do for them from there."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import care
from accounts.models import CustomerNote, User
from checkout import services as checkout
from checkout.services import Purchase
from common import audit
from common.memo import Memo
from points import services as points
from points.models import EntryKind, LedgerEntry, PointCorrection
from tests.admin.acting import act, told
from tests.api.client import Api
from tests.factories import PASSWORD, ProductFactory, StaffFactory, UserFactory
from tests.shops import Shop

pytestmark = pytest.mark.django_db
USERS = "/admin/accounts/user/"
CORRECTIONS = "/admin/points/pointcorrection/"


@pytest.fixture(autouse=True)
def _forget() -> None:
    Memo.clear_all()


@pytest.fixture
def shopper() -> User:
    return UserFactory.create(points=500)


def clerk(*permissions: str) -> User:
    user: User = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    return user


def page_of(client: Client, user: User) -> str:
    return client.get(f"{USERS}{user.pk}/change/").content.decode()


def test_page_says_all_about_a_customer(shop: Shop, boss: User, client: Client) -> None:
    care.write_note(user_id=shop.user.pk, text="Calls on Mondays", author_id=boss.pk)
    reader = Client(headers={"user-agent": "Dojang/2.1"})
    reader.force_login(shop.user)
    reader.get("/account/")

    page = page_of(client, shop.user)

    assert "Calls on Mondays" in page
    assert "explained by the ledger" in page
    assert "Dojang" in page
    for heading in (
        *("Notes of staff", "Orders", "Points", "Coupons", "Signed in on", "Consents"),
        *("What they buy", "More of theirs"),
    ):
        assert f">{heading}" in page, heading
    assert "style=" not in page


def test_page_shows_only_what_its_reader_may_see(shop: Shop, client: Client) -> None:
    client.force_login(clerk("view_user"))

    page = page_of(client, shop.user)

    assert shop.user.email in page
    for heading in ("Notes of staff", "Orders", "Points", "Coupons", "Signed in on"):
        assert f'">{heading}' not in page, heading
    assert (
        "<button"
        not in page.partition('id="content"')[2]
        .partition("object-tools")[2]
        .partition("</ul>")[0]
    )


def test_page_costs_the_same_however_much_somebody_bought(
    shop: Shop, boss: User, client: Client
) -> None:
    product = ProductFactory.create(stock_on_hand=100, price=100)

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page_of(client, shop.user)
        return len(queries)

    page_of(client, shop.user)
    before = count()
    for _ in range(10):
        checkout.place_and_pay(
            Purchase(
                user_id=shop.user.pk,
                email=shop.user.email,
                quantities={product.pk: 1},
            )
        )

    assert count() <= before <= 32


def test_customer_is_signed_out_everywhere(
    shopper: User, boss: User, client: Client
) -> None:
    browser, app = Client(), Api(shopper)
    browser.force_login(shopper)
    assert browser.get("/account/").status_code == 200
    assert app.get("/api/v1/users/me/points").status == 200

    act(client, USERS, "sign_out", shopper.pk)

    assert browser.get("/account/").status_code == 302
    assert app.get("/api/v1/users/me/points").status == 401
    assert audit.read(LogEntry.objects.get()).action == "Sign out everywhere"


def test_blocked_customer_is_signed_out_and_refused(
    shopper: User, boss: User, client: Client
) -> None:
    browser, app = Client(), Api(shopper)
    browser.force_login(shopper)
    browser.get("/account/")

    act(client, USERS, "block", shopper.pk, reason="chargebacks")

    assert browser.get("/account/").status_code == 302
    assert app.get("/api/v1/users/me/points").status == 401
    again = Api().post(
        "/api/v1/auth/token", {"email": shopper.email, "password": PASSWORD}
    )
    assert again.status in {401, 403}
    fresh = Client()
    fresh.post("/accounts/login/", {"login": shopper.email, "password": PASSWORD})
    assert fresh.get("/account/").status_code == 302
    said = audit.read(LogEntry.objects.get())
    assert (said.reason, said.changes()) == (
        "chargebacks",
        [("is_active", "True", "False")],
    )


def test_blocked_customer_is_let_in_again(
    shopper: User, boss: User, client: Client
) -> None:
    act(client, USERS, "block", shopper.pk, reason="chargebacks")
    twice = act(client, USERS, "block", shopper.pk, reason="chargebacks")
    act(client, USERS, "unblock", shopper.pk, reason="paid")

    assert "blocked already" in told(twice)[-1]
    shopper.refresh_from_db()
    assert shopper.is_active
    browser = Client()
    browser.post("/accounts/login/", {"login": shopper.email, "password": PASSWORD})
    assert browser.get("/account/").status_code == 200


def test_blocking_needs_a_reason(shopper: User, boss: User, client: Client) -> None:
    act(client, USERS, "block", shopper.pk, reason="")

    shopper.refresh_from_db()
    assert shopper.is_active
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("action", ["block", "sign_out", "send_reset", "erase"])
def test_staff_accounts_are_not_customers(
    action: str, boss: User, client: Client
) -> None:
    other = StaffFactory.create()

    response = act(
        client, USERS, action, other.pk, reason="x", is_sure="on", gives_up_points="on"
    )

    assert "done" not in " ".join(told(response))
    other.refresh_from_db()
    assert (other.is_active, other.erased_at, other.token_version) == (True, None, 0)
    assert mail.outbox == []


def test_letter_for_a_new_password_is_sent(
    shopper: User, boss: User, client: Client
) -> None:
    User.objects.filter(pk=shopper.pk).update(language="ko")

    response = act(client, USERS, "send_reset", shopper.pk)

    assert told(response) == ["Send a letter for a new password: 1 done."]
    [letter] = mail.outbox
    assert letter.to == [shopper.email]
    assert "/accounts/password/reset/key/" in letter.body
    assert "비밀번호" in f"{letter.subject} {letter.body}"


def test_blocked_customer_gets_no_letter(
    shopper: User, boss: User, client: Client
) -> None:
    care.block(user_id=shopper.pk)

    response = act(client, USERS, "send_reset", shopper.pk)

    assert "blocked" in told(response)[-1]
    assert mail.outbox == []


def test_note_is_written_and_stays(shopper: User, boss: User, client: Client) -> None:
    act(client, USERS, "write_note", shopper.pk, text="Calls on Mondays")

    note = CustomerNote.objects.get()
    assert (note.user, note.author, note.text) == (shopper, boss, "Calls on Mondays")
    # The log says that there is a note, and the note what it says.
    assert "Mondays" not in LogEntry.objects.get().change_message


def test_customer_is_deleted_with_the_notes(
    shopper: User, boss: User, client: Client
) -> None:
    email = shopper.email
    care.write_note(user_id=shopper.pk, text="Calls on Mondays", author_id=boss.pk)

    kept = act(client, USERS, "erase", shopper.pk, reason="asked", is_sure="on")
    assert "points" in told(kept)[-1]
    act(
        client,
        USERS,
        "erase",
        shopper.pk,
        reason="asked",
        is_sure="on",
        gives_up_points="on",
    )

    shopper.refresh_from_db()
    assert shopper.erased_at is not None
    assert not CustomerNote.objects.exists()
    entry = LogEntry.objects.get()
    assert audit.read(entry).reason == "asked"
    assert email not in str(list(LogEntry.objects.values()))
    page = page_of(client, shopper)
    assert "Let in again" not in page
    assert "Deleted" in page


def test_nobody_is_deleted_by_a_slip(shopper: User, boss: User, client: Client) -> None:
    act(client, USERS, "erase", shopper.pk, reason="asked", gives_up_points="on")

    shopper.refresh_from_db()
    assert shopper.erased_at is None


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("sign_out", {}),
        ("send_reset", {}),
        ("write_note", {"text": "x"}),
        ("give_points", {"amount": 5, "reason": "x"}),
        ("block", {"reason": "x"}),
        ("erase", {"reason": "x", "is_sure": "on", "gives_up_points": "on"}),
    ],
)
def test_what_one_may_not_do_is_not_done_when_sent_by_hand(
    action: str, given: dict[str, object], shopper: User, client: Client
) -> None:
    client.force_login(clerk("view_user", "change_user"))

    act(client, USERS, action, shopper.pk, **given)

    shopper.refresh_from_db()
    assert (shopper.is_active, shopper.erased_at, shopper.token_version) == (
        True,
        None,
        0,
    )
    assert points.balance_of(shopper.pk) == 500
    assert mail.outbox == []
    assert not CustomerNote.objects.exists()
    assert not LogEntry.objects.exists()


def test_customers_are_not_blocked_without_a_reason_by_the_form(
    shopper: User, boss: User, client: Client
) -> None:
    client.post(
        f"{USERS}{shopper.pk}/change/",
        {
            "email": shopper.email,
            "language": "en",
            "addresses-TOTAL_FORMS": 0,
            "addresses-INITIAL_FORMS": 0,
        },
    )

    shopper.refresh_from_db()
    assert shopper.is_active


# --- Points --------------------------------------------------------------------------


def test_points_are_given_with_reason_and_reference(
    shopper: User, boss: User, client: Client
) -> None:
    act(
        client,
        USERS,
        "give_points",
        shopper.pk,
        amount=300,
        reason="late parcel",
        reference="7KQF2M9X4T",
    )

    assert points.balance_of(shopper.pk) == 800
    entry = LedgerEntry.objects.get(kind=EntryKind.ADJUST)
    assert entry.reference == "7KQF2M9X4T"
    page = client.get(f"/admin/points/ledgerentry/{entry.pk}/change/").content.decode()
    assert "late parcel" in page
    assert boss.email in page


def test_many_points_take_two_members_of_staff(
    shopper: User, boss: User, client: Client
) -> None:
    response = act(
        client, USERS, "give_points", shopper.pk, amount=100_001, reason="lost parcel"
    )
    assert "a second member of staff decides" in told(response)[0]
    asked = PointCorrection.objects.get()
    page = client.get(f"{CORRECTIONS}{asked.pk}/change/")
    assert page.context["object_actions"] == []
    own = act(client, CORRECTIONS, "approve", asked.pk)
    assert "second member of staff" in told(own)[-1]
    assert points.balance_of(shopper.pk) == 500

    client.force_login(StaffFactory.create())
    assert "Waits for a second person" in page_of(client, shopper)
    done = act(client, CORRECTIONS, "approve", asked.pk)
    again = act(client, CORRECTIONS, "approve", asked.pk)

    assert told(done)[-1] == "Approve: 1 done."
    assert "decided about these points already" in told(again)[-1]
    assert points.balance_of(shopper.pk) == 500 + 100_001


def test_points_are_refused_for_a_reason(
    shopper: User, boss: User, client: Client
) -> None:
    act(client, USERS, "give_points", shopper.pk, amount=100_001, reason="lost parcel")
    asked = PointCorrection.objects.get()
    client.force_login(StaffFactory.create())

    act(client, CORRECTIONS, "reject", asked.pk, reason="it arrived")

    asked.refresh_from_db()
    assert (asked.state, asked.answer) == ("rejected", "it arrived")
    assert points.balance_of(shopper.pk) == 500


def test_who_may_only_look_approves_nothing(
    shopper: User, boss: User, client: Client
) -> None:
    act(client, USERS, "give_points", shopper.pk, amount=100_001, reason="lost parcel")
    asked = PointCorrection.objects.get()
    client.force_login(clerk("view_pointcorrection", "change_pointcorrection"))

    act(client, CORRECTIONS, "approve", asked.pk)

    asked.refresh_from_db()
    assert asked.state == "open"


def test_balance_that_the_ledger_does_not_explain_is_seen(
    shopper: User, boss: User, client: Client
) -> None:
    page = "/admin/points/pointaccount/{}/change/".format
    assert "✓" in client.get(page(shopper.pk)).content.decode()
    type(shopper.point_account).objects.filter(pk=shopper.pk).update(balance=501)

    assert "✗" in client.get(page(shopper.pk)).content.decode()
