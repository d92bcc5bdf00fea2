"""In a browser, with scripts and without: a guest becomes a shopper, staff ship.

Signing up does not sign in; the link in the letter that the shop sends does.

``SCREENSHOTS_DIR`` names a folder in which each step is kept as a picture.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from coupons.models import Coupon, CouponState
from demo.receiver import DataPlatform
from orders.models import Order, OrderStatus
from tests.browsers import chromium as chromium
from tests.factories import PASSWORD
from tests.faults.steps import arrived
from tests.figures import Note
from tests.journeys.conftest import Shelves
from tests.journeys.hands import PATIENCE
from tests.journeys.letters import link_to_confirm
from tests.running import Running, Web, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Look:
    """How wide somebody's screen is, and whether scripts run in it."""

    name: str
    width: int
    height: int
    has_scripts: bool


LOOKS = (
    Look("phone", 390, 844, has_scripts=True),
    Look("desktop", 1280, 900, has_scripts=True),
    Look("phone-no-scripts", 390, 844, has_scripts=False),
    Look("desktop-no-scripts", 1280, 900, has_scripts=False),
)
# Who comes here; the other ways are gone in other journeys.
WAYS = (LOOKS[0],)
# What htmx says when a newer choice takes the place of a request under way.
OVERTAKEN = ("htmx:afterRequest", "htmx:sendAbort")
# What Chromium says when it leaves out a view transition: the next page has none, or
# was to be seen before the picture of this one was taken.
NO_TRANSITION = "Transition was aborted because of invalid state."


@dataclass
class Visitor:
    """A page of a browser that collects complaints and takes pictures."""

    page: Page
    look: Look
    who: str
    complaints: list[str] = field(default_factory=list)
    steps: int = 0

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on(
            "console",
            lambda said: self.note(said.text) if said.type == "error" else None,
        )

    def note(self, complaint: str) -> None:
        """Keep what the browser complains of."""
        if not complaint.startswith((*OVERTAKEN, NO_TRANSITION)):
            self.complaints.append(complaint)

    def picture(self, name: str) -> None:
        """Keep what is to be seen, and check that nothing sticks out."""
        self.steps += 1
        if self.who == "shopper":
            width = self.page.evaluate("document.documentElement.scrollWidth")
            assert width <= self.look.width, f"{name} is {width} wide"
        if folder := os.environ.get("SCREENSHOTS_DIR"):
            file = f"{self.look.name}-{self.who}-{self.steps:02}-{name}.png"
            self.page.screenshot(path=Path(folder) / file, full_page=True)


def visitor(browser: Browser, shop: Web, look: Look, who: str) -> Visitor:
    context = browser.new_context(
        base_url=shop.url,
        viewport={"width": look.width, "height": look.height},
        java_script_enabled=look.has_scripts,
        color_scheme="light",
        locale="en-GB",
    )
    return Visitor(context.new_page(), look, who)


def test_guest_becomes_a_shopper_buys_and_gets_a_parcel(
    chromium: Browser,
    shop: Web,
    running: Running,
    shelves: Shelves,
    platform: DataPlatform,
    note: Note,
) -> None:
    shelves.batch.quantity = len(WAYS)
    shelves.batch.save(update_fields=["quantity"])
    seconds = []
    for look in WAYS:
        shopper = visitor(chromium, shop, look, "shopper")
        fill_cart_as_guest(shopper)
        sign_up(shopper, running.folder / "state" / "mail")
        claim_coupon(shopper, shelves)
        order = check_out(shopper)
        seconds.append(wait_for_event(platform, order))
        staff = visitor(chromium, shop, look, "staff")
        ship(staff, shelves, order)
        see_parcel(shopper, order)
        assert shopper.complaints == []
        assert staff.complaints == []

    assert max(seconds) < 5
    see_best_sellers(visitor(chromium, shop, LOOKS[0], "shopper"))
    note(after_the_page=", ".join(f"{value * 1000:.0f} ms" for value in seconds))


def wait_for_event(platform: DataPlatform, order: UUID) -> float:
    return wait_for(lambda: arrived(platform)[-1:] == [str(order)], "it arrives")


def fill_cart_as_guest(guest: Visitor) -> None:
    page = guest.page
    page.goto("/")
    guest.picture("home")
    page.get_by_role("link", name="Celadon Teapot").first.click()
    page.get_by_label("Quantity").fill("2")
    guest.picture("product")
    page.locator("#buy").get_by_role("button", name="Add to cart").click()
    if guest.look.has_scripts:
        expect(page.locator("[data-cart-count]").first).to_have_text("2")
        expect(page.locator("#cart-drawer[open]")).to_contain_text("₩64,000")
        guest.picture("added")
        page.goto("/cart/")
    expect(page).to_have_url(re.compile("/cart/"))
    expect(page.locator("#cart")).to_contain_text("₩64,000")
    guest.picture("cart")


def sign_up(guest: Visitor, mail: Path) -> None:
    """Create an account on the way to the checkout; the letter's link signs in."""
    page = guest.page
    page.locator("#cart aside").get_by_role(
        "link", name=re.compile("Check out")
    ).click()
    guest.picture("checkout-as-guest")
    page.locator("main").get_by_role("link", name="Create an account").click()
    address = f"{guest.look.name}@example.com"
    page.locator("main [name=email]").fill(address)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    guest.picture("sign-up")
    page.get_by_role("button", name="Create an account").click()
    expect(page.locator("main")).to_contain_text("Check your mail", timeout=PATIENCE)
    page.goto(link_to_confirm(address, mail))
    page.get_by_role("button", name="Yes, confirm it").click()
    expect(page.locator("header").first).to_contain_text("0 P", timeout=PATIENCE)
    page.goto("/checkout/")
    expect(page.locator("main")).to_contain_text("Celadon Teapot")
    guest.picture("checkout")


def claim_coupon(shopper: Visitor, shelves: Shelves) -> None:
    page = shopper.page
    page.goto("/coupons/")
    page.get_by_role("button", name="Get coupon").click()
    expect(page.locator(f"#batch-{shelves.batch.pk}")).to_contain_text("In your wallet")
    shopper.picture("coupon")
    coupon = Coupon.objects.get(user__email=f"{shopper.look.name}@example.com")
    assert coupon.serial == WAYS.index(shopper.look) + 1


def check_out(shopper: Visitor) -> UUID:
    """Pay by points with the coupon, charging what is missing; return the order."""
    page = shopper.page
    page.goto("/checkout/")
    for name, value in {
        "recipient": "Lee Seo-yeon",
        "phone": "+82 10-1234-5678",
        "postal_code": "04524",
        "city": "Seoul",
        "line1": "110 Sejong-daero",
    }.items():
        page.locator(f"[name={name}]").fill(value)
    summary = page.locator("#summary")
    charge = summary.get_by_role("button", name=re.compile("Charge"))
    page.locator("#pay-points").check()
    if shopper.look.has_scripts:
        expect(charge).to_be_visible()
    page.get_by_label("Coupon", exact=True).select_option(index=1)
    if not shopper.look.has_scripts:
        page.get_by_role("button", name="Update total").click()
    expect(summary).to_contain_text("₩57,600")
    shopper.picture("checkout-with-coupon")
    charge.click()
    pay = summary.get_by_role("button", name=re.compile("Pay ₩57,600"))
    expect(pay).to_be_visible()
    expect(page.locator("[name=recipient]")).to_have_value("Lee Seo-yeon")
    shopper.picture("charged")
    pay.click()
    expect(page.locator("body")).to_contain_text("Thank you! Your order is paid.")
    shopper.picture("thank-you")
    number = page.url.removesuffix("/thanks/").rpartition("/")[2]
    order = Order.objects.get(number=number)
    assert (order.status, order.total) == (OrderStatus.PAID, 57_600)
    assert order.address["recipient"] == "Lee Seo-yeon"
    coupon = Coupon.objects.get(user__email=f"{shopper.look.name}@example.com")
    assert (coupon.pk, coupon.state) == (order.coupon_id, CouponState.USED)
    return order.pk


def ship(staff: Visitor, shelves: Shelves, order_id: UUID) -> None:
    page = staff.page
    number = Order.objects.get(pk=order_id).number
    page.goto("/admin/")
    page.locator("[name=username]").fill(shelves.staff.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[type=submit]").first.click()
    page.goto(f"/admin/orders/order/?q={number}")
    page.get_by_role("link", name=number).click()
    staff.picture("order")
    page.get_by_role("button", name="Begin to pack").click()
    page.get_by_role("button", name="Ship…", exact=True).click()
    page.get_by_label("Carrier").fill("CJ Logistics")
    page.get_by_label("Tracking number").fill(f"CJ-{number}")
    staff.picture("ship")
    page.locator(".submit-row [type=submit]").click()
    expect(page.locator("body")).to_contain_text("Shipped")
    staff.picture("shipped")
    assert Order.objects.get(pk=order_id).status == OrderStatus.SHIPPED


def see_parcel(shopper: Visitor, order_id: UUID) -> None:
    page = shopper.page
    number = Order.objects.get(pk=order_id).number
    page.goto("/orders/")
    expect(page.locator("main")).to_contain_text("Shipped")
    shopper.picture("orders")
    page.goto(f"/orders/{number}/")
    expect(page.locator("main")).to_contain_text(f"CJ-{number}")
    shopper.picture("parcel")


def see_best_sellers(anybody: Visitor) -> None:
    def leads() -> bool:
        anybody.page.goto("/best/")
        first = anybody.page.locator(".ranked").first
        return first.count() > 0 and "Celadon Teapot" in first.inner_text()

    wait_for(leads, "the ranking follows", 30)
    anybody.picture("best")
