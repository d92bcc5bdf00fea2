"""Proves that nothing is missing, with the shop's manifests; pulls what is."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

import urllib3

from demo.receiver.messages import Event
from demo.receiver.store import Store, digest

ORDERS = "/api/v1/stream/orders"
MANIFEST = "/api/v1/stream/manifest"
SIGN_IN = "/api/v1/auth/token"
PAGE = 1_000
SECONDS = 30
# Of a day that goes on: orders arrive while it is looked at.
LOOKS = 3
BUSY = frozenset({429, 503})
Say = Callable[[str], object]


class ShopRefuses(Exception):
    """The shop does not answer what it is asked."""


class Shop:
    """The shop's stream, read by an account that may see events."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url.rstrip("/")
        self._login = {"email": user, "password": password}
        self._token = ""

    def stream(self, *, after: int, limit: int = PAGE) -> dict[str, Any]:
        """Return a page: its events as ``items``, the newest number."""
        return self._get(f"{ORDERS}?after={after}&limit={limit}")

    def manifest(self, day: str) -> dict[str, Any]:
        """Return what the stream holds of a shop day."""
        return self._get(f"{MANIFEST}?day={day}")

    def between(self, first: int, last: int) -> Iterator[list[Event]]:
        """Yield pages of the events from number ``first`` to ``last``."""
        after = first - 1
        while after < last:
            items = self.stream(after=after, limit=min(PAGE, last - after))["items"]
            if not items:
                return
            yield items
            after = int(items[-1]["sequence"])

    def _get(self, path: str) -> dict[str, Any]:
        if not self._token:
            self._sign_in()
        reply = self._request("GET", path)
        if reply.status == HTTPStatus.UNAUTHORIZED:  # a token lives for minutes
            self._sign_in()
            reply = self._request("GET", path)
        return self._read(path, reply)

    def _sign_in(self) -> None:
        self._token = ""
        reply = self._request("POST", SIGN_IN, json=self._login)
        self._token = self._read(SIGN_IN, reply)["access"]

    def _request(self, method: str, path: str, **body: Any) -> Any:
        token = {"authorization": f"Bearer {self._token}"} if self._token else {}
        for _ in range(LOOKS):
            reply = urllib3.request(
                method,
                self._url + path,
                headers=token,
                timeout=SECONDS,
                # A token goes where it was told to, and nowhere else.
                redirect=False,
                retries=False,
                **body,
            )
            if reply.status not in BUSY:
                break
            time.sleep(1)
        return reply

    def _read(self, path: str, reply: Any) -> dict[str, Any]:
        if reply.status != HTTPStatus.OK:
            raise ShopRefuses(f"{path}: HTTP {reply.status}")
        found: dict[str, Any] = reply.json()
        return found


@dataclass
class Proof:
    """What a look at all days has come to."""

    days: int = 0
    counted: int = 0
    pulled: int = 0
    is_complete: bool = True


def prove(store: Store, shop: Shop, *, day: date | None, say: Say) -> Proof:
    """Compare the store with the shop's manifests; pull what is missing.

    Without ``day`` all of the stream is looked at, from its first event to today.
    """
    proof = Proof()
    newest = shop.manifest(str(day or _today(shop)))
    kind, last = newest["type"], shop.stream(after=0, limit=1)["last_sequence"]
    if day is None:
        for first, end in store.gaps(kind, last):
            proof.pulled += _pull(store, shop, first, end)
    for one in [day] if day else _days(store, newest):
        _prove_day(store, shop, one, proof, say)
    if day is None and proof.counted < last:
        proof.is_complete = False
        say(f"the days hold {proof.counted} of {last} events")
    return proof


def _prove_day(store: Store, shop: Shop, day: date, proof: Proof, say: Say) -> None:
    pulled = 0
    for _ in range(LOOKS):
        manifest = shop.manifest(str(day))
        is_same = _is_same(store, manifest)
        if is_same or not manifest["count"]:
            break
        first, last = manifest["first_sequence"], manifest["last_sequence"]
        pulled += _pull(store, shop, first, last)
    proof.days += 1
    proof.counted += manifest["count"]
    proof.pulled += pulled
    proof.is_complete &= is_same
    state = "complete" if is_same else "DIFFERS"
    so_far = "" if manifest["is_final"] else " so far"
    say(f"{day}: {manifest['count']} events{so_far}, {state}, {pulled} pulled")


def _is_same(store: Store, manifest: dict[str, Any]) -> bool:
    ids = store.ids(manifest["type"], manifest["start"], manifest["end"])
    if not manifest["is_final"]:
        # Some may have been pushed since the manifest was made.
        ids = [row for row in ids if row[0] <= (manifest["last_sequence"] or 0)]
    numbers = [sequence for sequence, _id in ids]
    ends = (numbers[0], numbers[-1]) if numbers else (None, None)
    return (
        len(ids) == manifest["count"]
        and ends == (manifest["first_sequence"], manifest["last_sequence"])
        and digest([one for _sequence, one in ids]) == manifest["sha256"]
    )


def _pull(store: Store, shop: Shop, first: int, last: int) -> int:
    return sum(store.append(events) for events in shop.between(first, last))


def _days(store: Store, newest: dict[str, Any]) -> list[date]:
    """Return the shop days from that of the oldest event to the one of ``newest``."""
    last = date.fromisoformat(newest["day"])
    oldest = store.first_time(newest["type"])
    if oldest is None:
        return [last]
    first = oldest.astimezone(ZoneInfo(newest["time_zone"])).date()
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _today(shop: Shop) -> date:
    """Return the shop's day of this moment, which need not be ours."""
    here = datetime.now().astimezone().date()
    zone = ZoneInfo(shop.manifest(str(here))["time_zone"])
    return datetime.now(tz=zone).date()
