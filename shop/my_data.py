"""Everything the shop holds about a person, as one document of JSON."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from allauth.idp.oidc.models import Token
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts.models import Address, CustomerNote, Device, User
from analytics import pseudonyms
from analytics.models import (
    BehaviourEvent,
    CustomerSegment,
    NotInterested,
    Privacy,
)
from cart.models import CartItem
from coupons.models import Coupon
from inventory.models import Hold, RestockAlert
from notifications.models import (
    Message,
    Notification,
    Preference,
    PushDevice,
    QuietHours,
)
from orders.models import AddressChange, Invoice, Order, OrderEvent, OrderLine, Return
from payments.models import Payment, Refund
from points.models import LedgerEntry, PointAccount
from reviews.models import HelpfulVote, Review, ReviewPhoto, ReviewReport
from wishlist.models import WishlistItem

AT_ONCE = 500

Rows = Callable[[User], QuerySet[Model]]


@dataclass(frozen=True)
class Section:
    """One part of the document: whose rows, and which of their columns."""

    name: str
    rows: Rows
    columns: Sequence[str]


def _of(model: type[Model], path: str = "user") -> Rows:
    return lambda user: model._default_manager.filter(**{path: user.pk}).order_by("pk")  # noqa: SLF001 — Django documents _default_manager


def _looked_at(user: User) -> QuerySet[Model]:
    actor = pseudonyms.of_user(user.pk)
    return BehaviourEvent.objects.filter(actor=actor).order_by("pk")


SECTIONS = (
    Section("email_addresses", _of(EmailAddress), ("email", "verified", "primary")),
    Section(
        "addresses",
        _of(Address),
        (
            *("recipient", "phone", "postal_code", "line1", "line2", "city"),
            *("country", "is_default", "created_at"),
        ),
    ),
    Section(
        "devices",
        _of(Device),
        ("name", "user_agent", "ip", "created_at", "last_seen_at"),
    ),
    Section("notes_of_staff", _of(CustomerNote), ("text", "written_at")),
    Section(
        "other_services",
        _of(SocialAccount),
        ("provider", "uid", "extra_data", "date_joined", "last_login"),
    ),
    Section(
        "third_parties",
        _of(Token),
        ("client__name", "type", "scopes", "created_at", "expires_at"),
    ),
    Section(
        "orders",
        _of(Order),
        (
            *("number", "email", "status", "subtotal", "discount", "delivery_cost"),
            *("total", "currency", "address", "delivery_method", "coupon_name"),
            *("adjustments", "placed_at", "paid_at", "closed_at"),
        ),
    ),
    Section(
        "order_lines",
        _of(OrderLine, "order__user"),
        ("order__number", "sku", "name", "unit_price", "quantity", "line_total"),
    ),
    Section(
        "order_history",
        _of(OrderEvent, "order__user"),
        ("order__number", "from_status", "to_status", "reason", "happened_at"),
    ),
    Section(
        "order_address_changes",
        _of(AddressChange, "order__user"),
        ("order__number", "before", "happened_at"),
    ),
    Section(
        "invoices",
        _of(Invoice, "order__user"),
        ("order__number", "number", "issued_at"),
    ),
    Section(
        "returns",
        _of(Return, "order__user"),
        ("order__number", "state", "reason", "answer", "requested_at"),
    ),
    Section(
        "payments",
        _of(Payment, "order__user"),
        ("order__number", "method", "amount", "refunded", "state", "created_at"),
    ),
    Section(
        "payments_for_points",
        _of(Payment, "buyer"),
        ("method", "amount", "state", "created_at"),
    ),
    Section(
        "refunds",
        _of(Refund, "order__user"),
        ("order__number", "amount", "reason", "refunded_at"),
    ),
    Section("points", _of(PointAccount), ("balance", "updated_at")),
    Section(
        "points_ledger",
        _of(LedgerEntry, "account"),
        ("sequence", "kind", "amount", "balance_after", "reference", "created_at"),
    ),
    Section(
        "coupons",
        _of(Coupon),
        ("batch__name", "serial", "state", "issued_at", "used_at"),
    ),
    Section(
        "cart",
        _of(CartItem, "cart__user"),
        ("product__sku", "product__name", "quantity"),
    ),
    Section(
        "wishlist", _of(WishlistItem), ("product__sku", "product__name", "saved_at")
    ),
    Section(
        "back_in_stock",
        _of(RestockAlert),
        ("product__sku", "product__name", "state", "language", "created_at"),
    ),
    Section(
        "kept_for_you",
        _of(Hold),
        ("product__sku", "quantity", "state", "created_at", "expires_at"),
    ),
    Section(
        "reviews",
        _of(Review),
        (
            *("product__sku", "product__name", "rating", "text", "state", "reason"),
            *("answer", "written_at", "edited_at"),
        ),
    ),
    Section(
        "review_photos",
        _of(ReviewPhoto, "review__user"),
        ("review__product__sku", "image", "width", "height"),
    ),
    Section("helpful_votes", _of(HelpfulVote), ("review_id",)),
    Section("reported_reviews", _of(ReviewReport), ("review_id", "reason")),
    Section(
        "notifications", _of(Notification), ("kind", "params", "created_at", "read_at")
    ),
    Section(
        "messages",
        _of(Message),
        ("kind", "channel", "address", "params", "state", "created_at", "sent_at"),
    ),
    Section("phones", _of(PushDevice), ("platform", "registered_at")),
    Section("told_by", _of(Preference), ("group", "channel", "is_on")),
    Section("quiet_hours", _of(QuietHours), ("starts", "ends")),
    Section("privacy", _of(Privacy), ("consents", "wants_recommendations")),
    Section("not_interested", _of(NotInterested), ("product__sku", "at")),
    Section("buyer_segment", _of(CustomerSegment), ("segment",)),
    Section("looked_at", _looked_at, ("kind", "product__sku", "query", "source", "at")),
)


def document(user: User) -> Iterator[str]:
    """Write the document piece by piece: however much it is, little is in memory."""
    head = {
        "shop": settings.SHOP_NAME,
        "made_at": timezone.now(),
        "account": {
            "email": user.email,
            "name": user.name,
            "phone": user.phone,
            "language": user.language,
            "wants_marketing_email": user.wants_marketing_email,
            "wants_marketing_sms": user.wants_marketing_sms,
            "registered_at": user.created_at,
            "last_signed_in_at": user.last_login,
        },
    }
    yield _json(head)[:-2]  # without the last line, which closes it
    for section in SECTIONS:
        yield f',\n  "{section.name}": ['
        rows = section.rows(user).values(*section.columns)
        separator = "\n    "
        for row in rows.iterator(chunk_size=AT_ONCE):
            readable = {key.replace("__", "_"): value for key, value in row.items()}
            yield separator + json.dumps(
                readable, cls=DjangoJSONEncoder, ensure_ascii=False
            )
            separator = ",\n    "
        yield "\n  ]"
    yield "\n}\n"


def _json(value: object) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=2)
