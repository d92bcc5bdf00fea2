"""The WebSocket of open pages: a real server, real Redis, real PostgreSQL."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone
from websockets.exceptions import InvalidStatus

from accounts import devices, tickets
from accounts.models import User
from api import tokens
from catalog.models import Product
from checkout import parcels
from checkout import services as checkout
from checkout.services import Purchase
from common.days import shop_zone
from notifications import sending
from notifications import services as notifications
from notifications.models import Notification, Preference, QuietHours
from orders.drafts import Draft
from tests.factories import PASSWORD, ProductFactory, UserFactory
from tests.notifications.events import event
from tests.running import Live, Running, platform, running  # noqa: F401 — fixtures
from tests.shop.sockets import open_page, session_of

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[Live]:
    """Start one server for all tests that leave it alive."""
    with Running(tmp_path_factory.mktemp("live")) as processes:
        yield processes.live()


@pytest.fixture
def url(server: Live) -> str:
    return server.url


@pytest.fixture
def shopper() -> User:
    return UserFactory.create(points=100_000)


def happen(user: User, *topics: str) -> list[int]:
    """Let things happen to somebody, and pages hear of them; return the ids."""
    notifications.tell([event(topic, user_id=user.pk) for topic in topics])
    sending.send_due("browser")
    newest = Notification.objects.of_user(user.pk).newest_first()
    return list(newest.values_list("pk", flat=True)[: len(topics)])[::-1]


def unpaid_order(user: User, product: Product) -> Draft:
    return checkout.place_order(
        Purchase(user_id=user.pk, email=user.email, quantities={product.pk: 1})
    )


# --- News


def test_newcomer_is_told_that_nothing_was_missed(url: str, shopper: User) -> None:
    with open_page(url, session_of(shopper)) as page:
        ready = page.next()

        assert (ready["type"], ready["data"]) == ("ready", {"unread": 0, "cursor": 0})
        assert page.is_silent()


def test_news_come_at_once_in_words(url: str, shopper: User) -> None:
    with open_page(url, session_of(shopper)) as page:
        page.until_ready()
        [news_id] = happen(shopper, "points.charged")
        frame = page.next(seconds=1)

    row = Notification.objects.get()
    assert frame == {
        "id": news_id,
        "type": "notification",
        "at": row.created_at.isoformat(),
        "data": {
            "kind": "points_charged",
            "group": "rewards",
            "title": "50,000\N{NO-BREAK SPACE}P added to your account",
            "body": "Your balance is now 62,400\N{NO-BREAK SPACE}P.",
            "url": "/points/",
            "unread": 1,
            "loud": True,
        },
    }


def test_who_comes_back_gets_what_was_missed_once_and_then_the_rest(
    url: str, shopper: User
) -> None:
    session = session_of(shopper)
    with open_page(url, session) as page:
        page.until_ready()
        [seen] = happen(shopper, "points.charged")
        assert page.next()["id"] == seen
    missed = happen(shopper, "coupon.issued", "points.charged", "coupon.issued")

    with open_page(url, session, after=seen) as page:
        assert [frame["id"] for frame in page.until_ready()] == missed
        [fresh] = happen(shopper, "points.charged")
        assert page.next()["id"] == fresh
        assert page.is_silent()
    with open_page(url, session) as page:
        assert page.until_ready() == []


def test_long_absence_is_caught_up_with_in_part(url: str, shopper: User) -> None:
    ids = happen(shopper, *["points.charged"] * 230)

    with open_page(url, session_of(shopper), after=0) as page:
        assert [frame["id"] for frame in page.until_ready()] == ids[-200:]


def test_nonsense_cursors_are_taken_as_none(url: str, shopper: User) -> None:
    happen(shopper, "points.charged")
    session = session_of(shopper)

    for nonsense in ("-1", "x", "9" * 30, "", "1e3", "%00", "½"):
        with open_page(f"{url}?after={nonsense}&lang=xx&x=", session) as page:
            assert page.until_ready() == []


def test_pages_of_others_stay_silent(url: str, shopper: User) -> None:
    other = UserFactory.create()
    with open_page(url, session_of(other)) as page, open_page(url) as guest:
        page.until_ready()
        guest.until_ready()
        happen(shopper, "order.paid")

        assert page.is_silent(6)  # longer than the lists wait for their look
        assert guest.is_silent(0.1)


def test_pop_ups_that_are_off_come_without_a_sound(url: str, shopper: User) -> None:
    Preference.objects.create(
        user=shopper, group="rewards", channel="browser", is_on=False
    )
    with open_page(url, session_of(shopper)) as page:
        page.until_ready()
        happen(shopper, "points.charged")
        frame = page.next()

    assert (frame["data"]["loud"], frame["data"]["unread"]) == (False, 1)


def test_what_came_in_quiet_hours_pops_up_after_them(url: str, shopper: User) -> None:
    clock = timezone.now().astimezone(shop_zone())
    hours = QuietHours.objects.create(
        user=shopper,
        starts=(clock - timedelta(hours=1)).time(),
        ends=(clock + timedelta(hours=1)).time(),
    )
    with open_page(url, session_of(shopper)) as page:
        page.until_ready()
        [at_night] = happen(shopper, "points.charged")
        frame = page.next()
        assert (frame["id"], frame["data"]["loud"]) == (at_night, False)

        hours.delete()
        [in_the_morning] = happen(shopper, "coupon.issued")
        frames = [page.next(), page.next()]

        assert [(frame["id"], frame["data"]["loud"]) for frame in frames] == [
            (in_the_morning, True),
            (at_night, True),
        ]
        assert page.is_silent()


def test_idle_socket_still_gets_its_news_at_once(url: str, shopper: User) -> None:
    with open_page(url, session_of(shopper)) as page:
        page.until_ready()
        # redis-py gives a read up after five seconds, unless it is told not to.
        assert page.is_silent(8)
        happen(shopper, "points.charged")

        assert page.next(seconds=1)["type"] == "notification"


# --- Who may hear what


def test_logged_out_page_is_cut_off_before_it_hears_more(
    url: str, shopper: User
) -> None:
    with open_page(url, session_of(shopper)) as page:
        page.until_ready()
        Session.objects.all().delete()
        happen(shopper, "order.paid")

        assert page.code_at_its_end() == 4401


def test_changed_password_ends_the_sockets_of_other_browsers(
    url: str, shopper: User
) -> None:
    session = session_of(shopper)
    with open_page(url, session) as page:
        page.until_ready()
        shopper.set_password(PASSWORD[::-1])
        shopper.save()
        happen(shopper, "order.paid")

        assert page.code_at_its_end() == 4401
    with open_page(url, session, after=0) as page:
        assert page.until_ready() == []


def test_blocked_shopper_is_a_guest(url: str, shopper: User) -> None:
    happen(shopper, "order.paid")
    session = session_of(shopper)
    User.objects.update(is_active=False)

    with open_page(url, session, after=0) as page:
        assert page.until_ready() == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://"])
def test_pages_of_other_sites_are_turned_away(
    url: str, shopper: User, origin: str
) -> None:
    with (
        pytest.raises(InvalidStatus) as refused,
        open_page(url, session_of(shopper), origin=origin),
    ):
        pass

    assert refused.value.response.status_code == 403


def test_there_is_one_address_only(url: str) -> None:
    with pytest.raises(InvalidStatus), open_page(url.replace("/ws/", "/other/")):
        pass
    with pytest.raises(urllib.error.HTTPError, match="426"):
        urllib.request.urlopen(url.replace("ws:", "http:"))


def test_order_of_somebody_else_is_not_there(url: str, shopper: User) -> None:
    order = unpaid_order(shopper, ProductFactory.create())
    other = UserFactory.create()
    with open_page(url, session_of(other)) as page, open_page(url) as guest:
        for stranger in (page, guest):
            stranger.until_ready()
            stranger.subscribe(orders=[order.number])
            answer = stranger.next()
            assert answer["type"] == "error"
            assert answer["data"] == {"code": "not_found", "order": order.number}
        checkout.pay(user_id=shopper.pk, order_id=order.id)

        assert page.is_silent(2)
        assert guest.is_silent(0.1)


# --- Orders and stock


def test_order_page_hears_of_every_step(url: str, shopper: User) -> None:
    order = unpaid_order(shopper, ProductFactory.create())
    with open_page(url, session_of(shopper)) as page:
        page.until_ready()
        page.subscribe(orders=[order.number])
        steps = [page.next_of("order")["data"]]
        checkout.pay(user_id=shopper.pk, order_id=order.id)
        steps.append(page.next_of("order", 2)["data"])
        parcels.pack(order_id=order.id, actor_id=None)
        steps.append(page.next_of("order", 2)["data"])

    assert [step["status"] for step in steps] == ["pending", "paid", "processing"]
    assert {step["number"] for step in steps} == {order.number}
    assert len({step["mark"] for step in steps}) == 3


def test_stock_is_told_as_it_is_sold(url: str, shopper: User) -> None:
    product, other = ProductFactory.create_batch(2, stock_on_hand=7)
    with open_page(url) as page:
        page.until_ready()
        page.subscribe(products=[product.pk])
        before = page.next()["data"]
        unpaid_order(shopper, other)
        unpaid_order(shopper, product)
        after = page.next(seconds=2.5)["data"]
        assert page.is_silent()

    assert (before["product_id"], before["available"]) == (product.pk, 7)
    assert (after["product_id"], after["available"]) == (product.pk, 6)
    assert after["version"] > before["version"]


def test_subscription_takes_the_place_of_the_last_one(url: str, shopper: User) -> None:
    first, second = ProductFactory.create_batch(2)
    with open_page(url) as page:
        page.until_ready()
        page.subscribe(products=[first.pk])
        page.next()
        page.subscribe(products=[second.pk])
        page.next()
        unpaid_order(shopper, first)

        assert page.is_silent(2.5)


def test_stock_of_what_is_not_sold_is_nobodys_business(url: str) -> None:
    secret = ProductFactory.create(published_at=timezone.now() + timedelta(days=1))
    with open_page(url) as page:
        page.until_ready()
        page.subscribe(products=[secret.pk, 2**62])

        assert page.is_silent()


# --- Limits


NONSENSE = [
    "",
    "{",
    "null",
    "[]",
    '"subscribe"',
    "[" * 4000,
    '{"type":"dance"}',
    '{"type":"subscribe","products":{}}',
    '{"type":"subscribe","products":[1.5]}',
    '{"type":"subscribe","products":[true]}',
    '{"type":"subscribe","products":["1"]}',
    '{"type":"subscribe","products":[0]}',
    '{"type":"subscribe","products":[9223372036854775808]}',
    '{"type":"subscribe","orders":["\\u0000"]}',
    '{"type":"subscribe","orders":[7]}',
    '{"type":"subscribe","products":' + str(list(range(1, 52))) + "}",
    '{"type":"subscribe","orders":' + str([""] * 21).replace("'", '"') + "}",
]


def test_nonsense_is_called_so_and_harms_nobody(url: str) -> None:
    for nonsense in NONSENSE:
        with open_page(url) as page:
            page.until_ready()
            page.tell(nonsense)
            answer = page.next()
            assert (answer["type"], answer["data"]["code"]) == ("error", "invalid")
            page.subscribe()
            page.socket.send(b"\x00\xff")
            assert page.next()["data"]["code"] == "invalid"


def test_endless_message_is_not_read_to_its_end(url: str) -> None:
    with open_page(url) as page:
        page.until_ready()
        page.tell("x" * 5_000)

        assert page.code_at_its_end() == 1009


def test_flood_of_messages_ends_the_socket(url: str) -> None:
    with open_page(url) as page:
        page.until_ready()
        for _ in range(30):
            page.subscribe()

        assert page.code_at_its_end() == 1008


def test_many_sockets_need_few_connections(url: str, shopper: User) -> None:
    session = session_of(shopper)
    with ExitStack() as stack:
        pages = [stack.enter_context(open_page(url, session)) for _ in range(40)]
        for page in pages:
            page.until_ready()
        started = time.monotonic()
        [news_id] = happen(shopper, "points.charged")

        assert {page.next()["id"] for page in pages} == {news_id}
        assert time.monotonic() - started < 2
        assert connections_of_the_server() <= 4


def test_cut_connections_to_the_database_are_replaced(url: str, shopper: User) -> None:
    product = ProductFactory.create(stock_on_hand=7)
    with open_page(url, session_of(shopper)) as page:
        page.until_ready()
        page.subscribe(products=[product.pk])
        assert page.next()["data"]["available"] == 7
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'dojang-live'"
                " AND datname = current_database()"
            )
            assert cursor.rowcount >= 1
        unpaid_order(shopper, product)
        assert page.next_of("stock", 5)["data"]["available"] == 6
        [news_id] = happen(shopper, "points.charged")
        assert page.next_of("notification")["id"] == news_id


def connections_of_the_server() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = 'dojang-live' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


# --- Apps, which have no cookie


def ticket_of(user: User) -> str:
    """Sign an app in, and let it ask for a ticket."""
    _user, session_key = tokens.find_user(tokens.sign_in(user).access)
    return tickets.issue(user, session_key=session_key)


def test_app_gets_news_by_a_ticket_that_is_good_once(url: str, shopper: User) -> None:
    ticket = ticket_of(shopper)
    with open_page(url, ticket=ticket, origin="") as page:
        page.until_ready()
        [news_id] = happen(shopper, "points.charged")
        assert page.next()["id"] == news_id

    with open_page(url, ticket=ticket, origin="") as page:
        assert page.code_at_its_end() == 4401


def test_ticket_opens_nobody_elses_news(url: str, shopper: User) -> None:
    other = UserFactory.create(points=100_000)
    order = unpaid_order(other, ProductFactory.create())
    # Whatever else it carries: the ticket says whose socket it is.
    with open_page(
        url, session_of(other), ticket=ticket_of(shopper), origin=""
    ) as page:
        page.until_ready()
        page.subscribe(orders=[order.number])
        assert page.next()["data"] == {"code": "not_found", "order": order.number}
        happen(other, "points.charged")
        [mine] = happen(shopper, "points.charged")
        assert page.next()["id"] == mine


def test_sign_out_everywhere_ends_the_socket_of_a_ticket(
    url: str, shopper: User
) -> None:
    with open_page(url, ticket=ticket_of(shopper), origin="") as page:
        page.until_ready()
        devices.end_others(user_id=shopper.pk, keep="")
        happen(shopper, "points.charged")

        assert page.code_at_its_end() == 4401


def test_page_of_another_site_gets_in_by_no_ticket(url: str, shopper: User) -> None:
    ticket = ticket_of(shopper)
    for given, origin in ((ticket, "https://evil.example"), ("", "")):
        with (
            pytest.raises(InvalidStatus) as refused,
            open_page(url, session_of(shopper), ticket=given, origin=origin),
        ):
            pass
        assert refused.value.response.status_code == 403
    # It was not even looked at.
    assert tickets.redeem(ticket) is not None
