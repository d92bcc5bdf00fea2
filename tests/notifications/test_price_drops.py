"""Letters about products that somebody wishes for and that cost less now."""

from typing import Any

import pytest

from accounts.models import User
from catalog import services as catalog
from catalog.models import Product
from notifications import services as notifications
from notifications.letters import letter_of
from notifications.models import Message, Notification, Preference
from outbox import services as outbox
from outbox.models import Event
from outbox.services import OutgoingEvent
from tests.factories import ProductFactory, UserFactory
from tests.notifications.events import event
from wishlist import services as wishlists

pytestmark = pytest.mark.django_db
TOPIC = "product.price_changed"


@pytest.fixture
def jar() -> Product:
    return ProductFactory.create(name="Moon jar", price=52_000)


@pytest.fixture
def wisher(jar: Product) -> User:
    return _wisher(jar, wants_marketing_email=True)


def test_owner_of_the_wish_gets_a_letter_and_a_line_in_the_shop(
    jar: Product, wisher: User
) -> None:
    stranger = UserFactory.create(wants_marketing_email=True)

    outcomes = notifications.tell([_drop(jar)])

    assert [outcome.error for outcome in outcomes] == [""]
    letter = Message.objects.get()
    assert (letter.user, letter.channel, letter.kind) == (wisher, "email", "price_drop")
    line = Notification.objects.get()
    assert (line.user, line.group) == (wisher, "promotions")
    assert line.url == f"/p/{jar.slug}-{jar.pk}/"
    assert line.params["price"] == 46_800
    assert not Notification.objects.filter(user=stranger).exists()


def test_price_drop_says_both_prices_and_how_to_unsubscribe(
    jar: Product, wisher: User
) -> None:
    notifications.tell([_drop(jar)])

    letter = letter_of(Message.objects.get())

    assert letter.subject == "Moon jar costs less now"
    for text in (letter.text, letter.html):
        assert "₩46,800 instead of ₩52,000" in text
        assert "/notifications/unsubscribe/" in text
    assert letter.headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_drop_that_is_told_twice_is_one_letter(jar: Product, wisher: User) -> None:
    drop = _drop(jar)

    notifications.tell([drop])
    notifications.tell([drop, drop])

    assert Message.objects.count() == Notification.objects.count() == 1


@pytest.mark.parametrize("consent", [{}, {"wants_marketing_sms": True}])
def test_nobody_is_told_without_consent_to_letters(
    jar: Product, consent: dict[str, Any]
) -> None:
    _wisher(jar, **consent)

    notifications.tell([_drop(jar)])

    assert not Message.objects.exists()
    assert not Notification.objects.exists()


def test_screen_is_another_way_for_who_chose_it(jar: Product) -> None:
    wisher = _wisher(jar)
    Preference.objects.create(
        user=wisher, group="promotions", channel="browser", is_on=True
    )

    notifications.tell([_drop(jar)])

    assert Message.objects.get().channel == "browser"


@pytest.mark.parametrize("change", [{"price": 52_001}, {"is_on_sale": False}])
def test_what_is_dearer_or_gone_is_no_news(
    jar: Product, wisher: User, change: dict[str, Any]
) -> None:
    notifications.tell([_drop(jar, **change)])

    assert not Message.objects.exists()
    assert not Notification.objects.exists()


def test_drop_that_nobody_wished_for_is_not_broadcast(jar: Product) -> None:
    UserFactory.create(wants_marketing_email=True)

    notifications.tell([_drop(jar)])

    assert not Message.objects.exists()


def test_price_that_staff_lower_reaches_the_wisher(jar: Product, wisher: User) -> None:
    catalog.change_price(product_id=jar.pk, price=46_800, cause="sale", actor_id=None)
    outbox.deliver_due()

    assert Event.objects.filter(topic=TOPIC).count() == 1
    assert Message.objects.get().user == wisher


def _wisher(jar: Product, **consent: Any) -> User:
    user = UserFactory.create(**consent)
    wishlists.save(user_id=user.pk, product_id=jar.pk)
    return user


def _drop(jar: Product, **change: Any) -> OutgoingEvent:
    facts: dict[str, Any] = {
        "product_id": jar.pk,
        "product_name": jar.name,
        "product_slug": jar.slug,
        "price": 46_800,
        "old_price": jar.price,
    }
    return event(TOPIC, **(facts | change))
