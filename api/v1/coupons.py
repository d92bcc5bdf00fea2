"""Coupons in limited numbers: the campaigns, claiming one, and one's own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict

from django.http import HttpResponse
from django.utils import timezone
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import MAX_BIGINT, Id, Input, clean, clean_query
from api.idempotency import once
from api.pagination import PageQuery, newest_first
from api.schema import operation
from api.shapes import MoneyJson, PageJson, money, money_or_none
from api.subjects import record, resolve_subject
from api.typing import AuthenticatedRequest
from api.views import GuestView, PersonalView
from catalog.texts import local
from coupons import services as coupons
from coupons.errors import CouponBatchNotFound, CouponNotFound
from coupons.models import (
    Coupon,
    CouponBatch,
    CouponQuerySet,
    CouponState,
    DiscountKind,
)


class DiscountJson(TypedDict):
    """What a coupon takes off: percent with a cap, or a fixed amount."""

    kind: Literal["percent", "fixed"]
    percent: int | None
    amount: MoneyJson | None
    max_discount: MoneyJson | None
    min_spend: MoneyJson


class CampaignJson(TypedDict):
    """A limited number of equal coupons; ``my_coupon_id`` is set once one is held."""

    id: int
    name: str
    discount: DiscountJson
    quantity: int
    left: int
    opens_at: datetime
    valid_from: datetime
    valid_until: datetime
    is_open: bool
    my_coupon_id: int | None


class CampaignsJson(TypedDict):
    """The campaigns, and the shop's clock to count down with."""

    items: list[CampaignJson]
    server_time: datetime


class GivenForJson(TypedDict):
    """Why a coupon was given to this shopper alone."""

    segment: Literal["champion", "regular", "sleeping", "new", "occasional"]
    # Paid ones of the 90 days before.
    orders: int


class CouponJson(TypedDict):
    """A coupon somebody holds; ``serial`` is the place in line they came in at.

    ``given_for`` is null if they claimed it.
    """

    id: int
    campaign_id: int
    name: str
    serial: int
    state: Literal["issued", "reserved", "used", "expired", "revoked"]
    is_usable: bool
    discount: DiscountJson
    valid_from: datetime
    valid_until: datetime
    issued_at: datetime
    used_at: datetime | None
    order_id: str | None
    given_for: GivenForJson | None


class IssueInput(Input):
    campaign_id = Id(required=False)
    coupon_id = Id(required=False, help_text="Older name of ``campaign_id``.")
    user_id = Id(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        campaign_id = attrs.get("campaign_id") or attrs.get("coupon_id")
        if campaign_id is None:
            raise ValidationError(
                {"campaign_id": ["This field is required."]}, "required"
            )
        return attrs | {"campaign_id": campaign_id}


class CouponQuery(PageQuery):
    user_id = serializers.IntegerField(
        min_value=1,
        max_value=MAX_BIGINT,
        required=False,
        help_text="Oneself if absent.",
    )
    state = serializers.ChoiceField(
        ["usable", "reserved", "used", "expired"], required=False
    )


ISSUE = IssueInput()
COUPON_QUERY = CouponQuery()


class CampaignListView(GuestView):
    """What is to be claimed."""

    cache_control = "public, max-age=1"

    @operation(
        "coupon-campaigns_list", "List coupon campaigns", reply={200: CampaignsJson}
    )
    def get(self, request: Request) -> Response:
        """List the campaigns that are open or will be, with what is left of each."""
        batches = list(CouponBatch.objects.shown()[:100])
        mine = _mine(request, batches)
        now = timezone.now()
        body: CampaignsJson = {
            "items": [_campaign(batch, mine, now) for batch in batches],
            "server_time": now,
        }
        return Response(body)


class CampaignView(GuestView):
    """One campaign."""

    cache_control = "public, max-age=1"

    @operation(
        "coupon-campaigns_retrieve", "Show a campaign", reply={200: CampaignJson}
    )
    def get(self, request: Request, campaign_id: int) -> Response:
        """Show a campaign with the exact number that is left."""
        batch = CouponBatch.objects.filter(
            pk=campaign_id, is_active=True, is_personal=False
        ).first()
        if batch is None:
            raise CouponBatchNotFound
        return Response(_campaign(batch, _mine(request, [batch]), timezone.now()))


class CouponIssueView(PersonalView):
    """First come, first served."""

    @operation(
        "coupons_issue",
        "Claim a coupon",
        body=ISSUE,
        example={"campaign_id": 7},
        reply={201: CouponJson},
        keyed="yes",
        problems=(403, 404),
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Claim the next coupon of a campaign; ``serial`` is the place in line."""
        asked = clean(ISSUE, request)
        subject = resolve_subject(request, asked.get("user_id"))

        def issue() -> CouponJson:
            coupon = coupons.claim(user_id=subject, batch_id=asked["campaign_id"])
            record(request, subject, "coupon issued")
            return coupon_json(wallet(subject).get(pk=coupon.pk))

        return once(request, issue, status=201)


class CouponListView(PersonalView):
    """One's own coupons."""

    @operation(
        "coupons_list",
        "List coupons",
        query=COUPON_QUERY,
        reply={200: PageJson[CouponJson]},
        problems=(403, 404),
    )
    def get(
        self, request: AuthenticatedRequest, user_id: int | None = None
    ) -> Response:
        """List the coupons somebody holds, newest first."""
        asked = clean_query(COUPON_QUERY, request)
        subject = resolve_subject(request, user_id or asked.get("user_id"))
        held = _in_state(wallet(subject), asked.get("state"))
        return newest_first(request, held, asked, render=coupon_json)


class CouponView(PersonalView):
    """One of one's own coupons."""

    @operation("coupons_retrieve", "Show a coupon", reply={200: CouponJson})
    def get(self, request: AuthenticatedRequest, coupon_id: int) -> Response:
        """Show one of the shopper's own coupons."""
        coupon = wallet(request.user.pk).filter(pk=coupon_id).first()
        if coupon is None:
            raise CouponNotFound
        return Response(coupon_json(coupon))


def coupon_json(coupon: Coupon) -> CouponJson:
    """Render a coupon that was read as ``wallet`` does."""
    batch, now = coupon.batch, timezone.now()
    is_valid = batch.is_active and batch.valid_from <= now < batch.valid_until
    return {
        "id": coupon.pk,
        "campaign_id": batch.pk,
        "name": local(batch.name),
        "serial": coupon.serial,
        "state": coupon.state,  # type: ignore[typeddict-item]  # the column's own choices
        "is_usable": is_valid and coupon.state == CouponState.ISSUED,
        "discount": _discount(batch),
        "valid_from": batch.valid_from,
        "valid_until": batch.valid_until,
        "issued_at": coupon.issued_at,
        "used_at": coupon.used_at,
        "order_id": str(coupon.order_id) if coupon.order_id else None,
        "given_for": _given_for(coupon),
    }


def _given_for(coupon: Coupon) -> GivenForJson | None:
    offer = getattr(coupon, "personal_offer", None)
    if offer is None:
        return None
    return {"segment": offer.segment, "orders": offer.orders}


def wallet(user_id: int) -> CouponQuerySet:
    return Coupon.objects.of_user(user_id).select_related("batch", "personal_offer")


def _in_state(held: CouponQuerySet, state: str | None) -> CouponQuerySet:
    if state == "usable":
        return held.usable()
    if state == "expired":
        return held.filter(
            state__in=[CouponState.ISSUED, CouponState.EXPIRED],
            batch__valid_until__lte=timezone.now(),
        )
    return held.filter(state=state) if state else held


def _mine(request: Request, batches: list[CouponBatch]) -> Mapping[int, int]:
    if not request.user.is_authenticated:
        return {}
    held = Coupon.objects.of_user(request.user.pk).filter(batch__in=batches)
    return dict(held.values_list("batch_id", "pk"))


def _campaign(
    batch: CouponBatch, mine: Mapping[int, int], now: datetime
) -> CampaignJson:
    return {
        "id": batch.pk,
        "name": local(batch.name),
        "discount": _discount(batch),
        "quantity": batch.quantity,
        "left": batch.left,
        "opens_at": batch.opens_at,
        "valid_from": batch.valid_from,
        "valid_until": batch.valid_until,
        "is_open": batch.is_open(now) and batch.left > 0,
        "my_coupon_id": mine.get(batch.pk),
    }


def _discount(batch: CouponBatch) -> DiscountJson:
    is_percent = batch.kind == DiscountKind.PERCENT
    return {
        "kind": "percent" if is_percent else "fixed",
        "percent": batch.value if is_percent else None,
        "amount": None if is_percent else money(batch.value),
        "max_discount": money_or_none(batch.max_discount),
        "min_spend": money(batch.min_spend),
    }
