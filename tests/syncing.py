"""An app that keeps a copy of what is its shopper's."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import orjson

from accounts.models import User
from api.renderers import dump
from api.v1.sync import page_of

# By which member things of each list are known.
KEYS = {
    "addresses": "id",
    "orders": "id",
    "entries": "id",
    "coupons": "id",
    "notifications": "id",
    "wishlist": "product_id",
    "reviews": "id",
}
LIST_OF = {"address": "addresses", "wish": "wishlist", "review": "reviews"}
WHOLE = ("profile", "points", "cart")
Body = dict[str, Any]


class Copy:
    """Does with each page what the description of the API says."""

    def __init__(self, read: Callable[[str | None, int], Body]) -> None:
        self.read = read
        self.cursor: str | None = None
        self.rows: dict[str, dict[Any, Body]] = {}
        self.whole: dict[str, Any] = {}

    @property
    def state(self) -> dict[str, Any]:
        return deepcopy(self.rows | self.whole)

    def pull(self, *, limit: int = 100) -> list[Body]:
        """Read on until there is no more; return the pages."""
        pages = [self._next(limit)]
        while pages[-1]["has_more"]:
            pages.append(self._next(limit))
        return pages

    def _next(self, limit: int) -> Body:
        body = self.read(self.cursor, limit)
        if body["starts_anew"]:
            self.rows = {name: {} for name in KEYS}
            self.whole = {}
        for gone in body["deleted"]:
            self.rows[LIST_OF[gone["kind"]]].pop(gone["id"], None)
        for name, key in KEYS.items():
            self.rows[name] |= {one[key]: one for one in body[name]}
        self.whole |= {name: body[name] for name in WHOLE if body[name] is not None}
        self.cursor = body["cursor"]
        return body


def copy_of(user: User) -> Copy:
    """Return an app of a shopper's that has read nothing yet."""

    def read(cursor: str | None, limit: int) -> Body:
        body: Body = orjson.loads(dump(page_of(user, cursor, limit=limit)))
        return body

    return Copy(read)


def state_now(user: User) -> dict[str, Any]:
    """Return what an app has to know by now."""
    fresh = copy_of(user)
    fresh.pull()
    return fresh.state
