"""Coupons through the API."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from coupons.models import Coupon, CouponBatch, CouponState, DiscountKind
from tests.api.client import Api
from tests.concurrency import run_together
from tests.factories import CouponBatchFactory, CouponFactory, UserFactory

pytestmark = pytest.mark.django_db
ISSUE = "/api/v1/coupons/issue"
HOUR = timedelta(hours=1)


def test_first_come_get_one_and_their_place_in_line(api: Api, other: Api) -> None:
    batch = CouponBatchFactory.create(quantity=2)

    first = api.post(ISSUE, {"campaign_id": batch.pk})
    second = other.post(ISSUE, {"campaign_id": batch.pk})

    assert (first.status, first.body["serial"], second.body["serial"]) == (201, 1, 2)
    assert first.body["is_usable"] is True
    late = Api(UserFactory.create()).post(ISSUE, {"campaign_id": batch.pk})
    assert (late.status, late.code) == (409, "coupon_sold_out")


def test_nobody_gets_two(api: Api) -> None:
    batch = CouponBatchFactory.create()
    api.post(ISSUE, {"campaign_id": batch.pk})

    answer = api.post(ISSUE, {"campaign_id": batch.pk})

    assert (answer.status, answer.code) == (409, "coupon_already_issued")
    batch.refresh_from_db()
    assert batch.issued == 1


def test_campaigns_that_cannot_be_claimed_say_why(api: Api) -> None:
    now = timezone.now()
    early = CouponBatchFactory.create(opens_at=now + HOUR)
    over = CouponBatchFactory.create(valid_until=now - HOUR, valid_from=now - 2 * HOUR)
    hidden = CouponBatchFactory.create(is_active=False)

    answers = [
        api.post(ISSUE, {"campaign_id": campaign})
        for campaign in (early.pk, over.pk, hidden.pk, 2**40)
    ]

    assert [(answer.status, answer.code) for answer in answers] == [
        (409, "coupon_not_open"),
        (409, "coupon_expired"),
        (404, "coupon_campaign_not_found"),
        (404, "coupon_campaign_not_found"),
    ]
    assert answers[0].body["opens_at"] == early.opens_at.isoformat()
    assert not Coupon.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_rush_hands_out_exactly_what_there_is() -> None:
    batch = CouponBatchFactory.create(quantity=7)
    clients = [Api(UserFactory.create()) for _ in range(20)]

    answers = run_together(
        lambda number: clients[number].post(ISSUE, {"campaign_id": batch.pk}), times=20
    )

    statuses = [
        answer.status for answer in answers if not isinstance(answer, Exception)
    ]
    assert sorted(statuses) == [201] * 7 + [409] * 13
    assert sorted(Coupon.objects.values_list("serial", flat=True)) == list(range(1, 8))


def test_campaign_list_counts_down_and_knows_mine(api: Api, guest: Api) -> None:
    now = timezone.now()
    fixed = CouponBatchFactory.create(kind=DiscountKind.FIXED, value=3_000, quantity=5)
    CouponBatchFactory.create(valid_until=now - HOUR, valid_from=now - 2 * HOUR)
    mine = api.post(ISSUE, {"campaign_id": fixed.pk}).body["id"]

    seen, by_guest = (
        api.get("/api/v1/coupon-campaigns"),
        guest.get("/api/v1/coupon-campaigns"),
    )

    item = seen.body["items"][0]
    assert len(seen.body["items"]) == 1
    assert (item["quantity"], item["left"], item["is_open"]) == (5, 4, True)
    assert item["discount"]["amount"] == {"amount": 3_000, "currency": "KRW"}
    assert item["my_coupon_id"] == mine
    assert by_guest.body["items"][0]["my_coupon_id"] is None
    one = api.get(f"/api/v1/coupon-campaigns/{fixed.pk}").body
    assert one == item
    assert guest.get("/api/v1/coupon-campaigns/99").code == "coupon_campaign_not_found"


def test_wallet_by_state(api: Api, user: User) -> None:
    now = timezone.now()
    usable = CouponFactory.create(user=user)
    over = CouponBatchFactory.create(valid_until=now - HOUR, valid_from=now - 2 * HOUR)
    expired = CouponFactory.create(user=user, batch=over)
    revoked = CouponFactory.create(user=user, state=CouponState.REVOKED)
    CouponFactory.create()

    def ids(query: str) -> list[int]:
        return [item["id"] for item in api.get(f"/api/v1/coupons{query}").body["items"]]

    assert ids("") == [revoked.pk, expired.pk, usable.pk]
    assert ids("?state=usable") == [usable.pk]
    assert ids("?state=expired") == [expired.pk]
    assert ids("?state=used") == []
    following = api.get("/api/v1/coupons?limit=2").body["next"]
    assert [item["id"] for item in api.get(following).body["items"]] == [usable.pk]


def test_one_coupon_and_nobody_elses(api: Api, user: User) -> None:
    own, foreign = CouponFactory.create(user=user), CouponFactory.create()

    assert api.get(f"/api/v1/coupons/{own.pk}").body["serial"] == 1
    assert api.get(f"/api/v1/coupons/{foreign.pk}").code == "coupon_not_found"


def test_percent_campaign_has_its_cap(guest: Api) -> None:
    CouponBatch.objects.all().delete()
    CouponBatchFactory.create(value=15, max_discount=9_000, min_spend=30_000)

    discount = guest.get("/api/v1/coupon-campaigns").body["items"][0]["discount"]

    assert discount == {
        "kind": "percent",
        "percent": 15,
        "amount": None,
        "max_discount": {"amount": 9_000, "currency": "KRW"},
        "min_spend": {"amount": 30_000, "currency": "KRW"},
    }
