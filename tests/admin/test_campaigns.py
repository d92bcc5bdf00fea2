"""A coupon campaign: planned in plain words, watched live, mended while it runs."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics import segments
from analytics.models import CustomerSegment
from common import audit
from common.cache import redis_client
from coupons import refusals
from coupons import services as coupons
from coupons.admin import sentence, state_of
from coupons.errors import (
    CouponAlreadyIssued,
    CouponBatchNotFound,
    CouponExpired,
    CouponNotOpen,
    CouponSoldOut,
)
from coupons.models import Coupon, CouponBatch, DiscountKind, Segment
from outbox.models import Event
from tests.admin.acting import act, told
from tests.books import assert_books_balance
from tests.factories import CouponBatchFactory, UserFactory
from tests.shops import Shop

pytestmark = pytest.mark.django_db
LIST = "/admin/coupons/couponbatch/"


def staff(client: Client, *codenames: str) -> None:
    """Sign somebody in who may do just that."""
    user: User = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client.force_login(user)


def page_of(batch: CouponBatch, name: str) -> str:
    return f"{LIST}{batch.pk}/{name}"


def customers(number: int, segment: Segment = Segment.REGULAR) -> list[User]:
    """Make customers of a segment; the first spent most."""
    people = UserFactory.create_batch(number)
    for place, user in enumerate(people):
        CustomerSegment.objects.create(
            user=user,
            segment=segment,
            last_paid_on=timezone.now().date(),
            orders=3,
            recent_orders=3,
            recent_spent=10_000 - place,
        )
    return people


# --- In plain words ------------------------------------------------------------------


def test_campaign_is_said_in_one_sentence() -> None:
    opens = timezone.datetime.fromisoformat("2026-03-02T20:00+09:00")  # type: ignore[attr-defined]
    batch = CouponBatch(
        name="Spring",
        kind=DiscountKind.PERCENT,
        value=10,
        max_discount=5_000,
        min_spend=30_000,
        quantity=500,
        opens_at=opens,
        valid_from=opens,
        valid_until=opens + timedelta(days=7),
    )

    with time_machine.travel(opens - timedelta(days=1)):
        assert sentence(batch) == (
            "10 % off, at most ₩5,000, orders from ₩30,000, 500 pieces,"
            " opens 2 Mar, 20:00 KST"
        )
    batch.kind, batch.max_discount, batch.min_spend = DiscountKind.FIXED, None, 0
    batch.value = 3_000
    with time_machine.travel(opens + timedelta(days=1)):
        assert sentence(batch) == (
            "₩3,000 off, any order, 500 pieces, opened 2 Mar, 20:00 KST"
        )


def test_campaign_has_a_state_and_a_filter_for_it(boss: User, client: Client) -> None:
    now, day = timezone.now(), timedelta(days=1)
    batches = {
        "open": CouponBatchFactory.create(),
        "paused": CouponBatchFactory.create(is_active=False),
        "waiting": CouponBatchFactory.create(opens_at=now + day),
        "gone": CouponBatchFactory.create(quantity=0),
        "over": CouponBatchFactory.create(valid_from=now - 2 * day, valid_until=now),
    }

    assert {name: state_of(batch) for name, batch in batches.items()} == {
        name: name for name in batches
    }
    for name, batch in batches.items():
        listed = client.get(LIST, {"state": name}).context["cl"].result_list
        assert list(listed) == [batch]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"value": 101}, "value"),
        ({"value": 0}, "value"),
        ({"max_discount": 0}, "max_discount"),
        ({"min_spend": -1}, "min_spend"),
        ({"valid_until_0": "2026-03-01"}, "valid_until"),
        ({"opens_at_0": "2026-05-01"}, "valid_until"),
    ],
)
def test_terms_that_make_no_sense_are_told_beside_their_field(
    wrong: dict[str, Any], field: str, boss: User, client: Client
) -> None:
    given = {
        "name": "Spring",
        "kind": "percent",
        "value": 10,
        "min_spend": 0,
        "quantity": 5,
        "is_active": "on",
        **{
            f"{name}_{part}": text
            for name, day in (
                ("opens_at", "2026-03-02"),
                ("valid_from", "2026-03-02"),
                ("valid_until", "2026-04-02"),
            )
            for part, text in ((0, day), (1, "20:00"))
        },
    }

    answer = client.post(f"{LIST}add/", given | wrong)

    assert field in answer.context["adminform"].form.errors
    assert not CouponBatch.objects.exists()
    assert client.post(f"{LIST}add/", given).status_code == 302


def test_ticket_is_shown_as_shoppers_see_it(boss: User, client: Client) -> None:
    batch = CouponBatchFactory.create(name="Spring", max_discount=5_000)

    form = client.get(page_of(batch, "change/"))
    ticket = client.get(page_of(batch, "ticket/"))

    assert page_of(batch, "ticket/") in form.content.decode()
    assert "frame-src 'self'" in form["Content-Security-Policy"]
    assert "up to ₩5,000" in ticket.content.decode()
    assert ticket["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in ticket["Content-Security-Policy"]


# --- Live ----------------------------------------------------------------------------


def test_live_page_shows_what_became_of_a_campaign(
    shop: Shop, boss: User, client: Client
) -> None:
    used = Coupon.objects.filter(state="used").exclude(order=shop.orders["free"])
    coupon = used.select_related("order").latest("pk")
    batch = coupon.batch

    page = client.get(page_of(batch, "live/"))

    figures = {str(label): value for label, value in page.context["figures"]}
    assert coupon.order is not None
    assert figures["Used"] == "1"
    assert figures["Revenue with it, less refunds"] == f"₩{coupon.order.total:,}"
    assert sum(int(bar.text) for bar in page.context["chart"].bars) == 1
    assert len(page.context["chart"].bars) == 60
    assert "1 of 10 issued" in page.content.decode()
    assert "style=" not in page.content.decode()


def test_numbers_alone_are_what_the_page_renews(boss: User, client: Client) -> None:
    batch = CouponBatchFactory.create()
    coupons.claim(user_id=boss.pk, batch_id=batch.pk)

    part = client.get(page_of(batch, "live/now/"))

    assert "no-store" in part["Cache-Control"]
    assert "1 of 10 issued" in part.content.decode()
    assert "<html" not in part.content.decode()


def test_chart_of_a_campaign_that_is_over_is_its_last_minute(
    boss: User, client: Client
) -> None:
    batch = CouponBatchFactory.create()
    moment = timezone.now().replace(microsecond=0) - timedelta(hours=3)
    for back in (0, 0, 1, 59, 60):
        user = UserFactory.create()
        coupon = coupons.claim(user_id=user.pk, batch_id=batch.pk)
        issued_at = moment - timedelta(seconds=back)
        Coupon.objects.filter(pk=coupon.pk).update(issued_at=issued_at)

    bars = client.get(page_of(batch, "live/")).context["chart"].bars

    assert [bars[place].text for place in (-1, -2, -3, 0)] == ["2", "1", "0", "1"]


def test_refusals_are_counted_by_their_reason(boss: User, client: Client) -> None:
    day = timedelta(days=1)
    batch = CouponBatchFactory.create(quantity=1)
    early = CouponBatchFactory.create(opens_at=timezone.now() + day)
    first, second = UserFactory.create_batch(2)
    for one in (batch, early):
        redis_client(settings.REDIS_URL).delete(f"{refusals.PREFIX}{one.pk}")
    coupons.claim(user_id=first.pk, batch_id=batch.pk)

    for user, one, error in (
        (first, batch, CouponAlreadyIssued),
        (second, batch, CouponSoldOut),
        (second, batch, CouponSoldOut),
        (second, early, CouponNotOpen),
    ):
        with pytest.raises(error):
            coupons.claim(user_id=user.pk, batch_id=one.pk)
    with pytest.raises(CouponBatchNotFound):
        coupons.claim(user_id=first.pk, batch_id=0)
    refusals.tally.flush()

    page = client.get(page_of(batch, "live/"))
    assert {str(label): number for label, number in page.context["refused"]} == {
        "All gone": "2",
        "Has one already": "1",
        "Not open yet": "0",
        "Over": "0",
    }
    assert refusals.counted(early.pk) == {"coupon_not_open": 1}
    assert refusals.counted(0) == {}


def test_who_may_not_see_sales_sees_no_revenue(client: Client) -> None:
    batch = CouponBatchFactory.create()
    staff(client, "view_couponbatch")

    page = client.get(page_of(batch, "live/"))

    assert page.status_code == 200
    assert "Revenue" not in [str(label) for label, _value in page.context["figures"]]
    assert b"New buyers" not in page.content
    assert b"Holders as CSV" not in page.content


@pytest.mark.parametrize(
    "name", ["live/", "live/now/", "segment/", "holders.csv", "ticket/"]
)
def test_pages_of_a_campaign_take_their_permissions(name: str, client: Client) -> None:
    batch = CouponBatchFactory.create()
    staff(client, "view_order")
    assert client.get(page_of(batch, name)).status_code == 403

    client.logout()
    assert client.get(page_of(batch, name)).status_code == 302


@pytest.mark.parametrize("name", ["live/", "live/now/", "segment/", "holders.csv"])
def test_campaign_that_is_not_there_is_not_found(
    name: str, boss: User, client: Client
) -> None:
    assert client.get(f"{LIST}0/{name}").status_code == 404


# --- Pause, stop, more ---------------------------------------------------------------


def test_stock_is_added_for_a_reason(boss: User, client: Client) -> None:
    batch = CouponBatchFactory.create(quantity=1)
    coupons.claim(user_id=boss.pk, batch_id=batch.pk)

    answer = act(client, LIST, "add_stock", batch.pk, pieces=4, reason="went too fast")

    assert told(answer) == ["Add stock: 1 done."]
    batch.refresh_from_db()
    assert (batch.quantity, batch.issued) == (5, 1)
    said = audit.read(LogEntry.objects.get())
    assert said.reason == "went too fast"
    assert (said.before["quantity"], said.after["quantity"]) == (1, 5)
    assert_books_balance()


@pytest.mark.parametrize(
    "given",
    [
        {"pieces": 0, "reason": "x"},
        {"pieces": -1, "reason": "x"},
        {"pieces": 2_000_000, "reason": "x"},
        {"pieces": 5, "reason": ""},
    ],
)
def test_stock_that_makes_no_sense_is_not_added(
    given: dict[str, Any], boss: User, client: Client
) -> None:
    batch = CouponBatchFactory.create()

    act(client, LIST, "add_stock", batch.pk, **given)

    batch.refresh_from_db()
    assert batch.quantity == 10
    assert not LogEntry.objects.exists()


def test_stopped_campaign_hands_out_no_more_and_what_is_out_stays_good(
    boss: User, client: Client
) -> None:
    batch = CouponBatchFactory.create()
    coupon = coupons.claim(user_id=boss.pk, batch_id=batch.pk)

    act(client, LIST, "stop", batch.pk, reason="wrong price")

    with pytest.raises(CouponSoldOut):
        coupons.claim(user_id=UserFactory.create().pk, batch_id=batch.pk)
    assert Coupon.objects.usable().filter(pk=coupon.pk).exists()
    batch.refresh_from_db()
    assert (batch.quantity, batch.issued) == (1, 1)


@pytest.mark.parametrize("action", ["pause", "resume", "stop", "add_stock"])
def test_who_may_only_look_changes_no_campaign(action: str, client: Client) -> None:
    batch = CouponBatchFactory.create()
    staff(client, "view_couponbatch")

    act(client, LIST, action, batch.pk, reason="x", pieces=5)

    after = CouponBatch.objects.get()
    assert (after.is_active, after.quantity) == (True, 10)


def test_campaign_that_is_over_gets_no_more(boss: User, client: Client) -> None:
    past = timezone.now() - timedelta(days=1)
    batch = CouponBatchFactory.create(valid_from=past, valid_until=timezone.now())

    answer = act(client, LIST, "add_stock", batch.pk, pieces=5, reason="x")

    assert "no longer valid" in told(answer)[0]
    assert CouponBatch.objects.get().quantity == 10


# --- To a segment --------------------------------------------------------------------


def test_each_customer_of_a_segment_gets_one_once(boss: User, client: Client) -> None:
    people = customers(3)
    customers(2, Segment.SLEEPING)
    batch = CouponBatchFactory.create()
    coupons.claim(user_id=people[1].pk, batch_id=batch.pk)
    wish = {"segment": "regular", "reason": "thanks"}

    client.post(page_of(batch, "segment/"), wish)
    client.post(page_of(batch, "segment/"), wish)

    serials = Coupon.objects.filter(batch=batch).order_by("serial")
    assert list(serials.values_list("user_id", "serial")) == [
        (people[1].pk, 1),
        (people[0].pk, 2),
        (people[2].pk, 3),
    ]
    assert Event.objects.filter(topic="coupon.issued").count() == 3
    batch.refresh_from_db()
    assert batch.issued == 3
    first, second = LogEntry.objects.order_by("pk")
    assert audit.read(first).after["issued"] == 3
    assert audit.read(second).after["issued"] == 3
    page = client.get(page_of(batch, "segment/"))
    regular = next(one for one in page.context["standing"] if one.segment == "regular")
    assert (regular.customers, regular.holders, regular.lacking) == (3, 3, 0)
    assert_books_balance()


def test_segment_is_not_served_in_part(boss: User, client: Client) -> None:
    customers(3)
    batch = CouponBatchFactory.create(quantity=2)

    answer = client.post(
        page_of(batch, "segment/"), {"segment": "regular", "reason": "thanks"}
    )

    assert "3 would get one, 2 are left" in answer.content.decode()
    assert not Coupon.objects.exists()
    assert not LogEntry.objects.exists()


def test_coupons_are_issued_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "AT_ONCE", 2)
    people = customers(5)
    batch = CouponBatchFactory.create()

    assert segments.issue_to(batch_id=batch.pk, segment="regular", most=3) == 3
    assert segments.issue_to(batch_id=batch.pk, segment="regular", most=9) == 2

    order = Coupon.objects.order_by("serial").values_list("user_id", flat=True)
    assert list(order) == [user.pk for user in people]


def test_paused_or_personal_batch_is_issued_to_nobody(shop: Shop) -> None:
    paused = CouponBatchFactory.create(is_active=False)
    personal = CouponBatch.objects.filter(is_personal=True).latest("pk")
    user = UserFactory.create()

    with pytest.raises(CouponExpired):
        coupons.issue_to(batch_id=paused.pk, user_ids=[user.pk])
    with pytest.raises(CouponBatchNotFound):
        coupons.issue_to(batch_id=personal.pk, user_ids=[user.pk])
    with pytest.raises(CouponBatchNotFound):
        coupons.add_stock(batch_id=personal.pk, pieces=1)
    with pytest.raises(CouponBatchNotFound):
        coupons.stop(batch_id=personal.pk)

    assert not Coupon.objects.filter(user=user).exists()


def test_who_may_only_look_issues_nothing(client: Client) -> None:
    customers(1)
    batch = CouponBatchFactory.create()
    staff(client, "view_couponbatch")

    answer = client.post(
        page_of(batch, "segment/"), {"segment": "regular", "reason": "x"}
    )

    assert answer.status_code == 403
    assert not Coupon.objects.exists()


# --- Who holds one -------------------------------------------------------------------


def file_of(answer: Any) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.reader(StringIO(text)))


def test_holders_are_exported_page_by_page_and_that_is_written_down(
    boss: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.admin_campaigns.PAGE", 2)
    batch = CouponBatchFactory.create()
    people = UserFactory.create_batch(5)
    for user in people:
        coupons.claim(user_id=user.pk, batch_id=batch.pk)

    header, *rows = file_of(client.get(page_of(batch, "holders.csv")))

    assert header[-1] == "email"
    assert [(row[0], row[-1]) for row in rows] == [
        (str(place), user.email) for place, user in enumerate(people, 1)
    ]
    assert audit.read(LogEntry.objects.get()).action == "Holders exported"


def test_who_may_not_see_people_gets_no_addresses(client: Client) -> None:
    batch = CouponBatchFactory.create()
    user = UserFactory.create()
    coupons.claim(user_id=user.pk, batch_id=batch.pk)
    staff(client, "view_couponbatch", "view_coupon")

    header, row = file_of(client.get(page_of(batch, "holders.csv")))

    assert "email" not in header
    assert user.email not in row
