"""What changed for the shopper, for apps that keep a copy."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import Any, Literal, TypedDict

from django.utils import timezone
from rest_framework import serializers
from rest_framework.response import Response

from accounts.models import Address, User
from api import changes
from api.fields import Input, clean_query
from api.pagination import MAX_LIMIT
from api.renderers import dump
from api.schema import operation
from api.shapes import MoneyJson, money
from api.typing import AuthenticatedRequest
from api.v1.account import (
    ProfileJson,
    SavedAddressJson,
    address_json,
    profile,
)
from api.v1.coupons import CouponJson, coupon_json, wallet
from api.v1.notifications import NotificationJson, notification_json
from api.v1.order_shapes import WITH_DETAILS, OrderDetailJson, order_facts_json
from api.v1.points import BalanceJson, EntryJson, balance, entry_json
from api.v1.reviews import OwnReviewJson, own_json
from api.views import PersonalView
from cart.models import Cart, CartItem
from common.models import Tombstone
from notifications.models import Notification
from orders.models import Order
from points.models import LedgerEntry
from reviews.models import Review, ReviewState
from wishlist.models import WishlistItem

# Far longer than any that is given out.
LONGEST_CURSOR = 1_000
DeletedKind = Literal["address", "wish", "review"]


class SyncCartItemJson(TypedDict):
    """A product in the cart, or beside it for later."""

    product_id: int
    quantity: int
    price_when_added: MoneyJson
    selected: bool
    saved: bool


class SyncCartJson(TypedDict):
    """The cart as it is kept; what it costs now is told by `GET /cart`."""

    version: int
    coupon_id: int | None
    items: list[SyncCartItemJson]


class SyncWishJson(TypedDict):
    """A product on the wishlist, and what it cost when it was saved."""

    product_id: int
    price_when_saved: MoneyJson
    saved_at: datetime


class DeletedJson(TypedDict):
    """Something to be dropped; a `wish` is known by the id of its product."""

    kind: DeletedKind
    id: int


class SyncJson(TypedDict):
    """A page of changes: drop `deleted`, then put each of the others in its place.

    `profile`, `points` and `cart` are null unless they changed. With `starts_anew`,
    forget everything first. Keep `cursor` for the next request; with `has_more` send
    it at once.
    """

    starts_anew: bool
    deleted: list[DeletedJson]
    profile: ProfileJson | None
    points: BalanceJson | None
    cart: SyncCartJson | None
    addresses: list[SavedAddressJson]
    orders: list[OrderDetailJson]
    entries: list[EntryJson]
    coupons: list[CouponJson]
    notifications: list[NotificationJson]
    wishlist: list[SyncWishJson]
    reviews: list[OwnReviewJson]
    cursor: str
    has_more: bool
    server_time: datetime


class SyncQuery(Input):
    limit = serializers.IntegerField(
        min_value=1, max_value=MAX_LIMIT, default=MAX_LIMIT
    )
    cursor = serializers.CharField(
        max_length=LONGEST_CURSOR,
        required=False,
        help_text="From the answer before; everything is told without one.",
    )


SYNC_QUERY = SyncQuery()


class SyncView(PersonalView):
    """Keeping a copy up to date."""

    @operation(
        "sync_changes",
        "Read what changed",
        query=SYNC_QUERY,
        reply={200: SyncJson},
        problems=(410,),
    )
    def get(self, request: AuthenticatedRequest) -> Response:
        """Tell what was written since the cursor, in pages, and what was deleted.

        Nothing is left out, however late a change comes; some things are told twice.
        Orders come with their payments and parcels, without `return` among their
        actions; news are in the language of the request. `cursor_expired`: the cursor
        is over 90 days old, or of a shop that was restored; start anew without one.
        """
        asked = clean_query(SYNC_QUERY, request)
        return Response(
            page_of(request.user, asked.get("cursor"), limit=asked["limit"])
        )


def page_of(user: User, cursor: str | None, *, limit: int) -> dict[str, Any]:
    """Return what a user's app has to hear of next, as a ``SyncJson``."""
    # Looked at first: what commits from now on is for the next round.
    moment = changes.now()
    place = changes.begin(user.pk, cursor, moment)
    whole: dict[str, Any] = dict.fromkeys(WHOLE)
    if place.is_at_beginning:
        whole, digests = _whole(user.pk, place.digests)
        place = replace(place, digests=digests)
    due = changes.due(user.pk, place, moment, limit=limit)
    rows = {name: _read(name, user.pk, due.keys) for name in READERS}
    reviews = rows.pop("reviews")
    gone = [one for one in reviews if one.state == ReviewState.WITHDRAWN]
    body: dict[str, Any] = {
        "starts_anew": not cursor,
        **whole,
        **rows,
        "deleted": [
            *rows["deleted"],
            *({"kind": "review", "id": one.pk} for one in gone),
        ],
        "reviews": [own_json(one) for one in reviews if one not in gone],
        "cursor": changes.write(user.pk, due.place, moment),
        "has_more": due.has_more,
        "server_time": timezone.now(),
    }
    return body


def _read(name: str, user_id: int, keys: Mapping[str, Sequence[str]]) -> list[Any]:
    found = keys.get(name)
    return READERS[name](user_id, found) if found else []


def _whole(
    user_id: int, known: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what is small and always told whole, if the app has another state of it.

    How these looked is a part of the cursor, so nothing about them can be missed.
    """
    whole = {name: read(user_id) for name, read in WHOLE.items()}
    digests = {
        name: blake2b(dump(one), digest_size=8).hexdigest()
        for name, one in whole.items()
    }
    told = {
        name: None if digests[name] in known else one for name, one in whole.items()
    }
    return told, tuple(digests.values())


def _profile(user_id: int) -> ProfileJson:
    return profile(User.objects.get(pk=user_id))


def _cart(user_id: int) -> SyncCartJson:
    cart = Cart.objects.prefetch_related("items").filter(user_id=user_id).first()
    return {
        "version": cart.version if cart else 0,
        "coupon_id": cart.coupon_id if cart else None,
        "items": [_cart_item(item) for item in cart.items.all()] if cart else [],
    }


def _cart_item(item: CartItem) -> SyncCartItemJson:
    return {
        "product_id": item.product_id,
        "quantity": item.quantity,
        "price_when_added": money(item.price_when_added),
        "selected": item.is_selected,
        "saved": item.is_saved,
    }


def _deleted(user_id: int, keys: Sequence[str]) -> list[dict[str, Any]]:
    found = Tombstone.objects.filter(user_id=user_id, pk__in=keys).order_by("pk")
    return [{"kind": one.kind, "id": one.object_id} for one in found]


def _addresses(user_id: int, keys: Sequence[str]) -> list[SavedAddressJson]:
    found = Address.objects.of_user(user_id).filter(pk__in=keys)
    return [address_json(one) for one in found.order_by("pk")]


def _orders(user_id: int, keys: Sequence[str]) -> list[OrderDetailJson]:
    found = Order.objects.placed_by(user_id).filter(pk__in=keys).order_by("pk")
    return [order_facts_json(one) for one in found.prefetch_related(*WITH_DETAILS)]


def _entries(user_id: int, keys: Sequence[str]) -> list[EntryJson]:
    found = LedgerEntry.objects.of_user(user_id).filter(sequence__in=keys)
    return [entry_json(one) for one in found.order_by("sequence")]


def _coupons(user_id: int, keys: Sequence[str]) -> list[CouponJson]:
    found = wallet(user_id).filter(pk__in=keys).order_by("pk")
    return [coupon_json(one) for one in found]


def _notifications(user_id: int, keys: Sequence[str]) -> list[NotificationJson]:
    found = Notification.objects.of_user(user_id).filter(pk__in=keys)
    return [notification_json(one) for one in found.order_by("pk")]


def _wishes(user_id: int, keys: Sequence[str]) -> list[SyncWishJson]:
    found = WishlistItem.objects.of_user(user_id).filter(pk__in=keys).order_by("pk")
    return [
        {
            "product_id": one.product_id,
            "price_when_saved": money(one.price_when_saved),
            "saved_at": one.saved_at,
        }
        for one in found
    ]


def _reviews(user_id: int, keys: Sequence[str]) -> list[Review]:
    found = Review.objects.of_user(user_id).filter(pk__in=keys).order_by("pk")
    return list(found.select_related("user").prefetch_related("photos"))


WHOLE: dict[str, Callable[[int], Any]] = {
    "profile": _profile,
    "points": balance,
    "cart": _cart,
}
# By the name of the source in ``api.changes``.
READERS: dict[str, Callable[[int, Sequence[str]], list[Any]]] = {
    "deleted": _deleted,
    "addresses": _addresses,
    "orders": _orders,
    "entries": _entries,
    "coupons": _coupons,
    "notifications": _notifications,
    "wishlist": _wishes,
    "reviews": _reviews,
}
