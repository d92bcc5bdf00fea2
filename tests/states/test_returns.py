"""Sending goods back, in its states."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from checkout import returns
from checkout.standing import RETURN_DAYS
from orders.models import Fulfilment, Order, OrderStatus, Return, ReturnState
from tests.states.conftest import Visit
from tests.states.orders import moon_jar, order_in, shopper

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def buyer(transactional_db: None) -> User:
    return shopper()


@pytest.fixture
def order(buyer: User) -> Order:
    return order_in(OrderStatus.DELIVERED, buyer, moon_jar())


def ask(order: Order) -> Return:
    return returns.request(
        order_id=order.pk,
        user_id=order.user_id,
        quantities={order.lines.get().pk: 1},
        reason="too small",
    )


def open_order(visit: Visit, order: Order, buyer: User) -> Page:
    return visit(f"/orders/{order.number}/", user=buyer)


def test_return_is_asked_for(visit: Visit, order: Order, buyer: User) -> None:
    page = open_order(visit, order, buyer)
    page.get_by_role("link", name="Send something back").click()
    page.get_by_label("Moon jar").select_option("1")
    page.get_by_label("Why do you send it back?").fill("too small")

    page.get_by_role("button", name="Ask for the return").click()

    page.get_by_text("We have your wish, and get back to you soon.").wait_for()
    expect(page.locator("#order-returns .tag")).to_have_text("Requested")
    assert Return.objects.get().reason == "too small"


def test_return_of_nothing_is_refused(visit: Visit, order: Order, buyer: User) -> None:
    page = visit(f"/orders/{order.number}/return/", user=buyer)
    page.get_by_label("Why do you send it back?").fill("too small")

    page.get_by_role("button", name="Ask for the return").click()

    page.get_by_role("alert").wait_for()
    expect(page.locator("textarea")).to_have_value("too small")
    assert not Return.objects.exists()


def test_return_that_is_answered_shows_the_answer(
    visit: Visit, order: Order, buyer: User
) -> None:
    returns.reject(return_id=ask(order).pk, answer="It was used.")

    page = open_order(visit, order, buyer)

    expect(page.get_by_text("It was used.")).to_be_visible()
    expect(page.locator("#order-returns .tag")).to_have_text("Rejected")


def test_return_is_withdrawn(visit: Visit, order: Order, buyer: User) -> None:
    asked = ask(order)
    page = open_order(visit, order, buyer)

    page.get_by_role("button", name="Withdraw this return").click()

    page.get_by_text("The return is withdrawn.").wait_for()
    asked.refresh_from_db()
    assert asked.state == ReturnState.WITHDRAWN


def test_return_after_its_time_is_not_offered(
    visit: Visit, order: Order, buyer: User
) -> None:
    long_ago = timezone.now() - timedelta(days=RETURN_DAYS + 1)
    Fulfilment.objects.update(delivered_at=long_ago)

    page = open_order(visit, order, buyer)

    expect(page.get_by_role("link", name="Send something back")).to_have_count(0)
    page.goto(f"/orders/{order.number}/return/")
    expect(page.get_by_text("There is nothing to send back")).to_be_visible()
