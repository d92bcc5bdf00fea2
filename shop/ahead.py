"""Which pages a browser may fetch before their link is pressed."""

import json
from functools import cache

from django.utils.safestring import SafeString, mark_safe

# A page behind one of these is somebody's own, or does something by being asked for.
NEVER = (
    "cart checkout orders pay sandbox points notifications account accounts wishlist "
    "recent back privacy api admin _allauth media static .well-known"
)


@cache
def rules() -> SafeString:
    """Write the rules for a page.

    A header could name a file of them, which browsers ask for at once: it took the only
    connection that was open, and the stylesheet waited for another.
    """
    conditions = [
        {"href_matches": "/*"},
        {"not": {"href_matches": [f"/{name}/*" for name in NEVER.split()]}},
        {"not": {"selector_matches": "[download], [data-dialog], [rel~=nofollow]"}},
    ]
    rule = {"where": {"and": conditions}, "eagerness": "moderate"}
    written = json.dumps({"prefetch": [rule]}, separators=(",", ":"))
    return mark_safe(f'<script type="speculationrules">{written}</script>')  # noqa: S308 — ours
