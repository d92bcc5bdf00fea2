"""Being told when a product is back, with one of it kept for a while."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from catalog.errors import ProductNotFound
from catalog.models import Product
from checkout import services as checkout
from checkout.services import Purchase
from inventory import restock
from inventory import services as inventory
from inventory.errors import (
    AlertNotFound,
    InStock,
    InsufficientStock,
    StockBelowReserved,
    TooManyAlerts,
)
from inventory.links import alert_url, read_token
from inventory.models import (
    AlertState,
    Hold,
    HoldState,
    MovementKind,
    RestockAlert,
    Stock,
    StockMovement,
)
from inventory.tasks import lapse_holds
from outbox.models import Event
from tests.books import assert_books_balance
from tests.factories import ProductFactory, UserFactory, receive
from tests.races.stage import purchase, shoppers, unpaid_order

pytestmark = pytest.mark.django_db


@pytest.fixture
def product() -> Product:
    return ProductFactory.create(name="Moon jar", slug="moon-jar", stock_on_hand=0)


def wait(product: Product, *owners: User | str) -> list[RestockAlert]:
    return [
        inventory.alert(
            product_id=product.pk,
            user_id=owner.pk if isinstance(owner, User) else None,
            email="" if isinstance(owner, User) else owner,
            language="ko",
        )
        for owner in owners
    ]


def states(*alerts: RestockAlert) -> list[str]:
    return [RestockAlert.objects.get(pk=alert.pk).state for alert in alerts]


def books(product: Product) -> tuple[int, int]:
    stock = Stock.objects.get(pk=product.pk)
    return stock.on_hand, stock.reserved


def told(topic: str = "stock.back") -> list[dict[str, Any]]:
    # Events of one transaction have one time; ids of a millisecond come in no order.
    order = "payload__alert_id" if topic == "stock.back" else "position"
    events = Event.objects.filter(topic=topic).order_by(order)
    return [event.payload for event in events]


def let_time_pass() -> None:
    """Let the time of all holds be up."""
    past = timezone.now() - timedelta(seconds=1)
    Hold.objects.active().update(expires_at=past)


def guest(email: str, product: Product, quantity: int = 1) -> Purchase:
    # Somebody else's account: what counts is the address the goods are ordered with.
    return Purchase(
        user_id=shoppers(1)[0].pk, email=email, quantities={product.pk: quantity}
    )


# --- The line ------------------------------------------------------------------------


def test_shopper_and_guest_wait_for_what_is_sold_out(product: Product) -> None:
    [user] = shoppers(1)

    mine, guests = wait(product, user, " Guest@Example.com ")

    assert (mine.user, mine.email, mine.state) == (user, "", AlertState.WAITING)
    assert (guests.user, guests.email) == (None, "guest@example.com")
    assert guests.offered_at is None


def test_asking_twice_keeps_the_place(product: Product) -> None:
    first, again = wait(product, "a@example.com", "A@example.com")

    assert again == first
    assert RestockAlert.objects.count() == 1


def test_nobody_waits_for_what_is_there() -> None:
    product = ProductFactory.create(stock_on_hand=2)

    with pytest.raises(InStock) as refusal:
        wait(product, "a@example.com")

    assert (refusal.value.code, refusal.value.extra) == ("in_stock", {"available": 2})
    assert not RestockAlert.objects.exists()


def test_nobody_waits_for_what_is_not_on_sale() -> None:
    product = ProductFactory.create(stock_on_hand=0, published_at=None)

    with pytest.raises(ProductNotFound):
        wait(product, "a@example.com")

    assert not RestockAlert.objects.exists()


def test_address_cannot_be_put_down_for_half_the_catalogue(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restock, "MAX_OPEN_ALERTS", 1)
    wait(product, "a@example.com")

    with pytest.raises(TooManyAlerts):
        wait(ProductFactory.create(stock_on_hand=0), "a@example.com")

    assert RestockAlert.objects.count() == 1


# --- Goods come back -----------------------------------------------------------------


def test_first_in_the_line_get_one_each_and_are_told(product: Product) -> None:
    [user] = shoppers(1)
    first, second, third = wait(product, user, "b@example.com", "c@example.com")

    receive(product, 2)

    assert states(first, second, third) == ["offered", "offered", "waiting"]
    assert books(product) == (2, 2)
    held_until = Hold.objects.get(alert=first).expires_at
    assert timedelta(minutes=29) < held_until - timezone.now() < timedelta(minutes=31)
    one, two = told()
    assert one == {
        "alert_id": first.pk,
        "product_id": product.pk,
        "product_name": "Moon jar",
        "product_slug": "moon-jar",
        "user_id": user.pk,
        "email": user.email,
        "language": "ko",
        "quantity": 1,
        "held_until": held_until.isoformat(timespec="milliseconds").replace(
            "+00:00", "Z"
        ),
        "url": one["url"],
    }
    assert (two["user_id"], two["email"]) == (None, "b@example.com")
    assert told("stock.changed") == []
    assert_books_balance()


def test_rest_is_for_everybody(product: Product) -> None:
    wait(product, "a@example.com")

    receive(product, 3)

    assert books(product) == (3, 1)
    assert told("stock.changed") == [{"product_id": product.pk, "available": 2}]


def test_journal_tells_of_each_hold(product: Product) -> None:
    wait(product, "a@example.com", "b@example.com")
    receive(product, 5)

    movements = StockMovement.objects.filter(kind=MovementKind.HELD).order_by("pk")

    holds = Hold.objects.order_by("pk")
    assert [
        (move.reference, move.reserved_delta, move.on_hand_after, move.reserved_after)
        for move in movements
    ] == [(f"hold/{hold.pk}", 1, 5, place + 1) for place, hold in enumerate(holds)]


@pytest.mark.parametrize("way", ["release", "take back", "count"])
def test_every_way_back_serves_the_line_first(way: str, product: Product) -> None:
    [user, waiting] = shoppers(2)
    receive(product, 1)
    wish = purchase(user, product)
    order_id = (
        checkout.place_and_pay(wish).id
        if way == "take back"
        else checkout.place_order(wish).id
    )
    [alert] = wait(product, waiting)

    if way == "count":
        inventory.count(
            product_id=product.pk,
            on_hand=2,
            expected_version=Stock.objects.get().version,
            reason="found one",
            actor_id=None,
        )
    else:
        checkout.cancel(order_id=order_id, user_id=user.pk, actor_id=None, reason="")

    assert states(alert) == ["offered"]
    assert Stock.objects.get().available == 0
    assert_books_balance()


def test_product_that_is_on_sale_again_is_not_forgotten(product: Product) -> None:
    [alert] = wait(product, "a@example.com")
    published_at = product.published_at
    Product.objects.update(published_at=None)
    receive(product, 1)
    assert states(alert) == ["waiting"]
    Product.objects.update(published_at=published_at)

    lapse_holds()

    assert states(alert) == ["offered"]
    assert books(product) == (1, 1)
    assert [event["available"] for event in told("stock.changed")] == [1, 0]


# --- Buying what is kept -------------------------------------------------------------


@pytest.mark.parametrize("paid", [True, False])
def test_holder_buys_what_is_sold_out_for_others(paid: bool, product: Product) -> None:  # noqa: FBT001 — a parameter of the test
    [holder, other] = shoppers(2)
    [alert] = wait(product, holder)
    receive(product, 1)
    buy = checkout.place_and_pay if paid else checkout.place_order

    with pytest.raises(InsufficientStock):
        buy(purchase(other, product))
    order_id = buy(purchase(holder, product)).id

    hold = Hold.objects.get()
    assert (hold.state, hold.order_id) == (HoldState.CLAIMED, order_id)
    assert states(alert) == ["claimed"]
    assert books(product) == ((0, 0) if paid else (1, 1))
    last = StockMovement.objects.order_by("-pk")[:2]
    assert [(move.kind, move.reference) for move in last] == [
        ("sold" if paid else "reserved", ""),
        ("unheld", f"hold/{hold.pk}"),
    ]
    assert_books_balance()


def test_guest_buys_with_the_address_they_asked_with(product: Product) -> None:
    wait(product, "guest@example.com")
    receive(product, 1)

    with pytest.raises(InsufficientStock):
        checkout.place_order(guest("else@example.com", product))
    checkout.place_order(guest("Guest@example.com", product))

    assert Hold.objects.get().state == HoldState.CLAIMED
    assert_books_balance()


def test_what_is_kept_and_what_is_there_add_up(product: Product) -> None:
    [holder, other] = shoppers(2)
    wait(product, holder, other)
    receive(product, 4)

    def buy(quantity: int) -> UUID:
        wish = purchase(holder, product, quantities={product.pk: quantity})
        return checkout.place_and_pay(wish).id

    with pytest.raises(InsufficientStock) as refusal:
        buy(4)
    assert refusal.value.extra["available"][0]["available"] == 3
    buy(3)

    assert books(product) == (1, 1)
    assert_books_balance()


def test_account_and_address_of_one_person_use_both_holds(product: Product) -> None:
    [user] = shoppers(1)
    wait(product, user, user.email)
    receive(product, 2)

    checkout.place_and_pay(purchase(user, product, quantities={product.pk: 2}))

    assert books(product) == (0, 0)
    assert Hold.objects.filter(state=HoldState.CLAIMED).count() == 2
    assert_books_balance()


def test_order_with_and_without_held_products(product: Product) -> None:
    [user] = shoppers(1)
    plenty = ProductFactory.create(stock_on_hand=5)
    wait(product, user)
    receive(product, 1)

    checkout.place_and_pay(purchase(user, plenty, product))

    assert (books(product), books(plenty)) == ((0, 0), (4, 0))
    assert_books_balance()


def test_hold_whose_time_is_up_buys_nothing(product: Product) -> None:
    [user] = shoppers(1)
    wait(product, user)
    receive(product, 1)
    let_time_pass()

    with pytest.raises(InsufficientStock):
        checkout.place_and_pay(purchase(user, product))

    assert Hold.objects.get().state == HoldState.ACTIVE


def test_staff_cannot_take_away_what_is_kept(product: Product) -> None:
    wait(product, "a@example.com")
    receive(product, 1)

    with pytest.raises(StockBelowReserved):
        inventory.adjust(
            product_id=product.pk,
            kind=MovementKind.DAMAGED,
            delta=-1,
            reason="fell off the shelf",
            actor_id=None,
        )

    assert books(product) == (1, 1)


# --- Letting go ----------------------------------------------------------------------


def test_unclaimed_hold_moves_on_to_the_next(product: Product) -> None:
    first, second = wait(product, "a@example.com", "b@example.com")
    receive(product, 1)
    let_time_pass()

    lapse_holds()

    assert states(first, second) == ["lapsed", "offered"]
    assert books(product) == (1, 1)
    assert [event["email"] for event in told()] == ["a@example.com", "b@example.com"]
    assert_books_balance()


def test_unit_that_nobody_wants_is_for_everybody(product: Product) -> None:
    [alert] = wait(product, "a@example.com")
    receive(product, 1)
    let_time_pass()

    lapse_holds()

    assert states(alert) == ["lapsed"]
    assert Stock.objects.get().available == 1
    assert told("stock.changed") == [{"product_id": product.pk, "available": 1}]
    lapse_holds()
    assert len(told()) == 1
    assert_books_balance()


def test_hold_does_not_lapse_before_its_time(product: Product) -> None:
    wait(product, "a@example.com")
    receive(product, 1)

    assert inventory.lapse(Hold.objects.get().pk) is False

    assert Hold.objects.get().state == HoldState.ACTIVE


def test_hold_that_cannot_lapse_does_not_stop_the_others(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(product, "a@example.com", "b@example.com")
    receive(product, 2)
    let_time_pass()
    broken, fine = Hold.objects.order_by("pk")
    lapse = restock.lapse

    def lapse_or_fail(hold_id: int) -> bool:
        if hold_id == broken.pk:
            raise RuntimeError("broken")
        return lapse(hold_id)

    monkeypatch.setattr(restock, "lapse", lapse_or_fail)
    lapse_or_fail.__name__ = "lapse"

    assert inventory.lapse_due() == 1
    fine.refresh_from_db()
    assert fine.state == HoldState.RELEASED


def test_who_leaves_the_line_is_not_told(product: Product) -> None:
    first, second = wait(product, "a@example.com", "b@example.com")

    inventory.cancel_alert(alert_id=first.pk)
    receive(product, 1)

    assert states(first, second) == ["cancelled", "offered"]


def test_who_gives_up_what_is_kept_lets_the_next_have_it(product: Product) -> None:
    first, second = wait(product, "a@example.com", "b@example.com")
    receive(product, 1)

    for _ in range(2):
        inventory.cancel_alert(alert_id=first.pk)

    assert states(first, second) == ["cancelled", "offered"]
    assert books(product) == (1, 1)
    assert_books_balance()


def test_cancelling_changes_nothing_that_is_over(product: Product) -> None:
    [user] = shoppers(1)
    [alert] = wait(product, user)
    receive(product, 1)
    checkout.place_and_pay(purchase(user, product))

    inventory.cancel_alert(alert_id=alert.pk)

    assert states(alert) == ["claimed"]
    with pytest.raises(AlertNotFound):
        inventory.cancel_alert(alert_id=alert.pk + 1)


def test_who_was_told_in_vain_can_ask_again(product: Product) -> None:
    [first] = wait(product, "a@example.com")
    receive(product, 1)
    let_time_pass()
    lapse_holds()
    unpaid_order(shoppers(1)[0], product)

    [again] = wait(product, "a@example.com")

    assert again != first


def test_settled_hold_stays_settled(product: Product) -> None:
    wait(product, "a@example.com")
    receive(product, 1)
    let_time_pass()
    lapse_holds()

    with (
        pytest.raises(Exception, match="settled_once"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE inventory_hold SET state = 'active', settled_at = NULL")


def test_letters_address_names_the_alert() -> None:
    path = alert_url(7)

    assert read_token(path.strip("/").rpartition("/")[2]) == 7
    assert read_token("forged") is None


def test_shopper_with_another_mail_address_is_still_found(product: Product) -> None:
    user = UserFactory.create(email="old@example.com")
    wait(product, user)
    User.objects.filter(pk=user.pk).update(email="new@example.com")

    receive(product, 1)

    assert told()[0]["email"] == "new@example.com"
