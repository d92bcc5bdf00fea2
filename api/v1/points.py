"""The shopper's points: how many, charged, used, and the history."""

from datetime import datetime
from typing import Any, Literal, TypedDict
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from api.fields import (
    MAX_BIGINT,
    Id,
    Input,
    StrictInteger,
    StrictText,
    clean,
    clean_query,
)
from api.idempotency import claim_of, movement_key, once, respond
from api.pagination import PageQuery, decode_cursor, encode_cursor, link_header, page
from api.renderers import dump
from api.schema import operation
from api.shapes import PageJson
from api.subjects import record, resolve_payer, resolve_subject
from api.typing import AuthenticatedRequest
from api.v1.order_shapes import PaymentJson, payment_json
from api.v1.payments import (
    OUTSIDE,
    MethodField,
    checked_return_url,
)
from api.views import PersonalView
from checkout import paying
from checkout import services as checkout
from common import idempotency
from common.idempotency import Reply
from common.languages import reader_language
from orders.errors import OrderExpired
from orders.models import Order
from payments import services as payments
from points import corrections
from points import services as points
from points.models import EntryKind, LedgerEntry, PointAccount


class BalanceJson(TypedDict):
    """Somebody's points, and when they last moved."""

    user_id: int
    balance: int
    updated_at: datetime | None


class EntryJson(TypedDict):
    """A movement of points: what it was, and the balance after it."""

    id: int
    kind: Literal["charge", "use", "refund", "expire", "adjust"]
    amount: int
    balance_after: int
    reference: str
    created_at: datetime


class MovementJson(TypedDict):
    """The new entry and the balance it left; no entry if nothing had to be paid."""

    entry: EntryJson | None
    balance: int


class ChargeJson(MovementJson):
    """A charge: its entry, or the payment by which it is being bought."""

    payment: PaymentJson | None


class SubjectQuery(Input):
    user_id = serializers.IntegerField(
        min_value=1,
        max_value=MAX_BIGINT,
        required=False,
        help_text="Oneself if absent.",
    )


class HistoryQuery(PageQuery):
    user_id = serializers.IntegerField(
        min_value=1,
        max_value=MAX_BIGINT,
        required=False,
        help_text="Oneself if absent.",
    )
    kind = serializers.ChoiceField(EntryKind.choices, required=False)
    from_ = serializers.DateTimeField(required=False)
    to = serializers.DateTimeField(required=False, help_text="Exclusive.")

    def get_fields(self) -> dict[str, Any]:
        # "from" is a word of Python.
        fields = super().get_fields()
        return {name.rstrip("_"): field for name, field in fields.items()}


class ChargeInput(Input):
    amount = StrictInteger(min_value=1, max_value=settings.POINTS_MAX_CHARGE)
    method = MethodField(
        OUTSIDE, required=False, help_text="Who takes the money; at once if absent."
    )
    return_url = StrictText(
        required=False,
        max_length=900,
        help_text="Where the payer comes back to; the shop's own page if absent.",
    )
    user_id = Id(required=False, allow_null=True)
    reason = StrictText(required=False, max_length=200, help_text="For somebody else.")


class UseInput(Input):
    amount = StrictInteger(
        min_value=1, max_value=settings.POINTS_MAX_BALANCE, required=False
    )
    reference = StrictText(required=False, max_length=64, allow_blank=True)
    order_id = serializers.UUIDField(required=False, help_text="Pays this order.")
    user_id = Id(required=False, allow_null=True)
    reason = StrictText(required=False, max_length=200, help_text="For somebody else.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "amount" not in attrs and "order_id" not in attrs:
            raise ValidationError({"amount": ["This field is required."]}, "required")
        return attrs


SUBJECT_QUERY = SubjectQuery()
HISTORY_QUERY = HistoryQuery()
CHARGE = ChargeInput()
USE = UseInput()


class PointsView(PersonalView):
    """The balance."""

    @operation(
        "points_balance",
        "Show the balance",
        query=SUBJECT_QUERY,
        reply={200: BalanceJson},
        problems=(403, 404),
    )
    def get(
        self, request: AuthenticatedRequest, user_id: int | None = None
    ) -> Response:
        """Show the points as they are now."""
        asked = clean_query(SUBJECT_QUERY, request)
        return Response(
            balance(resolve_subject(request, user_id or asked.get("user_id")))
        )


class PointsChargeView(PersonalView):
    """Buying points."""

    @operation(
        "points_charge",
        "Charge points",
        body=CHARGE,
        example={"amount": 50000},
        reply={201: ChargeJson},
        keyed="yes",
        problems=(403, 404),
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Credit points. The same Idempotency-Key credits them once.

        With a ``method`` they are bought: the reply has the ``payment``, and the points
        come once it is captured.
        """
        asked = clean(CHARGE, request)
        reason = asked.get("reason", "")
        subject = resolve_payer(request, asked.get("user_id"), reason)
        if "method" in asked:
            return _buy(request, subject, asked)

        def charge() -> ChargeJson:
            key, amount = movement_key(request), asked["amount"]
            if subject == request.user.pk:
                entry = points.charge(
                    user_id=subject, amount=amount, idempotency_key=key
                )
            else:
                entry = corrections.charge(
                    user_id=subject,
                    amount=amount,
                    reason=reason,
                    idempotency_key=key,
                    actor_id=request.user.pk,
                )
            record(request, subject, reason)
            return {
                "entry": entry_json(entry),
                "balance": entry.balance_after,
                "payment": None,
            }

        return once(request, charge, status=201)


class PointsUseView(PersonalView):
    """Spending points."""

    @operation(
        "points_use",
        "Use points",
        body=USE,
        example={"amount": 1000, "reference": "gift wrap"},
        reply={201: MovementJson},
        keyed="yes",
        problems=(403, 404),
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Debit points; with ``order_id`` they pay that order."""
        asked = clean(USE, request)
        reason = asked.get("reason", "")
        subject = resolve_payer(request, asked.get("user_id"), reason)

        def use() -> MovementJson:
            record(request, subject, reason)
            if order_id := asked.get("order_id"):
                return _pay(subject, order_id, asked.get("amount"))
            entry = points.use(
                user_id=subject,
                amount=asked["amount"],
                reference=asked.get("reference", ""),
                idempotency_key=movement_key(request),
            )
            return {"entry": entry_json(entry), "balance": entry.balance_after}

        try:
            return once(request, use, status=201)
        except OrderExpired:
            checkout.expire(asked["order_id"])
            raise


class PointsHistoryView(PersonalView):
    """What happened to the points."""

    @operation(
        "points_history",
        "List the entries",
        query=HISTORY_QUERY,
        reply={200: PageJson[EntryJson]},
        problems=(403, 404),
    )
    def get(
        self, request: AuthenticatedRequest, user_id: int | None = None
    ) -> Response:
        """List the entries, newest first, each with the balance after it."""
        asked = clean_query(HISTORY_QUERY, request)
        subject = resolve_subject(request, user_id or asked.get("user_id"))
        entries = LedgerEntry.objects.of_user(subject).order_by("-sequence")
        if kind := asked.get("kind"):
            entries = entries.filter(kind=kind)
        if since := asked.get("from"):
            entries = entries.filter(created_at__gte=since)
        if until := asked.get("to"):
            entries = entries.filter(created_at__lt=until)
        rows = entries
        if position := decode_cursor(asked.get("cursor"), int):
            rows = entries.filter(sequence__lt=position[0])
        body = page(
            request,
            list(rows[: asked["limit"] + 1]),
            asked["limit"],
            cursor_of=lambda entry: encode_cursor(entry.sequence),
            render=entry_json,
            all_rows=entries,
        )
        return Response(body, headers=link_header(body))


def balance(user_id: int) -> BalanceJson:
    """Return somebody's points; nobody has an account before the first movement."""
    account = PointAccount.objects.filter(pk=user_id).first()
    return {
        "user_id": user_id,
        "balance": account.balance if account else 0,
        "updated_at": account.updated_at if account else None,
    }


def entry_json(entry: LedgerEntry) -> EntryJson:
    return {
        "id": entry.pk,
        "kind": entry.kind,  # type: ignore[typeddict-item]  # the column's own choices
        "amount": entry.amount,
        "balance_after": entry.balance_after,
        "reference": entry.reference,
        "created_at": entry.created_at,
    }


def _buy(
    request: AuthenticatedRequest, subject: int, asked: dict[str, Any]
) -> HttpResponse:
    if subject != request.user.pk:
        raise ValidationError({"method": ["Only for oneself."]}, "invalid")
    return_url = checked_return_url(asked)

    def start() -> Reply:
        payment = paying.start_charge(
            user_id=subject,
            email=request.user.email,
            amount=asked["amount"],
            method=asked["method"],
            key=movement_key(request),
            return_url=return_url,
            language=reader_language(),
        )
        bought: ChargeJson = {
            "entry": None,
            "balance": points.balance_of(subject),
            "payment": payment_json(payment),
        }
        return Reply(201, dump(bought).decode())

    return respond(idempotency.run_outside(claim_of(request), start))


def _pay(user_id: int, order_id: UUID, amount: int | None) -> MovementJson:
    order = Order.objects.placed_by(user_id).filter(pk=order_id).first()
    if order is not None and amount not in {None, order.total}:
        raise ValidationError(
            {"amount": [f"This order costs {order.total}."]}, "amount_mismatch"
        )
    checkout.pay_with_points(user_id=user_id, order_id=order_id)
    entry = LedgerEntry.objects.of_user(user_id).filter(
        idempotency_key=payments.use_key(order_id)
    )
    found = entry.first()
    return {
        "entry": entry_json(found) if found else None,
        "balance": points.balance_of(user_id),
    }
