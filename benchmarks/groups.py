"""All groups of benchmarks, in the order in which they run."""

from benchmarks import coupon_drop, purchases
from benchmarks.runs import Group

GROUPS: dict[str, Group] = {
    "checkout": purchases.distinct,
    "hot": purchases.hot,
    "coupons": coupon_drop.drop,
}


def describe(name: str) -> str:
    """Return the name of a group and its first sentence."""
    return f"{name}: {(GROUPS[name].__doc__ or '').splitlines()[0]}"
