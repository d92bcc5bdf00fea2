"""What surrounds every page: theme, categories, and the numbers in the header."""

from dataclasses import dataclass
from functools import cached_property

from django.conf import settings
from django.db.models import Sum
from django.http import HttpRequest
from django.urls import reverse

from cart.models import CartItem
from catalog.texts import local
from common.db import run
from common.languages import reader_language
from common.memo import Memo
from delivery.terms import DeliveryTerms, Schedule
from shop.carts import guest_token
from shop.places import terms_to

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"

# What delivery costs is shown from here and charged from the table.
_methods: Memo[str, list["HomeDelivery"]] = Memo(
    seconds=60, size=len(settings.LANGUAGES)
)

# Every page of a signed-in shopper asks this: as text it costs a fifth of what the same
# question costs as querysets. Usable is what ``Coupon.objects.usable()`` says.
COUNTS_SQL = """
    SELECT coalesce((SELECT balance FROM points_pointaccount
                      WHERE user_id = %(user_id)s), 0),
           (SELECT count(*) FROM coupons_coupon AS coupon
              JOIN coupons_couponbatch AS batch ON batch.id = coupon.batch_id
             WHERE coupon.user_id = %(user_id)s AND coupon.state = 'issued'
               AND batch.is_active AND batch.valid_from <= now()
               AND batch.valid_until > now()),
           (SELECT coalesce(sum(item.quantity), 0) FROM cart_cartitem AS item
              JOIN cart_cart AS cart ON cart.id = item.cart_id
             WHERE cart.user_id = %(user_id)s AND NOT item.is_saved),
           (SELECT count(*) FROM notifications_notification
             WHERE user_id = %(user_id)s AND read_at IS NULL),
           (SELECT coalesce(max(id), 0) FROM notifications_notification
             WHERE user_id = %(user_id)s),
           (SELECT consents FROM analytics_privacy WHERE user_id = %(user_id)s),
           coalesce((SELECT wants_recommendations FROM analytics_privacy
                      WHERE user_id = %(user_id)s), true),
           ARRAY(SELECT product_id FROM wishlist_wishlistitem
                  WHERE user_id = %(user_id)s)
"""


@dataclass(frozen=True)
class Counts:
    """The numbers in the header, and what the shopper chose about privacy."""

    points: int = 0
    coupons: int = 0
    in_cart: int = 0
    unread: int = 0
    newest_id: int = 0
    consents: bool | None = None
    wants_recommendations: bool = True
    # The products on the wishlist, by id; a wishlist holds 500 at most.
    wished: frozenset[int] = frozenset()


@dataclass(frozen=True)
class HomeDelivery:
    """What a way of delivery costs for a light parcel in the shop's own country."""

    name: str
    cost: int
    free_from: int | None
    days_min: int
    days_max: int
    kind: str
    schedule: Schedule


class Storefront:
    """Made for every request; asks the database only for what the page shows."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @property
    def name(self) -> str:
        return str(settings.SHOP_NAME)

    @property
    def worker(self) -> str:
        """Where the service worker is, if this shop has one."""
        return reverse("shop:worker") if settings.SERVICE_WORKER else ""

    @cached_property
    def theme(self) -> str:
        theme = self._request.COOKIES.get(THEME_COOKIE, "auto")
        return theme if theme in THEMES else "auto"

    @property
    def free_delivery_from(self) -> int | None:
        """The lowest goods total that is delivered free of charge, if there is one."""
        thresholds = [one.free_from for one in self.delivery_methods if one.free_from]
        return min(thresholds, default=None)

    @property
    def delivery_methods(self) -> list[HomeDelivery]:
        return home_deliveries()

    @cached_property
    def user_id(self) -> int | None:
        # A page of an error may be shown before anybody knows who asks.
        user = getattr(self._request, "user", None)
        return user.pk if user is not None and user.is_authenticated else None

    @property
    def is_signed_in(self) -> bool:
        return self.user_id is not None

    @cached_property
    def wished(self) -> frozenset[int]:
        """The ids of the products that the shopper has saved."""
        return self.counts.wished

    @cached_property
    def counts(self) -> Counts:
        if self.user_id is not None:
            return _shopper_counts(self.user_id)
        if token := guest_token(self._request):
            return Counts(in_cart=_guest_count(token))
        return Counts()


def storefront_of(request: HttpRequest) -> Storefront:
    """Return the surroundings of a request, the same ones each time."""
    found: Storefront | None = getattr(request, "storefront", None)
    if found is None:
        found = request.storefront = Storefront(request)  # type: ignore[attr-defined]
    return found


def home_deliveries() -> list[HomeDelivery]:
    """Return the ways of delivery at home; they may be two minutes old.

    One here, where they are told in the reader's language on every page, and one in
    ``places``.
    """
    return _methods.get_or_make(reader_language(), _home_delivery)


def _home_delivery() -> list[HomeDelivery]:
    found = [_at_home(way) for way in terms_to({})]
    return [way for way in found if way is not None]


def _at_home(way: DeliveryTerms) -> HomeDelivery | None:
    cost = way.table_cost(0, 0)
    if cost is None:
        return None
    schedule = way.schedule
    return HomeDelivery(
        name=local(way.name),
        cost=cost,
        free_from=way.free_above(0),
        days_min=schedule.days_min,
        days_max=schedule.days_max,
        kind=way.kind,
        schedule=schedule,
    )


def _shopper_counts(user_id: int) -> Counts:
    [row] = run(COUNTS_SQL, {"user_id": user_id}).rows()
    *numbers, wished = row
    return Counts(*[*numbers, frozenset(wished)])


def _guest_count(token: str) -> int:
    items = CartItem.objects.inside().filter(cart__token=token)
    return items.aggregate(pieces=Sum("quantity"))["pieces"] or 0
