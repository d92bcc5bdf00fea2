"""Money, points, moments and icons in templates."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from babel.core import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from django import template
from django.conf import settings
from django.core.files.storage import default_storage
from django.template import Context
from django.template.loader import get_template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from catalog.texts import local
from common import pictures
from common.languages import reader_language, reader_locale
from common.memo import Memo
from common.moments import moment_text
from common.money import money
from delivery.promise import Promise
from shop.cards import photo_url
from shop.observing import asks
from shop.seo.head import data_element, head
from shop.seo.pages import products_of
from shop.seo.structured import item_list
from shop.shelves import top_shelves
from shop.storefront import Storefront

register = template.Library()
register.filter("money", money)
register.filter("moment_text", moment_text)
register.filter("local", local)

# Rendering these would cost more than the rest of a list page.
_parts: Memo[tuple[str, str, str], SafeString] = Memo(seconds=60, size=500)
_numbers: Memo[tuple[str | int, ...], SafeString] = Memo(seconds=60, size=1_000)
# Where the header, which is the same for all, has what is somebody's own.
ACTIONS, SEARCH = SafeString("<!--actions-->"), SafeString("<!--search-->")


@register.filter
def points(amount: int) -> str:
    """Write a number of points: ``12,400 P``; the space does not break."""
    return f"{number(amount)}\N{NO-BREAK SPACE}P"


@register.filter
def number(value: int) -> str:
    """Write a number with the separators of the shopper's language."""
    return _number(value, reader_locale())


@register.filter
def percent_off(price: int, before: int) -> int:
    """Return how many percent ``price`` is below ``before``, rounded down."""
    return (before - price) * 100 // before


@register.filter
def moment(value: datetime) -> SafeString:
    """Write a moment as ``<time>``, in the shop's zone and the shopper's language."""
    return _time(value, moment_text(value))


@register.filter
def instant(value: datetime) -> str:
    """Write a moment for machines, to the second: HTML knows no microseconds."""
    return timezone.localtime(value).isoformat(timespec="seconds")


@register.filter
def clock(value: datetime) -> SafeString:
    """Write the time of day of a moment as ``<time>``."""
    return _time(value, _clock(value))


@register.filter
def clock_seconds(value: datetime) -> SafeString:
    """Write the time of day to the second: ``20:00:07``."""
    return _time(value, f"{timezone.localtime(value):%H:%M:%S}")


@register.filter
def day(value: date) -> str:
    """Write a day, or the shop day of a moment: ``Nov 22, 2026``."""
    local = timezone.localtime(value) if isinstance(value, datetime) else value
    return format_date(local, format="medium", locale=reader_locale())


@register.filter
def month_name(first_day: date) -> str:
    """Write a month with its year: ``November 2026``."""
    return format_skeleton("yMMMM", first_day, locale=reader_locale())


@register.filter
def promised(window: Promise) -> str:
    """Write the days on which a parcel may arrive: ``Mon, Nov 23 – Wed, Nov 25``."""
    locale = reader_locale()
    first = format_skeleton("MMMEd", window.earliest, locale=locale)
    if window.earliest == window.latest:
        return first
    return f"{first} – {format_skeleton('MMMEd', window.latest, locale=locale)}"


@register.filter
def arrival_day(window: Promise) -> str:
    """Write the day by which a parcel is there: ``Wed, Nov 25``."""
    return format_skeleton("MMMEd", window.latest, locale=reader_locale())


@register.filter
def subtract(amount: int, other: int) -> int:
    """Return the difference of two integers."""
    return amount - other


@register.filter
def in_full(field_name: str) -> bool:
    """Tell whether a field of an address needs the whole width."""
    return field_name in {"line1", "line2"}


@register.filter
def picture(row: Any) -> str:
    """Return the address of the first picture that a row was annotated with."""
    return photo_url(getattr(row, "photo", None))


@register.simple_tag(takes_context=True)
def seo(context: Context) -> SafeString:
    """Write what search engines and shared links are told about this page."""
    request = context.get("request")
    return head(request, context.get("facts")) if request else SafeString("")


@register.simple_tag
def list_data(cards: Iterable[str]) -> SafeString:
    """Tell search engines which products finished cards show, in their order."""
    return data_element(item_list(products_of(cards)))


@register.filter
def srcset(photo: Any, extension: str) -> str:
    """Return the sizes that a photo has in one format: ``avif`` or ``webp``."""
    return pictures.srcset(_name_of(photo), extension)


@register.filter
def usual_url(photo: Any) -> str:
    """Return the address of a photo for browsers that do not choose a size."""
    return default_storage.url(pictures.usual(_name_of(photo)))


@register.simple_tag(takes_context=True)
def footer(context: Context) -> SafeString:
    """Render the footer, which is the same on all pages in one language and theme."""
    theme = context["storefront"].theme
    values = {
        "theme": theme,
        "languages": settings.LANGUAGES,
        "shop_name": settings.SHOP_NAME,
    }
    return _kept("shop/parts/_footer.html", theme, values)


@register.simple_tag(takes_context=True)
def header(context: Context) -> SafeString:
    """Render announcement, search, the shopper's numbers and the categories."""
    storefront = context["storefront"]
    nav, current = context.get("nav") or "", context.get("current_ids") or []
    place, free_from = f"{nav}|{current[:1]}", storefront.free_delivery_from
    strip = {"nav": nav, "current_ids": current, "shelves": top_shelves()}
    values = {
        "shop_name": storefront.name,
        "free_from": free_from,
        "search": SEARCH,
        "actions": ACTIONS,
        "categories": _kept("shop/parts/_categories.html", place, strip),
    }
    frame = _kept("shop/parts/_header.html", f"{place}|{free_from}", values)
    # What was typed comes last: nothing in it is taken for a place to fill.
    filled = frame.replace(ACTIONS, _actions(storefront))
    return SafeString(filled.replace(SEARCH, _search(context.get("search_text") or "")))


def _actions(storefront: Storefront) -> SafeString:
    counts, is_signed_in = storefront.counts, storefront.is_signed_in
    shown = (counts.points, counts.coupons, counts.unread, counts.in_cart)
    values = {"counts": counts, "is_signed_in": is_signed_in}
    template = "shop/parts/_actions.html"
    if not is_signed_in:
        return _kept(template, str(counts.in_cart), values)
    # Everybody has other numbers: kept with the rest they would push it out.
    key = (reader_language(), *shown)
    return _numbers.get_or_make(key, lambda: _rendered(template, values))


def _search(text: str) -> SafeString:
    template, values = "shop/parts/_search.html", {"search_text": text}
    return _rendered(template, values) if text else _kept(template, "", values)


@register.simple_tag(takes_context=True)
def consent(context: Context) -> SafeString:
    """Ask who has not been asked yet whether they may be observed."""
    request = context.get("request")
    if request is None or not asks(request):
        return SafeString("")
    page = get_template("shop/parts/_consent.html")
    return SafeString(page.render({"request": request}))


@register.simple_tag(takes_context=True)
def bottom_bar(context: Context) -> SafeString:
    """Render the links at the bottom of small screens."""
    nav, in_cart = context.get("nav") or "", context["storefront"].counts.in_cart
    values = {"nav": nav, "in_cart": in_cart}
    return _kept("shop/parts/_bottom_bar.html", f"{nav}|{in_cart}", values)


@register.simple_tag
def shop_name() -> str:
    """Return what the shop is called, where there is no request to ask."""
    return str(settings.SHOP_NAME)


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite; it only decorates the words beside it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false">'
        '<use href="{}#{}"/></svg>',
        static("img/icons.svg"),
        name,
    )


@register.simple_tag
def star_bar(average: Decimal) -> SafeString:
    """Draw a rating as five stars, filled as far as it goes."""
    return _star_bar(round(average * 10))


@cache
def _star_bar(tenths: int) -> SafeString:
    sprite = static("img/icons.svg")
    width = tenths * 12 // 5
    return format_html(
        '<svg class="star-bar" viewBox="0 0 120 24" aria-hidden="true">'
        '<use href="{0}#stars"/><svg width="{1}" height="24">'
        '<use href="{0}#stars" width="120" height="24"/></svg></svg>',
        sprite,
        width,
    )


def _name_of(photo: Any) -> str:
    # Rows of lists carry their photo as JSON, pages of one product have the model's.
    return str(photo["image"] if isinstance(photo, dict) else photo.image)


def _kept(template: str, mark: str, values: dict[str, Any]) -> SafeString:
    key = (template, reader_language(), mark)
    return _parts.get_or_make(key, lambda: _rendered(template, values))


def _rendered(template: str, values: dict[str, Any]) -> SafeString:
    return SafeString(get_template(template).render(values))


def _time(value: datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', instant(value), text)


def _clock(value: datetime) -> str:
    return format_skeleton("Hm", timezone.localtime(value), locale=reader_locale())


@lru_cache(maxsize=4096)
def _number(value: int, locale: str) -> str:
    return format_decimal(value, locale=Locale.parse(locale))
