"""The markup of a product list: rendered once for the same products, then only sent."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.template.loader import get_template
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from analytics.selectors import best_sellers
from common.languages import reader_language
from common.memo import Memo
from shop.asked import Asked, sorts_for
from shop.cards import FIRST_ROW, arrival_key, render_cards, stock_step
from shop.facets import chips, panel, show_label
from shop.listing import Listing, meant, unfiltered, ways_out
from shop.shelves import Shelf, top_shelves
from shop.views.home import ranked_cards

LISTING = "shop/products/listing.html"

_kept: Memo[tuple[object, ...], SafeString] = Memo(seconds=30, size=300)


@dataclass(frozen=True)
class ListPage:
    """A list as one shopper sees it, at an address."""

    path: str
    asked: Asked
    shelf: Shelf | None
    listing: Listing
    # What whoever looks has saved of what is on this page.
    wished: frozenset[int] = frozenset()

    @property
    def title(self) -> str:
        if self.shelf is not None:
            return self.shelf.name
        if self.asked.text:
            words = self.listing.corrected or self.asked.text
            return _("Results for “%(text)s”") % {"text": words}
        return _("All products")

    @cached_property
    def links(self) -> dict[str, str | None]:
        """The addresses of the pages before and after this one."""
        page, last = self.listing.page, self.listing.last_page
        return {
            "previous_url": self.asked.url(page=page - 1) if page > 1 else None,
            "next_url": self.asked.url(page=page + 1) if page < last else None,
        }

    @property
    def mark(self) -> tuple[object, ...]:
        """What the markup depends on: pages with the same mark look the same."""
        listing = self.listing
        cards = tuple(
            (row.id, row.version, stock_step(row.available)) for row in listing.rows
        )
        facts = (listing.count, listing.is_capped, listing.corrected)
        asked = (self.path, self.asked, self.asked.is_swapped)
        days = arrival_key(timezone.now())
        return (reader_language(), days, self.wished, *asked, *facts, cards)

    def markup(self, template: str, *, is_open: bool = False) -> SafeString:
        """Render the list, or the part of it that follows when more is shown."""
        asked, listing = self.asked, self.listing
        context: dict[str, Any] = {
            "path": self.path,
            "asked": asked,
            "title": self.title,
            "listing": listing,
            "cards": render_cards(listing.rows, eager=FIRST_ROW, wished=self.wished),
            "panel": panel(asked, self.shelf, listing.facets),
            "show": show_label(listing.count, is_capped=listing.is_capped),
            "is_open": is_open,
            "sorts": sorts_for(asked.text),
            "chips": chips(asked),
            "clear_url": asked.without_filters().url(),
            "exact_url": asked.url(is_exact=True),
            **self.links,
        }
        if not listing.rows:
            context |= self._nothing()
        return SafeString(get_template(template).render(context))

    def _nothing(self) -> dict[str, Any]:
        words = meant(self.asked) if self.asked.is_exact else None
        meant_url = self.asked.url(text=words, is_exact=False) if words else None
        return {
            "ways_out": ways_out(self.asked, self.shelf),
            "unfiltered": unfiltered(self.asked, self.shelf),
            "meant": words,
            "meant_url": meant_url,
            **elsewhere(self.wished),
        }


def kept_markup(page: ListPage) -> SafeString:
    """Return the list of a page, rendered anew once anything on it has changed."""
    return _kept.get_or_make(page.mark, lambda: page.markup(LISTING))


def elsewhere(wished: Collection[int] = ()) -> dict[str, Any]:
    """Return where to go on from a page with no products of its own."""
    best = ranked_cards(best_sellers(), wished=wished)
    return {"best": best, "shelves": top_shelves()}
