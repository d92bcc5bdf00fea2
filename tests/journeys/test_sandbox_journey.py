"""Paying by the test card, in a browser and by the API, with every way it can go.

All processes are real, and so are the messages between them. Everybody comes to the
same shop, and at the end of each journey its books are looked at.
"""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.management import call_command
from django.db.models.functions import Now
from playwright.sync_api import Browser, Page, expect
from pytest_django.plugin import DjangoDbBlocker

from orders.models import Order, OrderStatus
from payments.gateways.sandbox import Script
from payments.models import Payment, PaymentState, ProviderEvent
from points import services as points
from tests.books import assert_books_balance
from tests.browsers import chromium as chromium
from tests.journeys.conftest import Shelves, fill_shelves
from tests.journeys.test_browser_journey import LOOKS, Look, Visitor, visitor
from tests.running import Running, Web, wait_for
from tests.shop.test_in_a_browser import RULES
from tests.strangers import Stranger, shopper_at

pytestmark = pytest.mark.slow
PHONES = [look for look in LOOKS if look.width == 390]
ADDRESS = {
    "recipient": "Lee Seo-yeon",
    "phone": "+82 10-1234-5678",
    "postal_code": "04524",
    "city": "Seoul",
    "line1": "110 Sejong-daero",
}
CHECKING = "We are checking your payment"
THANKS = "Thank you! Your order is paid."
# What the page says at first when the bank behaves in one of its ways.
SEEN = {
    Script.SUCCESS: f"{CHECKING}|{THANKS}",
    Script.TWICE: f"{CHECKING}|{THANKS}",
    Script.OUT_OF_ORDER: THANKS,
    Script.LOST: THANKS,
    Script.TIMEOUT_AFTER_CAPTURE: f"{CHECKING}|{THANKS}",
    Script.LATE: CHECKING,
}
# Those between which the page makes a difference; the shop makes it for both.
SEEN_WITHOUT_SCRIPTS = {
    script: SEEN[script] for script in (Script.SUCCESS, Script.LATE)
}


@pytest.fixture(scope="module")
def shelves(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[Shelves]:
    with django_db_blocker.unblock():
        yield fill_shelves()
        call_command("flush", verbosity=0, interactive=False)


@pytest.fixture(scope="module")
def shop(shelves: Shelves, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Start all that a real shop runs, once for all who come."""
    with Running(tmp_path_factory.mktemp("running")) as running:
        yield running.shop(has_live=False)


@pytest.fixture(autouse=True)
def _books_balance_in_the_end(shop: Web) -> Iterator[None]:
    yield
    assert_books_balance()


@pytest.mark.parametrize("look", PHONES, ids=lambda look: look.name)
def test_guest_pays_by_card_in_every_way_it_can_go(
    look: Look, chromium: Browser, shop: Web, shelves: Shelves
) -> None:
    guest = visitor(chromium, shop, look, "shopper")
    for script, sees in (SEEN if look.has_scripts else SEEN_WITHOUT_SCRIPTS).items():
        order = set_out(guest, shelves, script)
        press(guest.page, script)
        expect(guest.page.locator("main")).to_contain_text(re.compile(sees))
        guest.picture(f"back-{script.value}")
        if script == Script.LATE:
            is_accessible(guest)
        # The page looks again by itself until it is certain.
        expect(guest.page.locator("main")).to_contain_text(THANKS, timeout=40_000)
        is_settled(order)

    assert complaints(guest) == []


def test_declined_card_leads_to_another_try(
    chromium: Browser, shop: Web, shelves: Shelves
) -> None:
    without_scripts = PHONES[1]
    guest = visitor(chromium, shop, without_scripts, "shopper")
    order = set_out(guest, shelves, Script.DECLINE)
    page = guest.page

    press(page, Script.DECLINE)

    expect(page.locator("main")).to_contain_text("The payment did not go through.")
    guest.picture("declined")
    is_accessible(guest)
    order.refresh_from_db()
    assert order.status == OrderStatus.PENDING
    page.get_by_role("button", name=re.compile("Pay ₩")).click()
    press(page, Script.SUCCESS)
    expect(page.locator("main")).to_contain_text(THANKS, timeout=20_000)
    is_settled(order)
    states = Payment.objects.filter(order=order).order_by("pk")
    assert [payment.state for payment in states] == ["failed", "captured"]
    assert complaints(guest) == []


def test_points_pay_a_part_and_the_card_the_rest(
    chromium: Browser, shop: Web, shelves: Shelves
) -> None:
    stranger = shopper_at(shop.url, points=5_000)
    shopper = visitor(chromium, shop, PHONES[0], "shopper")
    page = shopper.page
    page.goto("/accounts/login/")
    page.get_by_label(re.compile("mail", re.IGNORECASE)).fill(stranger.email)
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.locator("main").get_by_role("button", name="Sign in", exact=True).click()
    fill_cart(shopper, shelves)
    page.goto("/checkout/")
    fill_address(page)
    page.wait_for_load_state("networkidle")
    page.get_by_label("Test card").check()
    # What this choice changes is shown before the next one is made.
    page.wait_for_load_state("networkidle")
    page.get_by_label(re.compile("Points to use first")).press_sequentially("2000")
    page.keyboard.press("Tab")
    expect(page.locator("#summary")).to_contain_text("₩10,000")
    shopper.picture("mixed")

    page.get_by_role("button", name=re.compile("Pay ₩12,000")).click()
    expect(page.locator("main")).to_contain_text("₩10,000")
    press(page, Script.SUCCESS)

    expect(page.locator("main")).to_contain_text(THANKS, timeout=20_000)
    order = Order.objects.latest("placed_at")
    assert order.email == stranger.email
    legs = {leg.method: leg.amount for leg in order.payments.all()}
    assert legs == {"points": 2_000, "sandbox": 10_000}
    assert points.balance_of(order.user_id or 0) == 3_000


def test_payer_who_never_comes_back_is_asked_after(shop: Web, shelves: Shelves) -> None:
    stranger = shopper_at(shop.url, points=0)
    lost, late = (begin(stranger, shelves) for _ in range(2))
    decide(stranger, lost, Script.LOST)
    decide(stranger, late, Script.LATE)
    Payment.objects.filter(pk=lost.pk).update(next_look_at=Now())

    # The clock asks every half minute, and the late money takes twenty seconds.
    wait_for(lambda: is_paid(lost), "the sweep finds the lost message", 60)
    wait_for(lambda: is_paid(late), "the late money arrives", 600)

    assert not ProviderEvent.objects.filter(payment=lost).exists()
    assert ProviderEvent.objects.filter(payment=late).count() == 1


def test_points_are_bought_by_card(shop: Web, shelves: Shelves) -> None:
    stranger = shopper_at(shop.url, points=0)
    body, asked = {"amount": 7_000, "method": "sandbox"}, []

    def is_begun() -> bool:
        # On a busy machine the shop may be busy too; who is told so comes again.
        asked.append(stranger.post("/api/v1/points/charge", body))
        return asked[-1].status == 201

    wait_for(is_begun, "the charge begins")
    answer = asked[-1]
    payment = Payment.objects.get(pk=answer.body["payment"]["id"])

    decide(stranger, payment, Script.TWICE)

    wait_for(lambda: stranger.get("/api/v1/points").body["balance"] == 7_000, "points")
    path = f"/api/v1/payments/{payment.pk}/check"
    assert stranger.post(path, {}).body["status"] == "captured"
    assert stranger.get("/api/v1/points").body["balance"] == 7_000


# --- Steps ---------------------------------------------------------------------------


def set_out(guest: Visitor, shelves: Shelves, script: Script) -> Order:
    """Order a cup as a guest and go to the bank's page."""
    page = guest.page
    fill_cart(guest, shelves)
    page.goto("/checkout/")
    page.get_by_label(re.compile("mail", re.IGNORECASE)).fill("guest@example.com")
    fill_address(page)
    if script == Script.SUCCESS:
        guest.picture("checkout")
        is_accessible(guest)
    page.get_by_role("button", name=re.compile("Pay ₩12,000")).click()
    expect(page.locator("main")).to_contain_text("This is no real bank.")
    if script == Script.SUCCESS:
        guest.picture("bank")
        is_accessible(guest)
    return Order.objects.latest("placed_at")


def fill_cart(visitor: Visitor, shelves: Shelves) -> None:
    page = visitor.page
    page.goto(f"/p/cup-{shelves.cup.pk}/")
    page.locator("#buy").get_by_role("button", name="Add to cart").click()
    if visitor.look.has_scripts:
        expect(page.locator("[data-cart-count]").first).to_have_text("1")


def fill_address(page: Page) -> None:
    for name, value in ADDRESS.items():
        page.locator(f"[name={name}]").fill(value)


def press(page: Page, script: Script) -> None:
    page.locator(f"[name=script][value={script.value}]").click()


def is_accessible(of: Visitor) -> None:
    """Hold that axe finds nothing; it is a script itself."""
    if of.look.has_scripts:
        # On a page as long as it is, nothing lies under the bar at the bottom.
        height: int = of.page.evaluate("document.documentElement.scrollHeight")
        of.page.set_viewport_size({"width": of.look.width, "height": height})
        report = Axe().run(of.page, options={"runOnly": RULES}).response
        found = {
            rule["id"]: [node["html"] for node in rule["nodes"]]
            for rule in report["violations"]
        }
        assert found == {}


def complaints(of: Visitor) -> list[str]:
    """Return what the browser complains of; no server of live news runs here."""
    return [said for said in of.complaints if "WebSocket" not in said]


def is_settled(order: Order) -> None:
    """Hold that the order is paid, once, whatever the provider said how often."""
    wait_for(lambda: _status(order) == OrderStatus.PAID, "the order is paid")
    paid = Payment.objects.filter(order=order, state=PaymentState.CAPTURED)
    assert [payment.amount for payment in paid] == [order.total]


def _status(order: Order) -> str:
    return Order.objects.values_list("status", flat=True).get(pk=order.pk)


def begin(stranger: Stranger, shelves: Shelves) -> Payment:
    """Order a cup and begin to pay it."""
    items = [{"product_id": shelves.cup.pk, "quantity": 1}]
    order = stranger.post("/api/v1/orders", {"items": items}).body["id"]
    body = {"order_id": order, "method": "sandbox"}
    answer = stranger.post("/api/v1/pay", body)
    assert answer.status == 201, answer
    return Payment.objects.get(pk=answer.body["id"])


def decide(stranger: Stranger, payment: Payment, script: Script) -> None:
    """Press a button of the bank's page, and go away."""
    page = stranger.get(f"/sandbox/{payment.provider_reference}/")
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.body)
    assert token is not None
    reply = stranger._pool.request(
        "POST",
        f"{stranger.url}/sandbox/{payment.provider_reference}/",
        fields={"csrfmiddlewaretoken": token[1].decode(), "script": script.value},
        headers={"cookie": page.headers["set-cookie"].partition(";")[0]},
        encode_multipart=False,
        redirect=False,
    )
    assert reply.status == 303


def is_paid(payment: Payment) -> bool:
    payment.refresh_from_db()
    return payment.settled_at is not None
