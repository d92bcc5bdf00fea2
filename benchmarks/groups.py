"""All groups of benchmarks, in the order in which they run."""

from benchmarks import (
    coupon_drop,
    expiry,
    lists,
    purchases,
    relay,
    sales,
    search,
    web_purchases,
)
from benchmarks.runs import Group

GROUPS: dict[str, Group] = {
    "checkout": purchases.distinct,
    "hot": purchases.hot,
    "coupons": coupon_drop.drop,
    "http": web_purchases.by_http,
    "api": lists.api_lists,
    "html": lists.html_pages,
    "sales": sales.rollup,
    "search": search.search,
    "relay": relay.relay,
    "expiry": expiry.expiry,
}


def describe(name: str) -> str:
    """Return the name of a group and its first sentence."""
    return f"{name}: {(GROUPS[name].__doc__ or '').splitlines()[0]}"
