"""What changed for a shopper since their app last asked: nothing is ever missed.

PostgreSQL notes in every row which transaction wrote it (``xmin``), and tells which of
them are still running. A round of reading tells of what was written by transactions
from a number on; the next one begins at the oldest that was still running before this
one read anything. Whatever commits late is then told of twice rather than never, and no
writer does anything for it. See ``docs/adr`` for what follows from that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any
from uuid import UUID

from django.core import signing

from api.errors import CursorExpired, CursorInvalid
from common.db import run
from common.tombstones import KEPT

SALT = "api.sync"
# Raised when cursors of before cannot be read any more.
VERSION = 1
# In a row the number of a transaction has 32 bits, and begins anew after the last one.
NUMBERS = 2**32
# What began after the look at the clock may be told of at once, too.
AHEAD = 2**20
# Which database that is: numbers of another one, of a restored or of a promoted one say
# nothing here.
SNAPSHOT_SQL = """
    SELECT pg_snapshot_xmin(snapshot)::text::bigint,
           pg_snapshot_xmax(snapshot)::text::bigint,
           extract(epoch FROM now())::bigint,
           concat_ws('.', cluster.system_identifier, history.timeline_id, own.oid)
      FROM pg_current_snapshot() AS snapshot, pg_control_system() AS cluster,
           pg_control_checkpoint() AS history, pg_database AS own
     WHERE own.datname = current_database()
"""
FRESH = (
    "((({row}.xmin::text::bigint - %(since)s::bigint) & 4294967295) < %(span)s::bigint)"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a shopper's, and what else is shown with them.

    ``table`` and ``also`` are SQL; in ``also`` each ``fresh(x)`` asks whether a row of
    that alias is.
    """

    name: str
    table: str
    owner: str = "user_id"
    key: str = "id"
    key_type: str = "bigint"
    also: tuple[str, ...] = ()
    condition: str = "true"

    def sql(self, rank: int, *, is_all: bool) -> str:
        """Return the keys that are due, the lowest first."""
        due = ["fresh(one)", *self.also]
        wanted = "true" if is_all else " OR ".join(due)
        for alias in ("one", *ALIASES):
            wanted = wanted.replace(f"fresh({alias})", FRESH.format(row=alias))
        return f"""(
            SELECT {rank} AS rank, one.{self.key}::text AS key
              FROM {self.table} AS one
             WHERE one.{self.owner} = %(user_id)s::bigint AND {self.condition}
               AND one.{self.key} > %(after{rank})s::{self.key_type} AND ({wanted})
             ORDER BY one.{self.key} LIMIT %(rows)s::bigint)"""  # noqa: S608 — our own text


ALIASES = ("other", "parcel", "refund", "part")
TOMBSTONES = 0
SOURCES: tuple[Source, ...] = (
    # What came back since it was deleted is told of below, and there may be no trace of
    # that having happened after the deletion.
    Source(
        "deleted",
        "common_tombstone",
        condition="""
            NOT (one.kind = 'wish' AND EXISTS (
                 SELECT FROM wishlist_wishlistitem AS wish
                  WHERE wish.user_id = one.user_id
                    AND wish.product_id = one.object_id))""",
    ),
    Source("addresses", "accounts_address"),
    Source(
        "orders",
        "orders_order",
        key_type="uuid",
        also=(
            """EXISTS (SELECT FROM payments_payment AS other
                        WHERE other.order_id = one.id AND fresh(other))""",
            """EXISTS (SELECT FROM orders_orderevent AS other
                        WHERE other.order_id = one.id AND fresh(other))""",
            """EXISTS (SELECT FROM orders_fulfilment AS parcel
                         LEFT JOIN orders_fulfilmentline AS part
                           ON part.fulfilment_id = parcel.id
                         LEFT JOIN orders_fulfilmentevent AS other
                           ON other.fulfilment_id = parcel.id
                        WHERE parcel.order_id = one.id
                          AND (fresh(parcel) OR fresh(part) OR fresh(other)))""",
            """EXISTS (SELECT FROM payments_refund AS refund
                         LEFT JOIN payments_refundline AS part
                           ON part.refund_id = refund.id
                         LEFT JOIN payments_refundleg AS other
                           ON other.refund_id = refund.id
                        WHERE refund.order_id = one.id
                          AND (fresh(refund) OR fresh(part) OR fresh(other)))""",
            """EXISTS (SELECT FROM orders_return AS other
                         LEFT JOIN orders_returnline AS part
                           ON part.parent_id = other.id
                        WHERE other.order_id = one.id
                          AND (fresh(other) OR fresh(part)))""",
        ),
    ),
    Source("entries", "points_ledgerentry", owner="account_id", key="sequence"),
    Source(
        "coupons",
        "coupons_coupon",
        also=(
            """EXISTS (SELECT FROM coupons_couponbatch AS other
                        WHERE other.id = one.batch_id AND fresh(other))""",
        ),
    ),
    Source("notifications", "notifications_notification"),
    Source("wishlist", "wishlist_wishlistitem"),
    Source(
        "reviews",
        "reviews_review",
        # The name that is shown above it.
        also=(
            """EXISTS (SELECT FROM accounts_user AS other
                        WHERE other.id = one.user_id AND fresh(other))""",
        ),
    ),
)
LOWEST = {"bigint": "0", "uuid": str(UUID(int=0))}


@dataclass(frozen=True, slots=True)
class Now:
    """A moment of the database: numbers of transactions, UTC in seconds, and its name.

    ``oldest`` is the oldest transaction that is still running, ``next`` the one that
    comes next.
    """

    oldest: int
    next: int
    at: int
    where: str


@dataclass(frozen=True, slots=True)
class Place:
    """How far an app has read.

    The round tells of transactions from ``since`` on (``None``: of everything), and the
    next one will begin at ``upto``. ``rank`` and ``key`` are the last thing that was
    told; ``rank`` is -1 before the first. The digests are of what is always whole.
    """

    since: int | None
    since_at: int
    upto: int
    upto_at: int
    rank: int
    key: str
    digests: tuple[str, ...]

    @property
    def is_at_beginning(self) -> bool:
        return self.rank < TOMBSTONES

    @property
    def is_over(self) -> bool:
        return self.rank == len(SOURCES)

    @property
    def needed(self) -> tuple[int, int]:
        """The oldest transaction that has yet to be told of, and when that was."""
        if self.since is None or self.is_over:
            return self.upto, self.upto_at
        return self.since, self.since_at


@dataclass(frozen=True, slots=True)
class Due:
    """What comes next, as keys by the name of their source, and where that ends."""

    keys: Mapping[str, Sequence[str]]
    place: Place
    has_more: bool


def now() -> Now:
    """Look at the database's clock, before anything else is read."""
    [row] = run(SNAPSHOT_SQL, {}).rows()
    return Now(*row)


def begin(user_id: int, cursor: str | None, moment: Now) -> Place:
    """Return where to read on; raise ``CursorInvalid`` or ``CursorExpired``."""
    if not cursor:
        return Place(None, moment.at, moment.oldest, moment.at, -1, "", ())
    place = _read(user_id, cursor, moment)
    if not place.is_over:
        return place
    return Place(
        place.upto, place.upto_at, moment.oldest, moment.at, -1, "", place.digests
    )


def due(user_id: int, place: Place, moment: Now, *, limit: int) -> Due:
    """Return the next keys that an app has to hear of, at most ``limit``."""
    is_all = place.since is None
    first = max(place.rank, TOMBSTONES + 1 if is_all else TOMBSTONES)
    ranks = range(first, len(SOURCES))
    sql = " UNION ALL ".join(SOURCES[rank].sql(rank, is_all=is_all) for rank in ranks)
    params: dict[str, Any] = {"user_id": user_id, "rows": limit + 1}
    params |= {f"after{rank}": LOWEST[SOURCES[rank].key_type] for rank in ranks}
    if place.rank in ranks:
        params[f"after{place.rank}"] = place.key
    if place.since is not None:
        params |= {
            "since": place.since % NUMBERS,
            "span": moment.next - place.since + AHEAD,
        }
    found = sorted(run(sql, params).rows(), key=_in_order)
    told = found[:limit]
    has_more = len(found) > limit
    rank, key = told[-1] if has_more else (len(SOURCES), "")
    keys: dict[str, list[str]] = {}
    for source, one in told:
        keys.setdefault(SOURCES[source].name, []).append(one)
    return Due(keys, replace(place, rank=rank, key=key), has_more)


def write(user_id: int, place: Place, moment: Now) -> str:
    """Return a place as a cursor: signed, and good for this user and database only."""
    parts = [VERSION, user_id, moment.where, *astuple(place)]
    return signing.Signer(salt=SALT).sign_object(parts)


def _read(user_id: int, cursor: str, moment: Now) -> Place:
    try:
        version, owner, where, *parts = signing.Signer(salt=SALT).unsign_object(cursor)
    except (signing.BadSignature, ValueError):
        raise CursorInvalid from None
    if owner != user_id:
        raise CursorInvalid
    if version != VERSION or where != moment.where:
        raise CursorExpired
    since, since_at, upto, upto_at, rank, key, digests = parts
    place = Place(since, since_at, upto, upto_at, rank, key, tuple(digests))
    oldest, oldest_at = place.needed
    is_old = moment.at - oldest_at > KEPT.total_seconds()
    # A number from the future: the database went back in time.
    if is_old or not 0 <= moment.next - oldest < NUMBERS - AHEAD:
        raise CursorExpired
    return place


def _in_order(row: tuple[int, str]) -> tuple[int, int]:
    rank, key = row
    return rank, UUID(key).int if "-" in key else int(key)
