"""Races 1 to 4: the same request more than once."""

from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from django.test import Client

from accounts.models import User
from checkout import services as checkout
from checkout.services import CartVersion
from drill.races import keys as races
from orders.models import Order
from shop.cart_page import CartView, read_cart
from tests.concurrency import run_together, told
from tests.factories import ProductFactory
from tests.races import mutants
from tests.races.stage import everybody_reads_first, fill_cart, purchase, shoppers

NEW_ADDRESS = {
    "recipient": "Kim Min-ji",
    "phone": "+82 10-1234-5678",
    "postal_code": "04524",
    "city": "Seoul",
    "line1": "110 Sejong-daero",
}


@dataclass(frozen=True)
class Outcome:
    told: dict[str, int]
    orders: int
    # How many different replies there were.
    replies: int


def form_without_key_sent_twice() -> Outcome:
    [buyer], product = shoppers(1), ProductFactory.create()
    cart = fill_cart(buyer, product)
    wish = purchase(buyer, product, cart=CartVersion(cart.pk, cart.version))
    with everybody_reads_first(2):
        results = run_together(lambda _number: checkout.place_and_pay(wish), times=2)
    return Outcome(told=told(results), orders=Order.objects.count(), replies=0)


def page_sent_twice() -> Outcome:
    """Send one checkout page from two tabs that both saw the full cart."""
    [buyer], product = shoppers(1), ProductFactory.create()
    fill_cart(buyer, product)
    tabs = [_signed_in(buyer) for _ in range(2)]
    form = {"key": "f0", "address": "new", **NEW_ADDRESS}
    with everybody_reads_first(2):
        results = run_together(
            lambda tab: tabs[tab].post("/checkout/", form).headers["Location"], times=2
        )
    return Outcome(
        told=told(results), orders=Order.objects.count(), replies=len(set(results))
    )


def page_sent_again_while_the_first_is_being_written() -> list[str]:
    """Let the second tab look for the cart just after the first has emptied it."""
    [buyer], product = shoppers(1), ProductFactory.create()
    fill_cart(buyer, product)
    tabs = [_signed_in(buyer) for _ in range(2)]
    form = {"key": "f0", "address": "new", **NEW_ADDRESS}
    places: list[str] = []

    def read_late(*args: Any, **kwargs: Any) -> CartView:
        if not places:
            places.append("")
            places[0] = tabs[0].post("/checkout/", form).headers["Location"]
        return read_cart(*args, **kwargs)

    with patch("shop.views.checkout.read_cart", read_late):
        places.append(tabs[1].post("/checkout/", form).headers["Location"])
    return places


def _signed_in(buyer: User) -> Client:
    client = Client()
    client.force_login(buyer, "accounts.backends.PasswordBackend")
    return client


def test_race_01_same_key_and_body_make_one_order_and_50_equal_replies() -> None:
    outcome = races.same_key_same_body(times=50)

    assert outcome.complaints() == []
    assert outcome.told == {"ok": 50}
    assert Order.objects.count() == 1
    assert (outcome.found["replies"], outcome.found["foreign"]) == (1, 0)


def test_race_01_mutant_is_caught() -> None:
    with mutants.forgetful_keys():
        outcome = races.same_key_same_body(times=50)

    assert not outcome.is_good
    assert outcome.found["orders"] == outcome.found["replies"] == 50


def test_race_02_same_key_with_two_bodies_makes_one_order() -> None:
    outcome = races.same_key_two_bodies(times=50)

    assert outcome.complaints() == []
    assert outcome.told == {"idempotency_mismatch": 25, "ok": 25}
    assert Order.objects.count() == 1
    assert (outcome.found["replies"], outcome.found["foreign"]) == (1, 0)


def test_race_02_mutant_is_caught() -> None:
    with mutants.keys_without_fingerprint():
        outcome = races.same_key_two_bodies(times=50)

    assert not outcome.is_good
    assert outcome.told == {"ok": 50}
    assert outcome.found["foreign"] == 25


def test_race_03_same_key_of_two_users_makes_an_order_each() -> None:
    outcome = races.same_key_of_two_users(times=50)

    assert outcome.complaints() == []
    assert outcome.told == {"ok": 50}
    assert Order.objects.count() == 2
    assert (outcome.found["replies"], outcome.found["foreign"]) == (2, 0)


def test_race_03_mutant_is_caught() -> None:
    with mutants.keys_without_subject():
        outcome = races.same_key_of_two_users(times=50)

    assert not outcome.is_good
    assert outcome.found["orders"] == 1
    assert outcome.found["foreign"] == 25


def test_race_04_form_sent_twice_without_a_key_makes_one_order() -> None:
    outcome = form_without_key_sent_twice()

    assert outcome == Outcome(told={"cart_changed": 1, "ok": 1}, orders=1, replies=0)


def test_race_04_page_sent_twice_leads_to_one_order() -> None:
    assert page_sent_twice() == Outcome(told={"ok": 2}, orders=1, replies=1)


def test_race_04_page_sent_again_meanwhile_leads_to_the_order() -> None:
    order_page = "/orders/"

    first, second = page_sent_again_while_the_first_is_being_written()

    assert first == second
    assert first.startswith(order_page)
    assert Order.objects.count() == 1


def test_race_04_page_mutant_is_caught() -> None:
    with mutants.forgetful_keys(), mutants.carts_of_any_version():
        outcome = page_sent_twice()

    assert outcome.orders == 2


def test_race_04_mutant_is_caught() -> None:
    with mutants.carts_of_any_version():
        outcome = form_without_key_sent_twice()

    assert outcome.orders == 2
