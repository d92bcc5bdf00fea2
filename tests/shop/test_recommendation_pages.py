"""Rows of recommendations on the pages, the question before them, and the way out."""

import re

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from accounts.models import User
from analytics import behaviour, buffer, privacy, pseudonyms
from analytics.models import BehaviourEvent, NotInterested, PairKind, Privacy
from analytics.recommendations import make_pairs
from catalog.models import Product
from common.cache import redis_client
from shop.observing import DISMISSED_COOKIE, OBSERVED_COOKIE
from tests.analytics.observing import buy, crowd, look, plain_visitor, visitor
from tests.factories import CategoryFactory, ProductFactory, StaffFactory
from tests.shop.pages import HTMX, body_of, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("delivery")]
QUESTION = "May we remember which products you look at"


@pytest.fixture(autouse=True)
def _empty_buffer() -> None:
    redis_client(settings.REDIS_URL).delete(buffer.KEY)
    buffer.breaker.forget()


@pytest.fixture
def pair() -> tuple[Product, Product]:
    """Two products that are bought together, in a shop that sells others as well."""
    shelf = CategoryFactory.create(name="Lamps")
    lamp, bulb, other = (
        ProductFactory.create(name=name, stock_on_hand=100, category=shelf)
        for name in ("Desk lamp", "Warm bulb", "Wall clock")
    )
    crowd(3, lamp, bulb)
    crowd(8, other)
    make_pairs(PairKind.BOUGHT)
    return lamp, bulb


def page(product: Product) -> str:
    return f"/p/{product.slug}-{product.pk}/"


def row(response: object, source: str) -> str:
    """Return the text of a row; empty if it is not there."""
    parts = body_of(response).split(f'aria-labelledby="row-{source}"')
    return parts[1].split("</section>")[0] if len(parts) > 1 else ""


@pytest.fixture
def consenting(shopper: User, monkeypatch: pytest.MonkeyPatch) -> User:
    """Return a shopper who may be observed, and is not one of the plain tenth."""
    monkeypatch.setattr(pseudonyms, "PLAIN_OF_256", 0)
    privacy.choose(user_id=shopper.pk, consents=True)
    return shopper


# --- The question --------------------------------------------------------------------


def test_visitor_is_asked_once_with_two_equal_answers(client: Client) -> None:
    first = client.get("/")
    buttons = re.findall(
        r'<button type="submit" class="([^"]+)" name="observe"', body_of(first)
    )
    assert QUESTION in text_of(first)
    assert len(buttons) == 2
    assert buttons[0] == buttons[1]
    assert not client.cookies

    answer = client.post(
        "/privacy/choice/",
        {"observe": "yes", "next": "/best/"},
        headers={"Origin": "http://testserver"},
    )

    assert (answer.status_code, answer["Location"]) == (303, "/best/")
    assert re.fullmatch(r"[\w-]{22}", client.cookies[OBSERVED_COOKIE].value)
    assert QUESTION not in text_of(client.get("/"))


def test_no_is_remembered_and_nothing_else(client: Client) -> None:
    client.post(
        "/privacy/choice/", {"observe": "no"}, headers={"Origin": "http://testserver"}
    )

    assert client.cookies[OBSERVED_COOKIE].value == "no"
    assert QUESTION not in text_of(client.get("/"))


def test_browser_that_says_no_for_its_owner_is_not_asked(client: Client) -> None:
    assert QUESTION not in text_of(client.get("/", headers={"Sec-GPC": "1"}))


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_another_site_cannot_consent_for_anybody(
    signed_in: Client, shopper: User, origin: str
) -> None:
    signed_in.post("/privacy/choice/", {"observe": "yes"}, headers={"Origin": origin})

    assert not Privacy.objects.exists()
    assert OBSERVED_COOKIE not in signed_in.cookies


def test_visitor_who_takes_it_back_is_forgotten(client: Client) -> None:
    name = "abcdefghijklmnopqrstuv"
    client.cookies[OBSERVED_COOKIE] = name
    look(pseudonyms.of_visitor(name), ProductFactory.create())

    client.post(
        "/privacy/choice/", {"observe": "no"}, headers={"Origin": "http://testserver"}
    )

    assert not BehaviourEvent.objects.exists()
    assert "Nothing is noted" in text_of(client.get("/privacy/"))


# --- Rows ----------------------------------------------------------------------------


def test_product_page_shows_what_is_bought_with_it_and_why(
    client: Client, pair: tuple[Product, Product]
) -> None:
    lamp, _bulb = pair

    answer = client.get(page(lamp))

    together = row(answer, "bought_together")
    assert "Warm bulb" in together
    assert "Bought together in 3 orders" in together
    related = row(answer, "related")
    assert "Wall clock" in related
    assert "New in Lamps" in related


def test_new_visitor_sees_no_row_of_their_own_and_no_empty_box(
    client: Client, pair: tuple[Product, Product]
) -> None:
    text = text_of(client.get("/"))

    assert "Picked for you" not in text
    assert "Recently viewed" not in text


@pytest.mark.usefixtures("consenting")
def test_home_shows_what_fits_and_what_was_looked_at(
    signed_in: Client, pair: tuple[Product, Product]
) -> None:
    lamp, _bulb = pair
    signed_in.get(page(lamp))
    behaviour.flush()

    answer = signed_in.get("/")

    assert "Because you viewed Desk lamp" in row(answer, "for_you")
    assert "Desk lamp" in row(answer, "recent")


def test_cart_shows_what_goes_with_it(
    client: Client, pair: tuple[Product, Product]
) -> None:
    lamp, _bulb = pair
    client.post("/cart/add/", {"product": lamp.pk, "quantity": 1})

    assert "Warm bulb" in row(client.get("/cart/"), "cart")


def test_plain_arm_sees_the_category_in_the_same_place(
    client: Client, pair: tuple[Product, Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    lamp, _bulb = pair
    client.cookies[OBSERVED_COOKIE] = "abcdefghijklmnopqrstuv"
    for actor, expected in ((visitor(), True), (plain_visitor(), False)):
        monkeypatch.setattr(pseudonyms, "of_visitor", lambda _name, a=actor: a)
        answer = client.get(page(lamp))
        assert bool(row(answer, "bought_together")) is expected
        assert row(answer, "related")


def test_following_a_row_is_noted_with_its_name(
    client: Client, pair: tuple[Product, Product]
) -> None:
    lamp, bulb = pair
    client.cookies[OBSERVED_COOKIE] = "abcdefghijklmnopqrstuv"
    assert f"{page(lamp)}?via=cart" not in body_of(client.get(page(lamp)))

    client.get(f"{page(bulb)}?via=bought_together")
    client.get(f"{page(bulb)}?via=made_up")
    behaviour.flush()

    clicks = BehaviourEvent.objects.filter(kind="click")
    assert list(clicks.values_list("source", "product_id")) == [
        ("bought_together", bulb.pk)
    ]
    assert BehaviourEvent.objects.filter(kind="shown", source="related").exists()


# --- Ways out ------------------------------------------------------------------------


def test_opting_out_ends_every_row_at_once(
    signed_in: Client, shopper: User, pair: tuple[Product, Product]
) -> None:
    lamp, _bulb = pair
    buy(shopper, lamp)
    signed_in.post("/cart/add/", {"product": lamp.pk, "quantity": 1})
    assert row(signed_in.get("/"), "for_you")
    assert row(signed_in.get("/cart/"), "cart")

    signed_in.post("/privacy/recommendations/", {"recommendations": "no"})

    assert not row(signed_in.get("/"), "for_you")
    assert not row(signed_in.get("/cart/"), "cart")
    answer = signed_in.get(page(lamp))
    assert not row(answer, "bought_together")
    assert "From the same shelf" in row(answer, "related")
    assert "Turn on" in text_of(signed_in.get("/privacy/"))


def test_not_interested_hides_a_product_until_it_is_undone(
    signed_in: Client, shopper: User, pair: tuple[Product, Product]
) -> None:
    lamp, bulb = pair
    answer = signed_in.post(f"/not-interested/{bulb.pk}/", {"next": "/"}, headers=HTMX)
    assert "You will not be shown this again." in text_of(answer)
    assert not row(signed_in.get(page(lamp)), "bought_together")
    assert "Warm bulb" in text_of(signed_in.get("/privacy/"))

    signed_in.post(f"/not-interested/{bulb.pk}/undo/", {"next": "/"})

    assert row(signed_in.get(page(lamp)), "bought_together")
    assert not NotInterested.objects.exists()


def test_visitor_s_dismissals_stay_in_the_browser(
    client: Client, pair: tuple[Product, Product]
) -> None:
    lamp, bulb = pair
    answer = client.post(f"/not-interested/{bulb.pk}/", {"next": "/cart/"})
    assert answer["Location"] == "/cart/"
    assert client.cookies[DISMISSED_COOKIE].value == str(bulb.pk)
    assert not row(client.get(page(lamp)), "bought_together")

    client.cookies[DISMISSED_COOKIE] = "1.x.' OR 1=1"
    assert row(client.get(page(lamp)), "bought_together")


# --- Cost and staff ------------------------------------------------------------------


def test_pages_need_few_statements(
    signed_in: Client,
    consenting: User,
    pair: tuple[Product, Product],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    lamp, _bulb = pair
    look(pseudonyms.of_user(consenting.pk), lamp)
    for path in ("/", page(lamp)):
        signed_in.get(path)
        with django_assert_max_num_queries(12):
            signed_in.get(path)


def test_staff_see_what_recommendations_bring(client: Client) -> None:
    client.force_login(StaffFactory.create())

    assert "Are they worth it?" in text_of(client.get("/admin/analytics/pairrun/"))
    answer = client.get("/admin/analytics/pairrun/trial/")

    assert "Recommendations against plain lists" in text_of(answer)
    assert "bought_together" in text_of(answer)
    client.logout()
    assert client.get("/admin/analytics/pairrun/trial/").status_code == 302
