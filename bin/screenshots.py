"""Takes the README's pictures of a running demo shop.

    python bin/screenshots.py http://127.0.0.1:8000 docs/screenshots

Needs the test requirements (Playwright) and Chromium. It signs in with the demo's
logins, fills a cart and takes an order on the way, so use it on a demo only.
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo.logins import LOGINS

CHROMIUM = "/usr/bin/chromium"
DESK = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
TIMEOUT = 20_000  # milliseconds


def main(base: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        take_storefront(browser, base, folder)
        take_admin(browser, base, folder)
        browser.close()


def take_storefront(browser: Browser, base: str, folder: Path) -> None:
    visits = (
        ("home", DESK, "light", "/", "guest"),
        ("home-dark", DESK, "dark", "/", "guest"),
        ("home-phone", PHONE, "light", "/", "guest"),
        ("product", DESK, "light", "", "guest"),
        ("coupons", DESK, "light", "/coupons/", "shopper"),
        ("order", DESK, "light", "order", "shopper"),
    )
    for name, size, scheme, path, who in visits:
        page = open_page(browser, size, scheme)
        if who == "shopper":
            sign_in(page, base, "shopper")
        if path == "order":
            page.goto(f"{base}/orders/")
            page.locator("main article a, main h2 a").first.click()
        elif path:
            page.goto(base + path)
        else:
            page.goto(base)
            page.locator("main a[href*='/p/']").first.click()
        save(page, folder / f"{name}.jpg")


def take_admin(browser: Browser, base: str, folder: Path) -> None:
    page = open_page(browser, DESK, "light")
    sign_in(page, base, "administrator")
    page.goto(f"{base}/admin/")
    save(page, folder / "admin.jpg")


def open_page(browser: Browser, size: dict[str, int], scheme: str) -> Page:
    context = browser.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    context.set_default_timeout(TIMEOUT)
    return context.new_page()


def sign_in(page: Page, base: str, role: str) -> None:
    email, password = next(
        (email, password) for known, email, password in LOGINS if role in known
    )
    page.goto(f"{base}/accounts/login/")
    page.fill("input[name=login]", email)
    page.fill("input[name=password]", password)
    page.locator("main form button.btn-primary").first.click()
    page.wait_for_load_state()


def save(page: Page, path: Path) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path, type="jpeg", quality=82)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]))
