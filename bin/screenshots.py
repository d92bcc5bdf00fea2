"""Takes the README's pictures of the demo shop, in both widths and both colours.

    python bin/screenshots.py docs/screenshots [http://127.0.0.1:8000]

Needs the test requirements (Playwright) and Chromium. Without an address it starts the
shop as the audit does. It signs in with the demo's logins and fills a cart on the way,
so use it on a demo only.
"""

import io
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import django
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "audit.settings")
django.setup()

from audit import shop, tools  # noqa: E402
from demo.logins import ADMINISTRATOR, MINJI, Login  # noqa: E402

WIDTHS = {"desk": (1280, 860), "phone": (390, 844)}
SCHEMES = ("light", "dark")
TIMEOUT = 60_000  # milliseconds
QUALITY = 70
# All of them together, or a clone takes long.
MOST_BYTES = 1_500_000


def main(folder: Path, url: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    program = tools.chromium()
    with (
        nullcontext(url) if url else shop.running() as base,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"]
        )
        take_storefront(browser, base, folder)
        take_admin(browser, base, folder)
        browser.close()
    size = sum(file.stat().st_size for file in folder.glob("*.webp"))
    print(f"{folder}: {size:,} bytes")
    assert size <= MOST_BYTES, f"The pictures are larger than {MOST_BYTES:,} bytes."


def take_storefront(browser: Browser, base: str, folder: Path) -> None:
    for width in WIDTHS:
        for scheme in SCHEMES:
            page = open_page(browser, width, scheme)
            sign_in(page, base, MINJI)
            for name, visit in VISITS.items():
                visit(page, base)
                save(page, folder / f"{name}-{width}-{scheme}.webp")
            page.context.close()


def take_admin(browser: Browser, base: str, folder: Path) -> None:
    page = open_page(browser, "desk", "light")
    sign_in(page, base, ADMINISTRATOR)
    page.goto(f"{base}/admin/")
    save(page, folder / "admin.webp")


def open_page(browser: Browser, width: str, scheme: str) -> Page:
    wide, high = WIDTHS[width]
    context = browser.new_context(
        viewport={"width": wide, "height": high},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        locale="en",
    )
    context.set_default_timeout(TIMEOUT)
    return context.new_page()


def sign_in(page: Page, base: str, login: Login) -> None:
    page.goto(f"{base}/accounts/login/")
    page.fill("input[name=login]", login.email)
    page.fill("input[name=password]", login.password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)


def home(page: Page, base: str) -> None:
    page.goto(base)


def product(page: Page, base: str) -> None:
    """Show the best seller: it has reviews and a price that explains itself."""
    page.goto(f"{base}/best/")
    page.goto(base + (page.locator(PRODUCT_LINK).first.get_attribute("href") or "/"))


def cart(page: Page, base: str) -> None:
    """Show a cart; the first look fills it."""
    page.goto(f"{base}/cart/")
    if page.locator(".cart-line").count():
        return
    page.goto(f"{base}/best/")
    links = page.locator(PRODUCT_LINK)
    for path in {links.nth(n).get_attribute("href") for n in range(8)}:
        page.goto(f"{base}{path}")
        page.locator("#buy button").first.click()
        page.wait_for_load_state("networkidle")
    page.goto(f"{base}/cart/")


def coupons(page: Page, base: str) -> None:
    page.goto(f"{base}/coupons/")


def tracking(page: Page, base: str) -> None:
    """Show an order whose parcel is under way."""
    page.goto(f"{base}/orders/?status=shipped")
    if not page.locator(ORDER_LINK).count():
        page.goto(f"{base}/orders/")
    page.goto(base + (page.locator(ORDER_LINK).first.get_attribute("href") or "/"))


PRODUCT_LINK = "main a[href*='/p/']"
ORDER_LINK = "main h2 a[href*='/orders/']"
VISITS: dict[str, Callable[[Page, str], None]] = {
    "home": home,
    "product": product,
    "cart": cart,
    "coupons": coupons,
    "tracking": tracking,
}


def save(page: Page, path: Path) -> None:
    page.wait_for_load_state("networkidle")
    image = Image.open(io.BytesIO(page.screenshot(type="png")))
    image.convert("RGB").save(path, "WEBP", quality=QUALITY, method=6)
    print(path.name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *[url.rstrip("/") for url in sys.argv[2:3]])
