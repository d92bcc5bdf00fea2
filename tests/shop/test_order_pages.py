"""Following, paying, cancelling and repeating orders."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from catalog import services as catalog
from catalog.models import Product
from checkout import returns
from checkout import services as checkout
from checkout.services import Purchase
from orders.models import Order, OrderStatus
from points.models import PointAccount
from shop.order_list import PER_PAGE
from tests.factories import CouponFactory, ProductFactory, UserFactory
from tests.shop.pages import body_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]


@pytest.fixture
def cup(db: None) -> Product:
    return ProductFactory.create(name="Moon jar", price=10_000, stock_on_hand=100)


def test_order_page_shows_names_prices_and_address_as_they_were(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    order = ordered(shopper, cup, quantity=2, status=OrderStatus.PAID)
    catalog.change_price(product_id=cup.pk, price=99_000, cause="clay", actor_id=None)

    page = text_of(signed_in.get(f"/orders/{order.number}/"))

    assert f"Order {order.number} Paid" in page
    assert "Moon jar ₩10,000 × 2 Buy again Moon jar ₩20,000" in page
    assert "Delivery: Standard ₩3,000 Total ₩23,000" in page
    assert "Lee Ji-won 1 Mapo-daero" in page
    assert "99,000" not in page


@pytest.mark.parametrize("path", ["", "pay/", "cancel/", "thanks/", "address/"])
def test_order_of_somebody_else_is_404(
    signed_in: Client, cup: Product, path: str
) -> None:
    order = ordered(UserFactory.create(points=50_000), cup)

    assert signed_in.get(f"/orders/{order.number}/{path}").status_code == 404
    assert signed_in.post(f"/orders/{order.number}/{path}").status_code in {404, 405}
    assert signed_in.post(f"/orders/{order.number}/again/").status_code == 404
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING


@pytest.mark.parametrize("number", ["NOSUCH", "%00", "7KQF2M9X4T"])
def test_number_that_does_not_exist_is_404(signed_in: Client, number: str) -> None:
    assert signed_in.get(f"/orders/{number}/").status_code == 404


def test_guest_signs_in_to_see_an_order(client: Client) -> None:
    assert client.get("/orders/7KQF2M9X4T/")["Location"] == (
        "/accounts/login/?next=/orders/7KQF2M9X4T/"
    )


def test_every_status_has_its_word_and_its_steps(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    order = ordered(shopper, cup)
    checkout.pay(user_id=shopper.pk, order_id=order.pk)
    words = [("Paid", "Cancel this order")]
    checkout_steps: list[tuple[Any, dict[str, Any], str]] = [
        (checkout.pack, {}, "Being packed"),
        (checkout.ship, {"carrier": "CJ", "tracking_number": "6543"}, "Shipped"),
        (checkout.deliver, {}, "Delivered"),
    ]
    for word, action in words:
        page = text_of(signed_in.get(f"/orders/{order.number}/"))
        assert f"{order.number} {word}" in page
        assert action in page

    for step, details, word in checkout_steps:
        step(order_id=order.pk, actor_id=None, **details)
        page = text_of(signed_in.get(f"/orders/{order.number}/"))
        assert f"{order.number} {word}" in page

    assert "Cancel this order" not in page
    assert "CJ 6543" in page
    assert "still to come" not in page


def test_unpaid_order_says_until_when_it_is_held_and_can_be_paid(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    order = ordered(shopper, cup)
    page = text_of(signed_in.get(f"/orders/{order.number}/"))
    assert "Goods and price are held until" in page
    assert "Pay ₩13,000" in page

    pay_page = signed_in.get(f"/orders/{order.number}/pay/")
    answer = signed_in.post(f"/orders/{order.number}/pay/")

    assert 'data-countdown="1800"' in body_of(pay_page) or "data-countdown" in body_of(
        pay_page
    )
    assert answer["Location"] == f"/orders/{order.number}/thanks/"
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID
    assert PointAccount.objects.get(user=shopper).balance == 87_000


def test_paying_twice_pays_once(signed_in: Client, shopper: User, cup: Product) -> None:
    order = ordered(shopper, cup)

    for _ in range(2):
        signed_in.post(f"/orders/{order.number}/pay/")

    assert PointAccount.objects.get(user=shopper).balance == 87_000
    page = signed_in.get(f"/orders/{order.number}/pay/")
    assert page["Location"] == f"/orders/{order.number}/"


def test_pay_page_charges_what_is_missing(client: Client, cup: Product) -> None:
    poor = UserFactory.create(points=3_000)
    client.force_login(poor)
    order = ordered(poor, cup)
    page = client.get(f"/orders/{order.number}/pay/")
    assert "10,000 P are missing" in text_of(page)

    answer = client.post(
        "/points/charge/",
        {
            "key": page.context["key"],
            "preset": "10000",
            "next": f"/orders/{order.number}/pay/",
        },
    )

    assert answer["Location"] == f"/orders/{order.number}/pay/"
    assert "Pay ₩13,000" in text_of(client.get(answer["Location"]))


def test_order_that_was_not_paid_in_time_expires_and_says_so(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    coupon = CouponFactory.create(user=shopper)
    order = ordered(shopper, cup, coupon_id=coupon.pk)
    late = timezone.now() - timedelta(seconds=1)
    Order.objects.filter(pk=order.pk).update(expires_at=late)

    assert "Goods and price are held" not in text_of(
        signed_in.get(f"/orders/{order.number}/")
    )
    late_answer = signed_in.post(f"/orders/{order.number}/pay/")

    assert late_answer["Location"] == f"/orders/{order.number}/pay/"
    assert "The time to pay is over" in text_of(signed_in.get(late_answer["Location"]))
    page = text_of(signed_in.get(f"/orders/{order.number}/"))
    assert "The time to pay is over" in page
    assert f"{order.number} Expired" in page
    assert "the coupon is back in your wallet" in page
    coupon.refresh_from_db()
    assert coupon.state == "issued"
    assert PointAccount.objects.get(user=shopper).balance == 100_000


def test_cancelling_is_confirmed_first_and_gives_everything_back(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    order = ordered(shopper, cup, status=OrderStatus.PAID)
    question = text_of(signed_in.get(f"/orders/{order.number}/cancel/"))
    order.refresh_from_db()
    assert order.status == OrderStatus.PAID
    assert "You get 13,000 P back at once" in question

    for _ in range(2):
        signed_in.post(f"/orders/{order.number}/cancel/")

    page = text_of(signed_in.get(f"/orders/{order.number}/"))
    assert f"{order.number} Cancelled" in page
    assert "13,000 P refunded on" in page
    assert PointAccount.objects.get(user=shopper).balance == 100_000
    cup.stock.refresh_from_db()
    assert cup.stock.on_hand == 100


def test_order_that_is_on_its_way_cannot_be_cancelled(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    order = ordered(shopper, cup, status=OrderStatus.PAID)
    checkout.pack(order_id=order.pk, actor_id=None)
    checkout.ship(order_id=order.pk, carrier="CJ", tracking_number="", actor_id=None)

    signed_in.post(f"/orders/{order.number}/cancel/")

    order.refresh_from_db()
    assert order.status == OrderStatus.SHIPPED
    page = text_of(signed_in.get(f"/orders/{order.number}/"))
    assert "The tracking number follows." in page


def test_order_again_fills_the_cart_and_names_what_is_no_longer_sold(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    gone = ProductFactory.create(name="Old lamp")
    order = ordered(shopper, cup, gone)
    catalog.unpublish(product_id=gone.pk)

    answer = signed_in.post(f"/orders/{order.number}/again/")

    page = text_of(signed_in.get(answer["Location"]))
    assert "No longer sold: Old lamp." in page
    assert "Moon jar ₩10,000" in page


def test_list_without_orders_leads_to_the_best_sellers(signed_in: Client) -> None:
    assert "You have not ordered anything yet." in text_of(signed_in.get("/orders/"))


def test_list_goes_on_from_the_last_order_seen(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    orders = [ordered(shopper, cup) for _ in range(PER_PAGE + 1)]

    first = signed_in.get("/orders/")
    older = signed_in.get("/orders/", {"before": str(orders[1].pk)})

    assert [order.number for order in first.context["orders"]] == [
        order.number for order in reversed(orders[1:])
    ]
    assert f'href="?before={orders[1].pk}"' in body_of(first)
    assert [order.pk for order in older.context["orders"]] == [orders[0].pk]


def test_list_can_be_limited_to_a_status(
    signed_in: Client, shopper: User, cup: Product
) -> None:
    paid = ordered(shopper, cup, status=OrderStatus.PAID)
    ordered(shopper, cup)

    page = signed_in.get("/orders/", {"status": "paid"})

    assert [order.pk for order in page.context["orders"]] == [paid.pk]
    assert signed_in.get("/orders/?status=nonsense&before=x").status_code == 200


def test_pages_need_few_statements_however_long_the_history(
    signed_in: Client,
    shopper: User,
    cup: Product,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    orders = [ordered(shopper, cup, ProductFactory.create()) for _ in range(PER_PAGE)]
    signed_in.get("/orders/")

    # Session, user, orders, their lines, the first year, the header's numbers.
    with django_assert_max_num_queries(6):
        signed_in.get("/orders/")
    # … and events, parcels, returns, refunds, the way of delivery, the mark of it all.
    with django_assert_max_num_queries(12):
        signed_in.get(f"/orders/{orders[0].number}/")


def test_page_of_a_long_story_needs_no_more_statements(
    signed_in: Client,
    shopper: User,
    cup: Product,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    order = ordered(shopper, cup, ProductFactory.create(), status=OrderStatus.PAID)
    checkout.change_address(
        order_id=order.pk, user_id=shopper.pk, address={"city": "Busan"}
    )
    checkout.pack(order_id=order.pk, actor_id=None)
    checkout.ship(order_id=order.pk, carrier="CJ", tracking_number="1", actor_id=None)
    checkout.deliver(order_id=order.pk, actor_id=None)
    returns.request(
        order_id=order.pk,
        user_id=shopper.pk,
        quantities={order.lines.order_by("pk")[0].pk: 1},
        reason="too small",
    )
    path = f"/orders/{order.number}/"
    signed_in.get(path)

    with django_assert_max_num_queries(12):
        page = text_of(signed_in.get(path))

    assert "Return asked for" in page
    assert "Sent to another address" in page
    assert "1 × Moon jar" in page


def ordered(
    user: User,
    *products: Product,
    quantity: int = 1,
    coupon_id: int | None = None,
    status: OrderStatus = OrderStatus.PENDING,
) -> Order:
    purchase = Purchase(
        user_id=user.pk,
        email=user.email,
        quantities={product.pk: quantity for product in products},
        coupon_id=coupon_id,
        address={"recipient": "Lee Ji-won", "line1": "1 Mapo-daero", "city": "Seoul"},
    )
    is_paid = status == OrderStatus.PAID
    place = checkout.place_and_pay if is_paid else checkout.place_order
    return Order.objects.get(pk=place(purchase).id)
