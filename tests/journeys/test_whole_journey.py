"""From signing up to reviewing, in every way that somebody may use the shop.

Sign up, prove the e-mail address, search, put into the cart, get a coupon, charge
points, pay, follow the parcel, review: written once, gone through without scripts, by
keyboard alone, on a desk and on a phone. The letters are those that the shop sends.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from playwright.sync_api import Browser, Page, expect

from checkout import services as checkout
from coupons.models import Coupon, CouponState
from orders.models import Order, OrderStatus
from points.models import EntryKind, LedgerEntry
from reviews.models import Review
from tests.browsers import chromium as chromium
from tests.factories import PASSWORD
from tests.journeys.conftest import Shelves
from tests.journeys.hands import PATIENCE, Hand, Keys, Pointer
from tests.journeys.letters import link_to_confirm
from tests.journeys.test_browser_journey import Look, Visitor, visitor
from tests.reviewing import TEXT
from tests.running import Running, Web

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ADDRESS = {
    "recipient": "Lee Seo-yeon",
    "phone": "+82 10-1234-5678",
    "postal_code": "04524",
    "city": "Seoul",
    "line1": "110 Sejong-daero",
}
# Of two teapots, with the coupon.
TOTAL = 57_600


@dataclass(frozen=True)
class Way:
    """How somebody uses the shop."""

    look: Look
    has_mouse: bool = True

    @property
    def email(self) -> str:
        return f"{self.look.name}@example.com"


WAYS = (
    Way(Look("without-scripts", 1280, 900, has_scripts=False)),
    Way(Look("by-keyboard", 1280, 900, has_scripts=True), has_mouse=False),
    Way(Look("on-a-desk", 1280, 900, has_scripts=True)),
    Way(Look("on-a-phone", 390, 844, has_scripts=True)),
)


@dataclass
class Shopper:
    """Somebody on their way through the shop."""

    way: Way
    visitor: Visitor
    hand: Hand

    @property
    def page(self) -> Page:
        return self.visitor.page

    def press(self, role: str, name: str, *, within: str = "main") -> None:
        """Follow the first link, or push the first button, with this name."""
        targets = self.page.locator(within)
        named = re.compile(name)
        if role == "link":
            target = targets.get_by_role("link", name=named)
        else:
            target = targets.get_by_role("button", name=named)
        self.hand.press(target.locator("visible=true").first)

    def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        self.hand.type(self.page.locator(selector).first, text)

    def sees(self, text: str, *, within: str = "main") -> None:
        """Wait until the page says so."""
        expect(self.page.locator(within).first).to_contain_text(text, timeout=PATIENCE)


def test_everybody_gets_from_signing_up_to_a_review(
    chromium: Browser,
    shop: Web,
    running: Running,
    shelves: Shelves,
    subtests: pytest.Subtests,
) -> None:
    shelves.batch.quantity = len(WAYS)
    shelves.batch.save(update_fields=["quantity"])
    for way in WAYS:
        with subtests.test(way.look.name):
            visit = visitor(chromium, shop, way.look, "shopper")
            hand = Pointer() if way.has_mouse else Keys(visit.page)
            shopper = Shopper(way, visit, hand)
            go_the_whole_way(shopper, shelves, running.folder / "state" / "mail")
            assert visit.complaints == []


def go_the_whole_way(shopper: Shopper, shelves: Shelves, mail: Path) -> None:
    sign_up(shopper)
    prove_address(shopper, mail)
    search_and_add(shopper)
    get_coupon(shopper, shelves)
    charge(shopper)
    order = pay(shopper)
    follow(shopper, order)
    review(shopper, order, shelves)


def sign_up(shopper: Shopper) -> None:
    shopper.page.goto("/")
    shopper.press("link", "Sign in", within="body")
    shopper.press("link", "Create an account")
    shopper.type("[name=email]", shopper.way.email)
    shopper.type("main [name=password1]", PASSWORD)
    shopper.press("button", "Create an account")
    shopper.sees("Check your mail")
    shopper.visitor.picture("signed-up")


def prove_address(shopper: Shopper, mail: Path) -> None:
    """Open the link in the letter, as a mail program would."""
    shopper.page.goto(link_to_confirm(shopper.way.email, mail))
    shopper.press("button", "Yes, confirm it")
    letter_page = re.compile("/confirm-email/")
    expect(shopper.page).not_to_have_url(letter_page, timeout=PATIENCE)
    shopper.sees("0 P", within="header")
    assert EmailAddress.objects.get(email=shopper.way.email).verified


def search_and_add(shopper: Shopper) -> None:
    shopper.page.goto("/")
    shopper.type("#q", "teapot")
    shopper.page.keyboard.press("Enter")
    expect(shopper.page).to_have_url(re.compile("/search/"), timeout=PATIENCE)
    shopper.visitor.picture("found")
    shopper.press("link", "Celadon Teapot")
    shopper.type("#quantity", "2")
    shopper.press("button", "Add to cart", within="#buy")
    if shopper.way.look.has_scripts:
        count = shopper.page.locator("[data-cart-count]").first
        expect(count).to_have_text("2", timeout=PATIENCE)
        shopper.visitor.picture("added")
    shopper.page.goto("/cart/")
    shopper.sees("₩64,000", within="#cart")


def get_coupon(shopper: Shopper, shelves: Shelves) -> None:
    shopper.page.goto("/coupons/")
    shopper.press("button", "Get coupon", within=f"#batch-{shelves.batch.pk}")
    shopper.sees("In your wallet", within=f"#batch-{shelves.batch.pk}")
    shopper.visitor.picture("coupon")


def charge(shopper: Shopper) -> None:
    shopper.page.goto("/points/")
    shopper.type("main [name=amount]", str(TOTAL))
    shopper.press("button", "^Charge points$")
    shopper.sees("57,600 P")
    shopper.visitor.picture("charged")


def pay(shopper: Shopper) -> Order:
    """Go to the checkout with the coupon that the cart proposes."""
    page = shopper.page
    page.goto("/cart/")
    shopper.sees("₩57,600", within="#cart")
    shopper.visitor.picture("cart")
    shopper.press("link", "Check out", within="#cart")
    for name, value in ADDRESS.items():
        shopper.type(f"main [name={name}]", value)
    shopper.sees("₩57,600", within="#summary")
    shopper.visitor.picture("checkout")
    shopper.press("button", "^Pay ₩57,600", within="#summary")
    shopper.sees("Thank you! Your order is paid.", within="body")
    shopper.visitor.picture("paid")
    order = Order.objects.get(user__email=shopper.way.email)
    assert (order.status, order.total) == (OrderStatus.PAID, TOTAL)
    assert order.address["recipient"] == ADDRESS["recipient"]
    coupon = Coupon.objects.get(user__email=shopper.way.email)
    assert (coupon.pk, coupon.state) == (order.coupon_id, CouponState.USED)
    return order


def follow(shopper: Shopper, order: Order) -> None:
    """See the parcel on its way and delivered, as staff send it."""
    checkout.pack(order_id=order.pk, actor_id=None)
    number = f"CJ-{order.number}"
    checkout.ship(
        order_id=order.pk, carrier="CJ Logistics", tracking_number=number, actor_id=None
    )
    shopper.page.goto("/orders/")
    shopper.sees("Shipped")
    shopper.press("link", order.number)
    shopper.sees(number)
    shopper.visitor.picture("shipped")
    checkout.deliver(order_id=order.pk, actor_id=None)
    shopper.page.reload()
    shopper.sees("Delivered")


def review(shopper: Shopper, order: Order, shelves: Shelves) -> None:
    shopper.press("link", "^Review Celadon Teapot")
    shopper.hand.choose(shopper.page.locator("#rating-5"))
    shopper.type("main [name=text]", TEXT)
    shopper.visitor.picture("review")
    shopper.press("button", "^Send$")
    review_page = re.compile("/review/$")
    expect(shopper.page).not_to_have_url(review_page, timeout=PATIENCE)
    shopper.visitor.picture("reviewed")
    written = Review.objects.get(user__email=shopper.way.email)
    assert (written.product_id, written.rating) == (shelves.teapot.pk, 5)
    assert written.text == TEXT
    assert written.user_id is not None
    ledger = LedgerEntry.objects.of_user(written.user_id).order_by("pk")
    kinds = list(ledger.values_list("kind", "amount"))
    assert kinds == [(EntryKind.CHARGE, TOTAL), (EntryKind.USE, -TOTAL)]
