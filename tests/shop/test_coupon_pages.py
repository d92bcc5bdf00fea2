"""First-come coupons: every state of a ticket, and the wallet."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from coupons.models import Coupon, CouponState, DiscountKind
from tests.factories import CouponBatchFactory, CouponFactory, UserFactory
from tests.shop.pages import HTMX, body_of, text_of

pytestmark = pytest.mark.django_db


def test_page_without_coupons_says_so(client: Client) -> None:
    assert "No coupons right now." in text_of(client.get("/coupons/"))


def test_ticket_shows_value_terms_and_the_exact_number_left(signed_in: Client) -> None:
    CouponBatchFactory.create(
        name="Autumn",
        value=10,
        max_discount=5_000,
        min_spend=30_000,
        quantity=500,
        issued=287,
    )
    CouponBatchFactory.create(name="Night", kind=DiscountKind.FIXED, value=5_000)

    page = signed_in.get("/coupons/")

    assert "10% up to ₩5,000 Autumn From ₩30,000" in text_of(page)
    assert "213 of 500 left" in text_of(page)
    assert 'max="500" value="213"' in body_of(page)
    assert "₩5,000 Night Any order" in text_of(page)


def test_claim_tells_the_place_in_line(signed_in: Client, shopper: User) -> None:
    batch = CouponBatchFactory.create(quantity=500, issued=287)

    answer = signed_in.post(f"/coupons/{batch.pk}/claim/")

    assert answer["Location"] == f"/coupons/#batch-{batch.pk}"
    page = text_of(signed_in.get("/coupons/"))
    assert "It is yours: number 288 in line." in page
    assert "212 of 500 left In your wallet You are no. 288." in page
    assert Coupon.objects.get(user=shopper).serial == 288


def test_second_claim_is_refused_and_changes_nothing(signed_in: Client) -> None:
    batch = CouponBatchFactory.create(quantity=10)

    for _ in range(2):
        signed_in.post(f"/coupons/{batch.pk}/claim/")

    assert "You already have this coupon." in text_of(signed_in.get("/coupons/"))
    batch.refresh_from_db()
    assert batch.issued == 1
    assert Coupon.objects.count() == 1


def test_htmx_claim_returns_the_ticket_alone(signed_in: Client) -> None:
    batch = CouponBatchFactory.create(quantity=10)

    answer = signed_in.post(f"/coupons/{batch.pk}/claim/", headers=HTMX)

    assert answer.status_code == 200
    assert "<html" not in body_of(answer)
    assert "9 of 10 left In your wallet" in text_of(answer)
    assert "It is yours: number 1 in line." in text_of(answer)


def test_ticket_that_is_not_open_counts_down(signed_in: Client) -> None:
    batch = CouponBatchFactory.create(opens_at=timezone.now() + timedelta(hours=2))

    page = body_of(signed_in.get("/coupons/"))
    signed_in.post(f"/coupons/{batch.pk}/claim/")

    assert 'aria-disabled="true"' in page
    seconds = int(page.split('data-countdown="')[1].split('"')[0])
    assert 7_190 < seconds <= 7_201
    assert "This coupon cannot be claimed yet." in text_of(signed_in.get("/coupons/"))
    assert not Coupon.objects.exists()


def test_sold_out_ticket_has_no_button(signed_in: Client) -> None:
    batch = CouponBatchFactory.create(quantity=3, issued=3)

    page = text_of(signed_in.get("/coupons/"))
    signed_in.post(f"/coupons/{batch.pk}/claim/")

    assert "0 of 3 left All gone" in page
    assert "Get coupon<" not in body_of(signed_in.get("/coupons/"))
    assert not Coupon.objects.exists()


def test_expired_and_withdrawn_batches_are_not_shown(signed_in: Client) -> None:
    now = timezone.now()
    CouponBatchFactory.create(
        name="Past", valid_from=now - timedelta(2), valid_until=now - timedelta(1)
    )
    gone = CouponBatchFactory.create(name="Withdrawn", is_active=False)

    page = text_of(signed_in.get("/coupons/"))
    answer = signed_in.post(f"/coupons/{gone.pk}/claim/")

    assert "Past" not in page
    assert "Withdrawn" not in page
    assert answer.status_code == 303
    assert "There is no such coupon." in text_of(signed_in.get("/coupons/"))


def test_guest_signs_in_and_comes_back_to_the_ticket(client: Client) -> None:
    batch = CouponBatchFactory.create()

    page = body_of(client.get("/coupons/"))
    answer = client.post(f"/coupons/{batch.pk}/claim/")
    back = client.get(f"/coupons/?claim={batch.pk}")

    link = f"/accounts/login/?next=/coupons/%3Fclaim%3D{batch.pk}%23batch-{batch.pk}"
    assert f'href="{link}"' in page
    assert answer["Location"] == "/accounts/login/?next=/coupons/"
    assert "ticket-wanted" in body_of(back)
    assert not Coupon.objects.exists()


def test_wallet_sorts_coupons_by_what_they_are_good_for(
    signed_in: Client, shopper: User
) -> None:
    now = timezone.now()
    CouponFactory.create(user=shopper, batch__name="Fresh")
    CouponFactory.create(
        user=shopper,
        batch__name="Late",
        batch__valid_from=now - timedelta(2),
        batch__valid_until=now - timedelta(1),
    )
    CouponFactory.create(user=shopper, batch__name="Revoked", state=CouponState.REVOKED)
    CouponFactory.create(user=UserFactory.create(), batch__name="Foreign")

    page = signed_in.get("/coupons/?tab=mine")

    assert [one.batch.name for one in page.context["usable"]] == ["Fresh"]
    assert [one.batch.name for one in page.context["over"]] == ["Revoked", "Late"]
    assert "Withdrawn" in text_of(page)
    assert "Expired" in text_of(page)
    assert "Foreign" not in text_of(page)


def test_empty_wallet_leads_to_the_tickets(signed_in: Client) -> None:
    page = text_of(signed_in.get("/coupons/?tab=mine"))

    assert "You hold no usable coupon." in page


def test_guest_has_no_wallet(client: Client) -> None:
    assert "My coupons" not in text_of(client.get("/coupons/?tab=mine"))


def test_drop_has_a_page_of_its_own(signed_in: Client, shopper: User) -> None:
    batch = CouponBatchFactory.create(name="Night drop", quantity=500, issued=36)

    page = text_of(signed_in.get(f"/coupons/{batch.pk}/"))
    answer = signed_in.post(f"/coupons/{batch.pk}/claim/", {"drop": "1"})

    assert "464 of 500 left Get coupon" in page
    assert answer["Location"] == f"/coupons/{batch.pk}/"
    assert "You are no. 37." in text_of(signed_in.get(f"/coupons/{batch.pk}/"))
    assert Coupon.objects.get(user=shopper).serial == 37


def test_personal_coupon_has_a_page_for_its_holder_alone(
    client: Client, shopper: User
) -> None:
    batch = CouponBatchFactory.create(is_personal=True)
    CouponFactory.create(batch=batch, user=shopper)

    assert client.get(f"/coupons/{batch.pk}/").status_code == 404
    client.force_login(UserFactory.create())
    assert client.get(f"/coupons/{batch.pk}/").status_code == 404
    client.force_login(shopper)
    assert "In your wallet" in text_of(client.get(f"/coupons/{batch.pk}/"))


def test_ticket_says_when_the_last_one_went(client: Client) -> None:
    batch = CouponBatchFactory.create(quantity=1, issued=0)
    last = CouponFactory.create(batch=batch)
    at = f"{timezone.localtime(last.issued_at):%H:%M:%S}"

    assert f"0 of 1 left All gone at {at}" in text_of(client.get("/coupons/"))


def test_what_is_left_is_told_alike_to_all_and_kept_for_a_second(
    client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    batch = CouponBatchFactory.create(quantity=10, issued=4)
    with django_assert_num_queries(1):
        answers = [client.get(f"/coupons/{batch.pk}/left/?lang=ko") for _ in range(3)]

    for answer in answers:
        assert answer["Cache-Control"] == "public, max-age=1"
        assert "cookie" not in answer.get("Vary", "").lower()
        assert 'value="6"' in body_of(answer)
    assert "load delay:3s" in body_of(answers[0])
    assert client.get("/coupons/9/left/").status_code == 404


def test_page_asks_for_what_is_left_only_near_the_opening(client: Client) -> None:
    now = timezone.now()
    far = CouponBatchFactory.create(opens_at=now + timedelta(hours=2))
    near = CouponBatchFactory.create(opens_at=now + timedelta(minutes=1))
    gone = CouponBatchFactory.create(quantity=1, issued=1)

    pages = {
        one.pk: body_of(client.get(f"/coupons/{one.pk}/")) for one in (far, near, gone)
    }

    assert [pk for pk, page in pages.items() if "/left/" in page] == [near.pk]


def test_page_needs_few_statements(
    signed_in: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    CouponBatchFactory.create_batch(5)
    signed_in.get("/coupons/")

    # Session, user, batches, the shopper's own, the header's numbers.
    with django_assert_max_num_queries(5):
        signed_in.get("/coupons/")
