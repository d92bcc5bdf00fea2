"""A wishlist as its page shows it: products with today's facts."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from catalog.texts import local_name
from common.errors import DomainError
from inventory.models import RestockAlert
from shop import undoing
from shop.cards import CardRow, first_photo, photo_url, render_cards
from shop.paging import Page, first_rows
from wishlist import services as wishlists
from wishlist.models import WishlistItem
from wishlist.services import Removed

PAGE = 24
# What somebody wished for before they signed in, by product id.
WISHED_BEFORE = "wished"
MOST_BEFORE = 20
# Lets whoever removed something put it back as it was.
_UNDO_SALT = "shop.wishlist"


@dataclass(frozen=True)
class WishLine:
    """A product on the list as it is sold right now."""

    product_id: int
    name: str
    slug: str
    card: SafeString
    photo: dict[str, Any] | None
    photo_url: str
    price: int
    price_when_saved: int
    is_on_sale: bool
    available: int
    is_awaited: bool

    @property
    def cheaper_by(self) -> int:
        return max(0, self.price_when_saved - self.price) if self.is_on_sale else 0

    @property
    def dearer_by(self) -> int:
        return max(0, self.price - self.price_when_saved) if self.is_on_sale else 0

    @property
    def is_sold_out(self) -> bool:
        return self.is_on_sale and self.available <= 0

    @property
    def can_be_bought(self) -> bool:
        return self.is_on_sale and self.available > 0


@dataclass(frozen=True)
class WishlistView:
    """A page of the list, newest first; ``older`` is where the next one begins."""

    lines: list[WishLine]
    older: int | None

    @property
    def can_add_all(self) -> bool:
        return any(line.can_be_bought for line in self.lines)


def read_wishlist(user_id: int, *, before: int | None = None) -> WishlistView:
    """Read a page of the shopper's list."""
    items = (
        WishlistItem.objects.of_user(user_id)
        .newest_first()
        .select_related("product")
        .defer("product__description")
        .annotate(
            photo=first_photo("product"),
            local_name=local_name("product"),
            available=F("product__stock__on_hand") - F("product__stock__reserved"),
        )
    )
    page = first_rows(
        items if before is None else items.filter(pk__lt=before), size=PAGE
    )
    older = page.rows[-1].pk if page.has_older else None
    return WishlistView(_lines(page, user_id), older)


def _lines(page: Page[WishlistItem], user_id: int) -> list[WishLine]:
    now = timezone.now()
    on_sale = [item for item in page.rows if item.product.is_on_sale(now)]
    rows = [
        CardRow(item.product_id, item.product.version, _available(item))
        for item in on_sale
    ]
    ids = [row.id for row in rows]
    cards = dict(zip(ids, render_cards(rows, wished=ids), strict=True))
    awaited = _awaited(user_id, [row.id for row in rows if not row.available])
    return [_line(item, now, cards, awaited) for item in page.rows]


def _line(
    item: WishlistItem,
    now: datetime,
    cards: dict[int, SafeString],
    awaited: set[int],
) -> WishLine:
    photo: dict[str, Any] | None = getattr(item, "photo", None)
    return WishLine(
        product_id=item.product_id,
        name=getattr(item, "local_name", ""),
        slug=item.product.slug,
        card=cards.get(item.product_id, SafeString("")),
        photo=photo,
        photo_url=photo_url(photo),
        price=item.product.price,
        price_when_saved=item.price_when_saved,
        is_on_sale=item.product.is_on_sale(now),
        available=_available(item),
        is_awaited=item.product_id in awaited,
    )


def _available(item: WishlistItem) -> int:
    return getattr(item, "available", None) or 0


def _awaited(user_id: int, product_ids: list[int]) -> set[int]:
    if not product_ids:
        return set()
    alerts = RestockAlert.objects.open().of(user_id=user_id, email="")
    asked = alerts.filter(product__in=product_ids)
    return set(asked.values_list("product_id", flat=True))


def wish_later(request: HttpRequest, product_id: int) -> None:
    """Remember what a guest wished for until they have signed in."""
    before = [one for one in _before(request) if one != product_id]
    request.session[WISHED_BEFORE] = [*before, product_id][-MOST_BEFORE:]


def keep_wishes(request: HttpRequest, user_id: int) -> int:
    """Save what was wished for before signing in; return how many were new."""
    wished = _before(request)
    request.session.pop(WISHED_BEFORE, None)
    return sum(_was_saved(user_id, product_id) for product_id in wished)


def _was_saved(user_id: int, product_id: int) -> bool:
    try:
        return wishlists.save(user_id=user_id, product_id=product_id)
    except DomainError:
        # Sold no more, or no room: nobody is kept from signing in for that.
        return False


def _before(request: HttpRequest) -> list[int]:
    before: list[int] = request.session.get(WISHED_BEFORE, [])
    return before


def sign_removed(removed: Removed) -> str:
    """Return what lets the shopper put back what they have just removed."""
    saved_at = removed.saved_at.isoformat()
    facts = [removed.product_id, removed.price_when_saved, saved_at]
    return undoing.token(facts, salt=_UNDO_SALT)


def read_removed(token: str) -> Removed | None:
    """Return what was removed; ``None`` if the token is old or not ours."""
    facts = undoing.facts_of(token, salt=_UNDO_SALT)
    if facts is None:
        return None
    product_id, price, saved_at = facts
    return Removed(product_id, price, datetime.fromisoformat(saved_at))
