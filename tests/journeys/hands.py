"""How somebody uses a page: with a mouse or finger, or with the keyboard alone."""

from typing import Protocol

from playwright.sync_api import Locator, Page, expect

# No page of the shop has more stops than this between two that a journey needs.
MOST_STOPS = 400
PATIENCE = 60_000  # milliseconds; machines may be slow
# Whether a step's target has the focus; a label's is what it labels.
HAS_FOCUS = "target => document.activeElement === target"
# What shows where one is: a ring, around the element or what stands for it.
SHOWS_FOCUS = """() => {
    const rings = element => {
        const style = element && getComputedStyle(element);
        return style && (style.boxShadow !== "none"
            || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0));
    };
    const here = document.activeElement;
    return [here, here.parentElement, here.nextElementSibling,
        here.closest("label, li, form, .option")].some(rings);
}"""


class Hand(Protocol):
    """Presses, types and chooses on one page."""

    def press(self, target: Locator) -> None:
        """Follow a link, push a button."""

    def type(self, target: Locator, text: str) -> None:
        """Replace what a field holds."""

    def choose(self, target: Locator) -> None:
        """Take one of several."""


class Pointer:
    """Somebody with a mouse or a finger."""

    def press(self, target: Locator) -> None:
        target.click()

    def type(self, target: Locator, text: str) -> None:
        target.fill(text)

    def choose(self, target: Locator) -> None:
        # Some are hidden behind the label that stands for them.
        target.page.locator(f"label[for={target.get_attribute('id')}]").click()
        expect(target).to_be_checked()


class Keys:
    """Somebody with nothing but a keyboard, who has to see where they are."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, target: Locator) -> None:
        self._reach(target)
        self._page.keyboard.press("Enter")

    def type(self, target: Locator, text: str) -> None:
        self._reach(target)
        self._page.keyboard.press("ControlOrMeta+a")
        self._page.keyboard.type(text)

    def choose(self, target: Locator) -> None:
        """Go to the group by Tab and through it by arrow keys."""
        name = target.get_attribute("name")
        # A group is one stop: at what is chosen in it, else at its first.
        chosen = self._page.locator(f"[name={name}]:checked")
        stop = chosen if chosen.count() else self._page.locator(f"[name={name}]").first
        self._reach(stop)
        self._page.keyboard.press("Space")
        for _ in range(self._page.locator(f"[name={name}]").count()):
            if target.is_checked():
                return
            self._page.keyboard.press("ArrowDown")
        expect(target).to_be_checked()

    def _reach(self, target: Locator) -> None:
        """Press Tab until the target has the focus, and can be seen to have it."""
        expect(target).to_be_visible(timeout=PATIENCE)
        for _ in range(MOST_STOPS):
            if self._has_focus(target):
                assert self._page.evaluate(SHOWS_FOCUS), f"{target} shows no focus"
                return
            self._page.keyboard.press("Tab")
        raise AssertionError(f"{target} cannot be reached by Tab")

    def _has_focus(self, target: Locator) -> bool:
        """Tell whether it has the focus, and keeps it when all answers are there.

        Leaving a field may ask the shop for a new sum, and its answer may put a new
        button in the place of the one that Tab has just reached.
        """
        if not target.evaluate(HAS_FOCUS):
            return False
        expect(self._page.locator(".htmx-request")).to_have_count(0, timeout=PATIENCE)
        return bool(target.evaluate(HAS_FOCUS))
