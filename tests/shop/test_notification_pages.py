"""The list of news, the bell, what is chosen about them, and the way out of offers."""

from datetime import time

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from notifications import services as notifications
from notifications.links import unsubscribe_url
from notifications.models import Notification, Preference, QuietHours
from shop.views.notifications import ROWS_PER_PAGE
from tests.factories import UserFactory
from tests.notifications.events import event
from tests.shop.pages import body_of, names_in_order, text_of

pytestmark = pytest.mark.django_db


def hear(user: User, *topics: str) -> list[Notification]:
    """Tell somebody something; return the lines, oldest first."""
    notifications.tell([event(topic, user_id=user.pk) for topic in topics])
    return list(Notification.objects.of_user(user.pk).order_by("pk"))


def test_guest_signs_in_first(client: Client) -> None:
    for page in ("/notifications/", "/account/notifications/"):
        assert client.get(page)["Location"] == f"/accounts/login/?next={page}"
    for button in ("/notifications/read-all/", "/notifications/1/read/"):
        login = client.post(button)["Location"]
        assert login == "/accounts/login/?next=/notifications/"


def test_newcomer_has_an_empty_list_and_a_silent_bell(signed_in: Client) -> None:
    page = signed_in.get("/notifications/")

    assert "Nothing has happened yet." in text_of(page)
    assert "Mark all as read" not in text_of(page)
    assert '<span class="count" data-unread-count></span>' in body_of(page)


def test_news_come_newest_first_under_their_day(
    signed_in: Client, shopper: User
) -> None:
    first, *_ = hear(shopper, "order.placed", "order.paid", "coupon.issued")
    Notification.objects.filter(pk=first.pk).update(
        created_at="2026-03-04T15:30:00Z"  # past midnight by the shop's clock
    )

    page = signed_in.get("/notifications/")

    titles = [
        "You have a new coupon: Autumn 10 %",
        "Order ABCD-1234-5 is paid",
        "Order ABCD-1234-5 is waiting for your payment",
    ]
    assert names_in_order(page, titles) == titles
    assert "Mar 5, 2026 Order ABCD-1234-5 is waiting" in text_of(page)
    assert '<span class="count" data-unread-count>3</span>' in body_of(page)


def test_group_narrows_the_list(signed_in: Client, shopper: User) -> None:
    hear(shopper, "order.paid", "coupon.issued")

    page = text_of(signed_in.get("/notifications/?group=rewards"))

    assert "You have a new coupon" in page
    assert "is paid" not in page


@pytest.mark.parametrize("query", ["group=nonsense", "before=x", "before=-1", "group="])
def test_odd_addresses_show_the_whole_list(
    signed_in: Client, shopper: User, query: str
) -> None:
    hear(shopper, "order.paid")

    page = signed_in.get(f"/notifications/?{query}")

    assert page.status_code == 200
    assert "is paid" in text_of(page)


def test_long_list_goes_on_where_the_page_ended(
    signed_in: Client, shopper: User
) -> None:
    lines = hear(shopper, *["order.paid"] * (ROWS_PER_PAGE + 1))

    first = body_of(signed_in.get("/notifications/?group=orders"))
    second = body_of(signed_in.get(f"/notifications/?before={lines[1].pk}"))

    assert f'href="?group=orders&amp;before={lines[1].pk}"' in first
    assert first.count("news-title") == ROWS_PER_PAGE
    assert second.count("news-title") == 1
    assert 'href="/notifications/"' in second


def test_reading_one_leads_to_what_it_is_about(
    signed_in: Client, shopper: User
) -> None:
    [line, other] = hear(shopper, "order.paid", "order.shipped")

    answer = signed_in.post(f"/notifications/{line.pk}/read/")

    assert (answer.status_code, answer["Location"]) == (303, "/orders/ABCD-1234-5/")
    assert list(Notification.objects.unread()) == [other]


def test_somebody_else_s_line_is_not_there(signed_in: Client) -> None:
    stranger = UserFactory.create()
    [line] = hear(stranger, "order.paid")

    assert signed_in.post(f"/notifications/{line.pk}/read/").status_code == 404
    assert "is paid" not in text_of(signed_in.get("/notifications/"))

    line.refresh_from_db()
    assert line.read_at is None


def test_all_that_was_shown_is_marked_as_read(signed_in: Client, shopper: User) -> None:
    shown = hear(shopper, "order.paid", "coupon.issued")
    hear(shopper, "order.shipped")

    answer = signed_in.post("/notifications/read-all/", {"until": shown[-1].pk})

    assert (answer.status_code, answer["Location"]) == (303, "/notifications/")
    left = Notification.objects.unread().values_list("kind", flat=True)
    assert list(left) == ["order_shipped"]


def test_news_are_worded_in_the_language_of_the_page(
    signed_in: Client, shopper: User
) -> None:
    hear(shopper, "order.paid")
    signed_in.cookies["django_language"] = "ko"

    assert "주문 ABCD-1234-5" in text_of(signed_in.get("/notifications/"))


def test_line_of_a_kind_that_is_no_more_stays(signed_in: Client, shopper: User) -> None:
    Notification.objects.create(
        user=shopper,
        event_id="0199d2a0-0000-7000-8000-000000000001",
        kind="raffle_won",
        group="promotions",
    )

    assert "Raffle won" in text_of(signed_in.get("/notifications/"))


def test_bell_costs_no_statement_of_its_own(signed_in: Client, shopper: User) -> None:
    signed_in.get("/help/privacy/")  # what all shoppers share is remembered
    with CaptureQueriesContext(connection) as before:
        signed_in.get("/help/privacy/")
    hear(shopper, "order.paid", "order.shipped")

    with CaptureQueriesContext(connection) as after:
        page = signed_in.get("/help/privacy/")

    assert '<span class="count" data-unread-count>2</span>' in body_of(page)
    assert len(after) == len(before)
    assert sum("notifications_" in query["sql"] for query in after) == 1


def test_page_of_a_guest_asks_nothing_about_news(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/help/privacy/")

    assert "data-unread-count" not in body_of(page)
    assert not any("notifications_" in query["sql"] for query in queries)


def test_list_takes_the_same_statements_however_long_it_is(
    signed_in: Client, shopper: User
) -> None:
    hear(shopper, "order.paid")
    signed_in.get("/notifications/")
    with CaptureQueriesContext(connection) as short:
        signed_in.get("/notifications/")
    hear(shopper, *["order.shipped"] * 10)

    with CaptureQueriesContext(connection) as long:
        signed_in.get("/notifications/")

    assert len(long) == len(short)


# --- What is chosen ------------------------------------------------------------------


def test_defaults_are_shown_and_receipts_are_fixed(signed_in: Client) -> None:
    page = body_of(signed_in.get("/account/notifications/"))

    assert 'name="orders-email" checked disabled' in page
    assert 'name="orders-browser" checked>' in page
    assert 'name="orders-sms">' in page
    assert 'name="promotions-email">' in page


def test_choices_and_quiet_hours_are_kept(signed_in: Client, shopper: User) -> None:
    form = {
        "orders-sms": "on",
        "promotions-email": "on",
        "starts": "22:00",
        "ends": "07:30",
    }

    answer = signed_in.post("/account/notifications/", form)

    assert (answer.status_code, answer["Location"]) == (303, "/account/notifications/")
    chosen = {(row.group, row.channel): row.is_on for row in Preference.objects.all()}
    assert chosen["orders", "sms"] is True
    assert chosen["orders", "browser"] is False
    assert ("orders", "email") not in chosen
    assert ("promotions", "email") not in chosen
    shopper.refresh_from_db()
    assert shopper.wants_marketing_email is True
    assert shopper.wants_marketing_sms is False
    hours = QuietHours.objects.get(user=shopper)
    assert (hours.starts, hours.ends) == (time(22), time(7, 30))
    page = body_of(signed_in.get("/account/notifications/"))
    assert 'name="orders-sms" checked>' in page
    assert 'value="22:00"' in page


def test_no_quiet_hours_any_more(signed_in: Client, shopper: User) -> None:
    QuietHours.objects.create(user=shopper, starts=time(22), ends=time(7))

    signed_in.post("/account/notifications/", {"starts": "", "ends": ""})

    assert not QuietHours.objects.exists()


@pytest.mark.parametrize(
    ("starts", "ends", "reason"),
    [
        ("22:00", "", "Fill in both times, or neither."),
        ("22:00", "22:00", "Quiet hours must end at another time than they begin."),
        ("25:00", "07:00", "Enter a valid time."),
    ],
)
def test_impossible_quiet_hours_are_refused_and_nothing_changes(
    signed_in: Client, shopper: User, starts: str, ends: str, reason: str
) -> None:
    form = {"promotions-email": "on", "starts": starts, "ends": ends}

    answer = signed_in.post("/account/notifications/", form)

    assert answer.status_code == 422
    assert reason in text_of(answer)
    assert not QuietHours.objects.exists()
    assert not Preference.objects.exists()
    shopper.refresh_from_db()
    assert shopper.wants_marketing_email is False


# --- The way out of offers -----------------------------------------------------------


@pytest.fixture
def reader(db: None) -> User:
    return UserFactory.create(wants_marketing_email=True, wants_marketing_sms=True)


def address_of(user: User) -> str:
    return unsubscribe_url(user.pk, "email").removeprefix("http://127.0.0.1:8000")


def test_looking_at_the_page_of_the_link_changes_nothing(
    client: Client, reader: User
) -> None:
    page = client.get(address_of(reader))

    assert "Press the button" in text_of(page)
    reader.refresh_from_db()
    assert reader.wants_marketing_email is True


def test_mail_program_ends_offers_with_one_post_and_no_cookie(reader: User) -> None:
    program = Client(enforce_csrf_checks=True)

    for _ in range(2):
        answer = program.post(
            address_of(reader),
            "List-Unsubscribe=One-Click",
            content_type="application/x-www-form-urlencoded",
        )
        assert answer.status_code == 200

    assert "You are unsubscribed" in text_of(answer)
    reader.refresh_from_db()
    assert reader.wants_marketing_email is False
    assert reader.wants_marketing_sms is True


@pytest.mark.parametrize("token", ["x", "WzEsImVtYWlsIl0:1abc:forged", "a:b"])
def test_forged_link_is_not_there(client: Client, reader: User, token: str) -> None:
    path = f"/notifications/unsubscribe/{token}/"

    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404

    reader.refresh_from_db()
    assert reader.wants_marketing_email is True
