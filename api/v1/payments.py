"""Payments: with points or by somebody outside, and what providers tell of them."""

from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db.models import Q
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import BodyTooLarge, ReturnUrlForbidden
from api.fields import Id, Input, StrictInteger, StrictText, clean
from api.guests import ORDER_KEY, KeyView, is_guests
from api.idempotency import claim_of, once, respond
from api.renderers import dump
from api.schema import operation
from api.subjects import record, resolve_payer
from api.typing import AuthenticatedRequest
from api.v1.order_shapes import PaymentJson, payment_json
from api.views import PersonalView, PublicView
from checkout import paying, providers, settling
from checkout import services as checkout
from common import idempotency
from common.idempotency import Reply
from common.languages import reader_language
from orders.errors import OrderExpired
from payments.errors import PaymentMethodUnavailable, PaymentNotFound
from payments.models import OWN_METHODS, Payment, PaymentMethod
from points.errors import InsufficientPoints

MAX_WEBHOOK_BYTES = 64 * 1024
MAY_VIEW = "payments.view_payment"
# What clients call the methods who need not know by whom the shop has them.
ALIASES = {
    "card": PaymentMethod.STRIPE,
    "wallet": PaymentMethod.PAYPAL,
    "crypto": PaymentMethod.BTCPAY,
}
# What only staff can note is no way for a client to pay.
OUTSIDE = [
    method.value
    for method in PaymentMethod
    if method not in {*OWN_METHODS, PaymentMethod.BY_HAND}
]


class MethodField(serializers.ChoiceField):
    """A way to pay, by its own name or by an alias."""

    def __init__(self, methods: list[str], **options: Any) -> None:
        super().__init__([*methods, *ALIASES], **options)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        chosen: str = super().to_internal_value(data)
        return str(ALIASES.get(chosen, chosen))


class PayOrderInput(Input):
    method = MethodField(["points", *OUTSIDE], default="points")
    points_to_use = StrictInteger(
        required=False,
        help_text="Of a payment by others: what points pay of it, less than the total.",
    )
    return_url = StrictText(
        required=False,
        max_length=900,
        help_text="Where the payer comes back to; the shop's own page if absent.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["method"] == PaymentMethod.POINTS and attrs.get("points_to_use"):
            raise ValidationError(
                {"points_to_use": ["Points pay the whole order, or a part of it."]},
                "invalid",
            )
        return attrs


class PayInput(PayOrderInput):
    order_id = serializers.UUIDField()
    user_id = Id(required=False, allow_null=True)
    reason = StrictText(required=False, max_length=200, help_text="For somebody else.")


PAY_ORDER = PayOrderInput()
PAY = PayInput()
EXAMPLE = {
    "order_id": "01920000-0000-7000-8000-000000000000",
    "method": "card",
    "points_to_use": 1000,
}


class OrderPayView(KeyView):
    """Paying one order."""

    @operation(
        "orders_pay",
        "Pay an order",
        body=PAY_ORDER,
        example={"method": "points"},
        reply={201: PaymentJson},
        headers=[ORDER_KEY],
        keyed="yes",
    )
    def post(self, request: AuthenticatedRequest, order_id: UUID) -> HttpResponse:
        """Pay an unpaid order with points, or begin to pay it by somebody else.

        Guests have no points: for them, ``points`` settle what costs nothing.
        """
        asked = clean(PAY_ORDER, request) | {"order_id": order_id}
        if not is_guests(request, order_id):
            return _pay(request, request.user.pk, asked)
        if asked.get("points_to_use"):
            raise InsufficientPoints(balance=0, required=asked["points_to_use"])
        return _pay(request, None, asked)


class PayView(PersonalView):
    """Paying, with the order in the body."""

    @operation(
        "payments_create",
        "Pay",
        body=PAY,
        example=EXAMPLE,
        reply={201: PaymentJson},
        keyed="yes",
        problems=(403, 404),
    )
    def post(self, request: AuthenticatedRequest) -> HttpResponse:
        """Pay an unpaid order with points, or begin to pay it by somebody else.

        Points pay at once. Any other method answers with a ``next_action``: the address
        to which the payer goes. Asking again finds the same payment; with another
        method, the one before is given up.
        """
        asked = clean(PAY, request)
        reason = asked.get("reason", "")
        subject = resolve_payer(request, asked.get("user_id"), reason)
        return _pay(request, subject, asked)


class PaymentListView(PayView):
    """The same under the name of what it makes."""

    operation_id = "payments_pay"


class PaymentView(PersonalView):
    """One payment."""

    @operation("payments_retrieve", "Show a payment", reply={200: PaymentJson})
    def get(self, request: AuthenticatedRequest, payment_id: UUID) -> Response:
        """Show how a payment stands, as far as the shop knows."""
        return Response(payment_json(_find(request, payment_id)))


class PaymentCheckView(PersonalView):
    """Asking how a payment went."""

    @operation("payments_check", "Ask the provider", reply={200: PaymentJson})
    def post(self, request: AuthenticatedRequest, payment_id: UUID) -> Response:
        """Ask the provider of an open payment how it stands, for who comes back."""
        providers.check(_find(request, payment_id).pk)
        return Response(payment_json(_find(request, payment_id)))


class AnyNegotiation(BaseContentNegotiation):
    """Does not mind what a provider accepts: there is nothing to read."""

    def select_parser(self, request: Any, parsers: Any) -> Any:  # noqa: ARG002 — DRF's
        return parsers[0]

    def select_renderer(
        self,
        request: Any,  # noqa: ARG002 — DRF's signature
        renderers: Any,
        format_suffix: str | None = None,  # noqa: ARG002 — DRF's signature
    ) -> Any:
        return renderers[0], renderers[0].media_type


class WebhookView(PublicView):
    """What providers tell us. The signature is all that counts."""

    cache_control = "no-store"
    content_negotiation_class = AnyNegotiation

    @operation(
        "payments_webhook",
        "Receive a provider's message",
        reply={204: None},
        problems=(400, 404, 413),
    )
    def post(self, request: Request, provider: str) -> Response:
        """Take a signed message down; the same one again changes nothing."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            settling.receive_webhook(provider, headers, raw_body(request))
        except PaymentMethodUnavailable:
            raise NotFound from None
        return Response(status=204)


def shop_return_url() -> str:
    """Return the shop's own page for payers who come back."""
    return f"{settings.SHOP_BASE_URL}/pay/{{payment}}/return/"


def checked_return_url(asked: dict[str, Any]) -> str:
    """Return where the payer comes back to; raise ``ReturnUrlForbidden``.

    Only addresses of the shop and of ``PAYMENT_RETURN_ORIGINS`` are allowed: else
    anybody could send payers anywhere in the shop's name.
    """
    url: str | None = asked.get("return_url")
    if url is None:
        return shop_return_url()
    try:
        parts = urlsplit(url)
        is_plain = parts.username is None and "\\" not in url and url.isprintable()
    except ValueError:
        raise ReturnUrlForbidden from None
    allowed = {settings.SHOP_BASE_URL, *settings.PAYMENT_RETURN_ORIGINS}
    if not is_plain or f"{parts.scheme}://{parts.netloc}" not in allowed:
        raise ReturnUrlForbidden
    return url


def _pay(
    request: AuthenticatedRequest, subject: int | None, asked: dict[str, Any]
) -> HttpResponse:
    try:
        if asked["method"] == PaymentMethod.POINTS:
            return _pay_with_points(request, subject, asked)
        return _set_out(request, subject, asked)
    except OrderExpired:
        # The time was up though no job has come by yet: let it go at once.
        checkout.expire(asked["order_id"])
        raise


def _pay_with_points(
    request: AuthenticatedRequest, subject: int | None, asked: dict[str, Any]
) -> HttpResponse:
    order_id = asked["order_id"]

    def pay() -> PaymentJson:
        if subject is None:
            checkout.pay_as_guest(order_id=order_id)
        else:
            checkout.pay_with_points(user_id=subject, order_id=order_id)
            record(request, subject, asked.get("reason", ""))
        return payment_json(Payment.objects.settled().get(order_id=order_id))

    return once(request, pay, status=201)


def _set_out(
    request: AuthenticatedRequest, subject: int | None, asked: dict[str, Any]
) -> HttpResponse:
    return_url = checked_return_url(asked)

    def start() -> Reply:
        payment = paying.start(
            user_id=subject,
            order_id=asked["order_id"],
            method=asked["method"],
            points_part=asked.get("points_to_use", 0),
            return_url=return_url,
            language=reader_language(),
        )
        if subject is not None:
            record(request, subject, asked.get("reason", ""))
        return Reply(201, dump(payment_json(payment)).decode())

    return respond(idempotency.run_outside(claim_of(request), start))


def _find(request: AuthenticatedRequest, payment_id: UUID) -> Payment:
    """Return one's own payment, or any with the permission; else it is not there."""
    payments = Payment.objects.filter(pk=payment_id)
    user_id = request.user.pk
    own = Q(buyer_id=user_id) | Q(order__user_id=user_id)
    found = payments.filter(own).first()
    if found is None and request.user.has_perm(MAY_VIEW):
        found = payments.first()
    if found is None:
        raise PaymentNotFound
    return found


def raw_body(request: Request) -> bytes:
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not announced.isdecimal() or int(announced) > MAX_WEBHOOK_BYTES:
        raise BodyTooLarge
    try:
        # Signatures are over the very bytes, so nothing may parse them before.
        body: bytes = request._request.body  # noqa: SLF001 — DRF offers no other way
    except RequestDataTooBig:
        raise BodyTooLarge from None
    return body
