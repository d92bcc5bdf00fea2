"""The front page in each of its states."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from analytics.models import ProductScore
from tests.factories import (
    CouponBatchFactory,
    DeliveryMethodFactory,
    ProductFactory,
    UserFactory,
)
from tests.reviewing import received
from tests.states.conftest import Visit
from tests.states.goods import sold, viewed

pytestmark = [pytest.mark.slow]


def test_home_of_a_new_visitor_has_no_personal_rows_and_no_empty_boxes(
    visit: Visit,
) -> None:
    ProductFactory.create(name="Moon jar")

    page = visit("/")

    shown = page.get_by_role("main").get_by_role("heading", level=2)
    assert shown.all_inner_texts() == ["New arrivals"]
    expect(page.get_by_role("link", name="Moon jar")).to_be_visible()


def test_home_ranks_the_best_sellers_of_three_days(visit: Visit) -> None:
    sold(ProductFactory.create(name="Second"), units=2)
    sold(ProductFactory.create(name="First"), units=9)

    page = visit("/")

    best = page.get_by_role("region", name="Best of the last 3 days")
    expect(best.get_by_role("heading", level=3)).to_have_text(["First", "Second"])
    assert best.locator(".rank").all_text_contents() == ["Rank 1", "Rank 2"]
    expect(best.get_by_role("link", name="See the ranking")).to_be_visible()


def test_home_without_sales_shows_what_is_popular_this_month(visit: Visit) -> None:
    jar = ProductFactory.create(name="Moon jar")
    ProductScore.objects.create(
        product=jar,
        units_ever=7,
        revenue_ever=7,
        units_month=7,
        revenue_month=7,
        recent_orders=0,
        usual_orders=0,
        z=0,
        recent_views=0,
        score=0,
    )

    page = visit("/")

    popular = page.get_by_role("region", name="Popular this month")
    expect(popular.get_by_role("link", name="Moon jar")).to_be_visible()
    expect(page.get_by_text("Best of the last 3 days")).to_have_count(0)


def test_home_says_that_a_coupon_is_gone(visit: Visit) -> None:
    CouponBatchFactory.create(name="Late autumn", quantity=5, issued=5)

    page = visit("/")

    strip = page.get_by_role("region", name="First come, first served")
    expect(strip.get_by_text("All gone")).to_be_visible()


def test_home_counts_down_to_a_coupon_that_opens_soon(visit: Visit) -> None:
    opens_at = timezone.now() + timedelta(hours=2)
    CouponBatchFactory.create(name="First frost", opens_at=opens_at)

    page = visit("/")

    expect(page.locator("[data-countdown]")).to_contain_text("01:59:")
    expect(page.get_by_role("link", name="First frost")).to_be_visible()


def test_home_picks_for_a_shopper_and_says_why(visit: Visit) -> None:
    shopper = UserFactory.create()
    seen = ProductFactory.create(name="Onggi mug")
    ProductFactory.create(name="Tea bowl", category=seen.category)
    viewed(shopper, seen)

    page = visit("/", user=shopper)

    recent = page.get_by_role("region", name="Recently viewed")
    expect(recent.get_by_role("link", name="Onggi mug")).to_be_visible()
    expect(recent.get_by_role("link", name="All you viewed")).to_be_visible()


def test_home_offers_to_buy_again(visit: Visit) -> None:
    shopper = UserFactory.create()
    received(shopper, ProductFactory.create(name="Roasted barley tea"))

    page = visit("/", user=shopper)

    again = page.get_by_role("region", name="Buy again")
    expect(again.get_by_role("link", name="Roasted barley tea")).to_be_visible()


def test_home_shows_what_is_reduced_the_most_first(visit: Visit) -> None:
    ProductFactory.create(name="A little", price=9_000, compare_at_price=10_000)
    ProductFactory.create(name="By half", price=5_000, compare_at_price=10_000)

    page = visit("/")

    reduced = page.get_by_role("region", name="Reduced")
    names = reduced.get_by_role("heading", level=3).all_inner_texts()
    assert names == ["By half", "A little"]
    expect(reduced.get_by_text("50%").first).to_be_visible()


def test_home_of_an_empty_shop_says_so(visit: Visit) -> None:
    page = visit("/")

    expect(page.get_by_text("The shelves are still being filled.")).to_be_visible()


def test_home_is_the_same_for_all_who_are_not_signed_in(visit: Visit) -> None:
    DeliveryMethodFactory.create()
    sold(ProductFactory.create(), units=1)

    page = visit("/")

    first, second = Client().get("/"), Client().get("/")
    assert first.content == second.content
    assert not first.cookies
    assert page.context.cookies() == []


def test_card_is_put_into_the_cart_from_the_list(visit: Visit) -> None:
    DeliveryMethodFactory.create()
    ProductFactory.create(name="Moon jar")
    page = visit("/")

    page.get_by_role("button", name="Add Moon jar to cart").click()

    expect(page.locator("[data-cart-count]").first).to_have_text("1")


def test_heart_of_a_card_is_pressed_and_stays_so(visit: Visit) -> None:
    shopper = UserFactory.create()
    jar = ProductFactory.create(name="Moon jar")
    sold(jar, units=1)
    page = visit("/", user=shopper)
    hearts = page.get_by_role("button", name="Save Moon jar")
    assert hearts.count() == 2

    hearts.first.click()

    for heart in hearts.all():
        expect(heart).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(hearts.first).to_have_attribute("aria-pressed", "true")


def test_card_says_on_which_day_it_arrives(visit: Visit) -> None:
    DeliveryMethodFactory.create(days_min=2, days_max=2)
    ProductFactory.create()

    page = visit("/")

    expect(page.locator(".card-arrival")).to_contain_text("Arrives ")
