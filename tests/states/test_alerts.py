"""What a shopper waits for, in each of its states."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from catalog import services as catalog
from catalog.models import Product
from inventory import services as inventory
from inventory.links import alert_url
from inventory.models import AlertState, Hold, RestockAlert
from tests.factories import ProductFactory, UserFactory, receive
from tests.states.conftest import Visit

pytestmark = [pytest.mark.slow]
PAGE = "/account/alerts/"


@pytest.fixture
def shopper(transactional_db: None) -> User:
    return UserFactory.create()


@pytest.fixture
def jar(shopper: User) -> Product:
    """Return a sold-out product that the shopper waits for."""
    product = ProductFactory.create(name="Moon jar", stock_on_hand=0)
    inventory.alert(product_id=product.pk, user_id=shopper.pk, email="", language="en")
    return product


def test_alerts_empty_says_what_they_are_for(visit: Visit, shopper: User) -> None:
    page = visit(PAGE, user=shopper)

    expect(page.get_by_text("You wait for nothing.")).to_be_visible()


def test_alerts_waiting_can_be_called_off(
    visit: Visit, shopper: User, jar: Product
) -> None:
    page = visit(PAGE, user=shopper)
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()

    page.get_by_role("button", name="Stop waiting Moon jar").click()

    expect(page.get_by_text("We will not tell you.")).to_be_visible()
    expect(page.get_by_text("Called off")).to_be_visible()
    assert RestockAlert.objects.get().state == AlertState.CANCELLED


def test_alerts_called_off_can_be_asked_for_again(
    visit: Visit, shopper: User, jar: Product
) -> None:
    inventory.cancel_alert(alert_id=RestockAlert.objects.get().pk)
    page = visit(PAGE, user=shopper)

    page.get_by_role("button", name="Notify me Moon jar").click()

    expect(page.get_by_role("button", name="Stop waiting Moon jar")).to_be_visible()


def test_alerts_product_back_says_until_when_one_is_kept(
    visit: Visit, shopper: User, jar: Product
) -> None:
    receive(jar, 1)

    page = visit(PAGE, user=shopper)

    expect(page.get_by_text("One is kept for you until")).to_be_visible()
    page.get_by_role("link", name="Buy it now").click()
    expect(page.get_by_role("button", name="Add to cart").first).to_be_visible()


def test_alerts_not_taken_in_time_says_so(
    visit: Visit, shopper: User, jar: Product
) -> None:
    receive(jar, 1)
    Hold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    inventory.lapse_due()

    page = visit(PAGE, user=shopper)

    expect(page.get_by_text("Not taken in time")).to_be_visible()


def test_alerts_product_gone_is_said(visit: Visit, shopper: User, jar: Product) -> None:
    catalog.unpublish(product_id=jar.pk)

    page = visit(PAGE, user=shopper)

    expect(page.get_by_text("No longer sold")).to_be_visible()
    expect(page.get_by_role("link", name="Moon jar")).to_have_count(0)


def test_alerts_are_called_off_from_the_letter_without_signing_in(
    visit: Visit, shopper: User, jar: Product
) -> None:
    path = alert_url(RestockAlert.objects.get().pk).partition("/back/")[2]
    page = visit(f"/back/{path}off/")

    page.get_by_role("button", name="I do not need it any more").click()

    expect(page.get_by_text("We will not tell you.")).to_be_visible()
    assert RestockAlert.objects.get().state == AlertState.CANCELLED
