"""The list of news in its states."""

import pytest
from playwright.sync_api import expect

from accounts.models import User
from notifications import services as notifications
from notifications.models import Notification
from tests.factories import UserFactory
from tests.notifications.events import event
from tests.states.conftest import Visit

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def hear(user: User, *topics: str) -> None:
    notifications.tell([event(topic, user_id=user.pk) for topic in topics])


def test_notifications_none(visit: Visit) -> None:
    page = visit("/notifications/", user=UserFactory.create())

    expect(page.get_by_text("Nothing has happened yet.")).to_be_visible()
    expect(page.locator("[data-unread-count]").first).to_have_text("")


def test_notifications_by_day_with_the_new_ones_marked(visit: Visit) -> None:
    user = UserFactory.create()
    hear(user, "order.placed", "order.paid")
    Notification.objects.order_by("pk").filter(kind="order_placed").update(
        created_at="2026-03-04T15:30:00Z", read_at="2026-03-05T15:30:00Z"
    )

    page = visit("/notifications/", user=user)

    assert page.locator(".news-day").all_inner_texts()[-1] == "Mar 5, 2026"
    expect(page.locator(".news-day")).to_have_count(2)
    expect(page.locator(".news-unread")).to_have_count(1)
    expect(page.locator("[data-unread-count]").first).to_have_text("1")


def test_notifications_of_one_kind(visit: Visit) -> None:
    user = UserFactory.create()
    hear(user, "order.paid", "coupon.issued")
    page = visit("/notifications/", user=user)

    page.get_by_role("link", name="Coupons and points").click()

    expect(page.locator(".news-line")).to_have_count(1)
    page.get_by_role("link", name="Back in stock").last.click()
    expect(page.get_by_text("Nothing of this kind yet.")).to_be_visible()


def test_notifications_marked_all_at_once(visit: Visit) -> None:
    user = UserFactory.create()
    hear(user, "order.paid", "coupon.issued")
    page = visit("/notifications/", user=user)

    page.get_by_role("button", name="Mark all as read").click()

    expect(page.locator(".news-unread")).to_have_count(0)
    assert not Notification.objects.unread().exists()


def test_notifications_by_asking_when_the_socket_is_lost(visit: Visit) -> None:
    user = UserFactory.create()
    page = visit(user=user)
    page.clock.install()
    page.goto("/notifications/")
    expect(page.locator("[data-unread-count]").first).to_have_text("")

    hear(user, "order.paid")
    page.clock.fast_forward(61_000)

    expect(page.locator("[data-unread-count]").first).to_have_text("1")


def test_notifications_chosen_by_channel(visit: Visit) -> None:
    user = UserFactory.create()
    page = visit("/account/notifications/", user=user)
    fixed = page.get_by_label("Orders: E-mail")
    expect(fixed).to_be_checked()
    expect(fixed).to_be_disabled()

    page.get_by_label("Offers: E-mail").check()
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Saved.")).to_be_visible()
    user.refresh_from_db()
    assert user.wants_marketing_email
