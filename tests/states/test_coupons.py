"""Coupons for those who come first, in their states."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Route, expect

from coupons.models import Coupon, CouponBatch, CouponState
from tests.factories import (
    PASSWORD,
    CouponBatchFactory,
    CouponFactory,
    UserFactory,
)
from tests.states.conftest import Visit
from tests.states.orders import placed, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TWICE = "button => { button.click(); button.click(); }"


def test_coupons_none_right_now(visit: Visit) -> None:
    page = visit("/coupons/")

    expect(page.get_by_text("No coupons right now.")).to_be_visible()
    expect(page.get_by_role("link", name="See best sellers")).to_be_visible()


def test_coupon_not_open_yet(visit: Visit) -> None:
    opens_at = timezone.now() + timedelta(hours=2)
    batch = CouponBatchFactory.create(opens_at=opens_at)

    page = visit(f"/coupons/{batch.pk}/", user=UserFactory.create())

    button = page.get_by_role("button", name="Opens")
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(page.locator(".drop-clock time")).to_contain_text("01:59:")


def test_coupon_not_open_yet_without_scripts(visit: Visit) -> None:
    opens_at = timezone.now() + timedelta(hours=2)
    batch = CouponBatchFactory.create(opens_at=opens_at)

    page = visit(f"/coupons/{batch.pk}/", scripts=False)

    written = f"{timezone.localtime(opens_at):%H:%M}"
    expect(page.locator(".drop-clock time")).to_contain_text(written)


def test_coupon_opens_by_itself(visit: Visit) -> None:
    user = UserFactory.create()
    batch = CouponBatchFactory.create(opens_at=timezone.now() + timedelta(seconds=2))
    page = visit(f"/coupons/{batch.pk}/", user=user)

    page.get_by_role("button", name="Get coupon").click()

    expect(page.get_by_text("You are no. 1.")).to_be_visible()


def test_coupon_open_says_what_is_left(visit: Visit) -> None:
    batch = CouponBatchFactory.create(
        name="Night drop", quantity=500, issued=287, min_spend=30_000
    )

    page = visit("/coupons/", user=UserFactory.create())

    ticket = page.locator(f"#batch-{batch.pk}")
    expect(ticket.get_by_text("213 of 500 left")).to_be_visible()
    expect(ticket.locator("progress")).to_have_attribute("value", "213")
    expect(ticket.get_by_text("From ₩30,000")).to_be_visible()
    expect(ticket.get_by_role("button")).to_have_count(1)


def test_coupon_claimed_is_in_the_wallet(visit: Visit) -> None:
    user = UserFactory.create()
    batch = CouponBatchFactory.create(quantity=500, issued=36)
    page = visit("/coupons/", user=user)

    page.get_by_role("button", name="Get coupon").evaluate(TWICE)

    expect(page.get_by_text("In your wallet")).to_be_visible()
    expect(page.get_by_text("You are no. 37.")).to_be_visible()
    expect(page.get_by_role("link", name="Use it")).to_be_visible()
    assert Coupon.objects.filter(batch=batch, user=user).count() == 1
    batch.refresh_from_db()
    assert batch.issued == 37


def test_coupon_sold_out_says_when(visit: Visit) -> None:
    last = CouponFactory.create(batch__quantity=1)

    page = visit(f"/coupons/{last.batch_id}/", user=UserFactory.create())

    at = f"{timezone.localtime(last.issued_at):%H:%M:%S}"
    expect(page.get_by_text(f"All gone at {at}")).to_be_visible()
    expect(page.locator("main form")).to_have_count(0)


def test_coupon_sold_out_while_the_page_was_open(visit: Visit) -> None:
    batch = CouponBatchFactory.create(quantity=5)
    page = visit("/coupons/", user=UserFactory.create())
    CouponBatch.objects.update(issued=5)

    page.get_by_role("button", name="Get coupon").click()

    expect(page.get_by_text("All coupons are gone.")).to_be_visible()
    expect(page.locator(f"#batch-{batch.pk}")).to_contain_text("All gone")


def test_coupon_expired(visit: Visit) -> None:
    now = timezone.now()
    batch = CouponBatchFactory.create(
        valid_from=now - timedelta(days=2), valid_until=now - timedelta(days=1)
    )

    page = visit(f"/coupons/{batch.pk}/", user=UserFactory.create())

    expect(page.get_by_text("Expired", exact=True)).to_be_visible()
    expect(page.locator("main form")).to_have_count(0)


def test_coupon_already_used(visit: Visit) -> None:
    user = shopper()
    order = placed(user)
    coupon = CouponFactory.create(
        user=user, order=order, state=CouponState.USED, used_at=timezone.now()
    )

    page = visit(f"/coupons/{coupon.batch_id}/", user=user)
    expect(page.locator("main .tag", has_text="Used")).to_be_visible()
    page.get_by_role("link", name="My coupons").click()

    expect(page.get_by_role("link", name=order.number)).to_be_visible()


def test_coupon_of_somebody_else_is_not_for_you(visit: Visit) -> None:
    batch = CouponBatchFactory.create(is_personal=True)

    visit(f"/coupons/{batch.pk}/", user=UserFactory.create(), status=404)


def test_coupon_needs_a_sign_in_and_is_claimed_on_return(visit: Visit) -> None:
    user = UserFactory.create()
    batch = CouponBatchFactory.create()
    page = visit(f"/coupons/{batch.pk}/")

    page.get_by_role("link", name="Sign in to get it").click()
    page.locator("[name=login]").fill(user.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()

    expect(page.get_by_text("You are no. 1.")).to_be_visible()
    assert Coupon.objects.get().user == user


def test_coupon_in_a_burst_is_tried_again(visit: Visit) -> None:
    user = UserFactory.create()
    batch = CouponBatchFactory.create()
    page = visit(f"/coupons/{batch.pk}/", user=user)
    tries: list[str] = []

    def crowd(route: Route) -> None:
        tries.append(route.request.url)
        if len(tries) == 1:
            route.fulfill(status=429, headers={"Retry-After": "1"})
        else:
            route.continue_()

    page.route("**/claim/", crowd)
    page.get_by_role("button", name="Get coupon").click()

    expect(page.get_by_text("You are no. 1.")).to_be_visible(timeout=30_000)
    assert len(tries) == 2
    assert Coupon.objects.filter(batch=batch).count() == 1


def test_coupon_in_a_long_burst_ends_with_an_honest_word(visit: Visit) -> None:
    batch = CouponBatchFactory.create()
    page = visit(f"/coupons/{batch.pk}/", user=UserFactory.create())
    tries: list[str] = []

    def crowd(route: Route) -> None:
        tries.append(route.request.url)
        route.fulfill(status=503, headers={"Retry-After": "1"})

    page.route("**/claim/", crowd)
    page.get_by_role("button", name="Get coupon").click()

    word = page.get_by_text("Too much is going on right now.")
    expect(word).to_be_visible(timeout=60_000)
    assert len(tries) == 4
    assert not Coupon.objects.exists()


def test_coupons_of_mine_by_what_they_are_good_for(visit: Visit) -> None:
    user, now = UserFactory.create(), timezone.now()
    CouponFactory.create(user=user, batch__name="Fresh")
    CouponFactory.create(
        user=user,
        batch__name="Late",
        batch__valid_from=now - timedelta(days=2),
        batch__valid_until=now - timedelta(days=1),
    )

    page = visit("/coupons/?tab=mine", user=user)

    headings = page.locator("main h2").all_inner_texts()
    assert headings == ["Usable", "Fresh", "Expired", "Late"]
