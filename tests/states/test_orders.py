"""The list of one's orders in its states."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from cart.models import CartItem
from catalog import services as catalog
from common.ids import public_number, uuid7
from orders.models import Order, OrderStatus
from tests.factories import ProductFactory, UserFactory
from tests.states.conftest import Visit
from tests.states.orders import moon_jar, order_in, placed, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

NUMBERS = ".order-card h2 a"
MANY = 500


def test_orders_none_yet_leads_to_the_best_sellers(visit: Visit) -> None:
    page = visit("/orders/", user=UserFactory.create())

    expect(page.get_by_text("You have not ordered anything yet.")).to_be_visible()
    expect(page.get_by_role("link", name="See best sellers")).to_be_visible()


def test_orders_shows_date_status_and_sum_of_each(visit: Visit) -> None:
    buyer = shopper()
    order = order_in(OrderStatus.SHIPPED, buyer, moon_jar(), ProductFactory.create())

    card = visit("/orders/", user=buyer).locator(".order-card")

    text = card.inner_text()
    assert order.number in text
    assert "Shipped" in text
    assert "Moon jar and 1 more" in text
    assert "₩31,500" in text
    expect(card.locator("time")).to_have_count(1)
    expect(card.locator(".thumb")).to_have_count(2)
    expect(card.get_by_role("link", name="Track")).to_be_visible()


def test_orders_of_one_status(visit: Visit) -> None:
    buyer = shopper()
    placed(buyer)
    paid = order_in(OrderStatus.PAID, buyer)
    page = visit("/orders/", user=buyer)

    page.get_by_label("Status").select_option("paid")

    page.wait_for_url("**status=paid**")
    expect(page.locator(NUMBERS)).to_have_text([paid.number])


def test_orders_of_one_year(visit: Visit) -> None:
    buyer = shopper()
    old = many(buyer.pk, 1, placed_at=datetime(2021, 12, 31, 12, tzinfo=UTC))[0]
    order = placed(buyer)
    page = visit("/orders/", user=buyer)
    expect(page.locator(NUMBERS)).to_have_text([order.number, old.number])

    page.get_by_label("Year").select_option("2021")

    page.wait_for_url("**year=2021**")
    expect(page.locator(NUMBERS)).to_have_text([old.number])


@pytest.mark.parametrize("by", ["number", "product"])
def test_orders_found_by_number_or_product(visit: Visit, by: str) -> None:
    buyer = shopper()
    placed(buyer, ProductFactory.create(name="Old lamp"))
    wanted = placed(buyer, moon_jar())
    page = visit("/orders/", user=buyer)
    words = wanted.number.lower() if by == "number" else "moon"

    page.get_by_label("Number or product").fill(words)
    page.get_by_role("button", name="Show").click()

    page.wait_for_url("**q=**")
    expect(page.locator(NUMBERS)).to_have_text([wanted.number])


def test_orders_none_like_that_leads_back_to_all(visit: Visit) -> None:
    buyer = shopper()
    order = placed(buyer)

    page = visit("/orders/?q=teapot", user=buyer)

    expect(page.get_by_text("No order is like that.")).to_be_visible()
    page.get_by_role("link", name="Show all orders").click()
    expect(page.locator(NUMBERS)).to_have_text([order.number])


def test_orders_by_the_hundred_are_paged_from_the_last_one_seen(visit: Visit) -> None:
    buyer = shopper()
    newest = list(reversed([order.number for order in many(buyer.pk, MANY)]))
    page = visit("/orders/", user=buyer)
    expect(page.locator(NUMBERS)).to_have_text(newest[:10])
    placed(buyer)

    page.get_by_role("link", name="Next").click()

    page.wait_for_url("**before=**")
    expect(page.locator(NUMBERS)).to_have_text(newest[10:20])


def test_orders_again_names_what_was_left_out(visit: Visit) -> None:
    buyer = shopper()
    gone, cup = ProductFactory.create(name="Old lamp"), moon_jar()
    placed(buyer, cup, gone)
    catalog.unpublish(product_id=gone.pk)
    page = visit("/orders/", user=buyer)

    page.get_by_role("button", name="Order again").click()

    page.wait_for_url("**/cart/")
    expect(page.get_by_text("No longer sold: Old lamp.")).to_be_visible()
    assert CartItem.objects.get(cart__user=buyer).product_id == cup.pk


def many(user_id: int, count: int, *, placed_at: datetime | None = None) -> list[Order]:
    """Write unpaid orders without any goods, oldest first."""
    now = placed_at or datetime.now(UTC)
    ids = sorted(uuid7() for _ in range(count))
    if placed_at:
        # The ids tell the order of time.
        ids = [type(ids[0])(int=1 + place) for place in range(count)]
    return Order.objects.bulk_create(
        Order(
            id=order_id,
            number=public_number(),
            user_id=user_id,
            email="shopper@example.com",
            status=OrderStatus.PENDING,
            subtotal=1_000,
            total=1_000,
            currency="KRW",
            placed_at=now,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
        )
        for order_id in ids
    )
