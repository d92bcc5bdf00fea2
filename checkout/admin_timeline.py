"""What happened to an order, by whom and why, in one order of time."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext_lazy as _

from common import audit, dossier
from common.dossier import Moment, Sees
from common.money import money
from orders.models import (
    DEAD,
    AddressChange,
    Fulfilment,
    FulfilmentEvent,
    Order,
    OrderEvent,
    OrderNote,
    OrderStatus,
    Return,
)
from payments.models import Payment, PaymentState, Refund, RefundLeg

# What the log calls a note, whose words stand in the note itself.
NOTED = "Add a note"
BY_STATUS = {
    OrderStatus.PENDING: "warn",
    OrderStatus.PAID: "info",
    OrderStatus.PROCESSING: "info",
    OrderStatus.SHIPPED: "info",
    OrderStatus.DELIVERED: "good",
}


def timeline_of(order: Order, sees: Sees) -> list[Moment]:
    """Return all that is known to have happened, the latest last.

    Money is told to those who may see payments, letters to those who may see messages.
    """
    moments = [*_steps(order), *_parcels(order), *_returns(order), *_notes(order)]
    if sees("payments.view_payment"):
        moments += _money(order)
    for chapter in dossier.chapters("order", str(order.pk), sees):
        moments += chapter.moments
    return sorted(moments, key=lambda moment: moment.at)


def _steps(order: Order) -> Iterator[Moment]:
    for event in OrderEvent.objects.filter(order=order).select_related("actor"):
        status = OrderStatus(event.to_status)
        kind = "bad" if status in DEAD else BY_STATUS[status]
        yield Moment(
            event.happened_at,
            status.label,
            detail=event.reason,
            actor=_name(event.actor),
            kind=kind,
        )
    for change in AddressChange.objects.filter(order=order).select_related("actor"):
        before = ", ".join(str(part) for part in change.before.values() if part)
        yield Moment(
            change.happened_at,
            _("Sent elsewhere"),
            detail=str(_("before: %(address)s") % {"address": before}),
            actor=_name(change.actor),
            kind="warn",
        )


def _parcels(order: Order) -> Iterator[Moment]:
    for parcel in Fulfilment.objects.filter(order=order).order_by("pk"):
        yield Moment(parcel.shipped_at, _("Parcel"), detail=str(parcel), kind="info")
    scans = FulfilmentEvent.objects.filter(fulfilment__order=order)
    for scan in scans.select_related("fulfilment").order_by("pk"):
        words = [scan.fulfilment.tracking_number, scan.text, scan.place]
        yield Moment(
            scan.happened_at,
            scan.get_stage_display(),
            detail=", ".join(word for word in words if word),
        )


def _returns(order: Order) -> Iterator[Moment]:
    for asked in Return.objects.filter(order=order).order_by("pk"):
        yield Moment(
            asked.requested_at, _("Return asked for"), detail=asked.reason, kind="warn"
        )
        if asked.closed_at is not None:
            what = _("Return: %(state)s") % {"state": asked.get_state_display()}
            yield Moment(asked.closed_at, what, detail=asked.answer)


def _notes(order: Order) -> Iterator[Moment]:
    for note in OrderNote.objects.filter(order=order).select_related("author"):
        yield Moment(
            note.written_at,
            _("Note"),
            detail=note.text,
            actor=_name(note.author),
            kind="note",
        )
    # What changed the order is told by what it changed.
    for entry in _log(order):
        told = audit.read(entry)
        if not told.changes() and told.action != NOTED:
            yield Moment(
                entry.action_time,
                told.action,
                detail=told.reason,
                actor=_name(entry.user),
            )


def _log(order: Order) -> Any:
    return LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Order), object_id=str(order.pk)
    ).select_related("user")


def _money(order: Order) -> Iterator[Moment]:
    for payment in Payment.objects.filter(order=order).order_by("pk"):
        what = f"{payment.get_method_display()}: {money(payment.amount)}"
        if payment.captured_at is not None:
            yield Moment(payment.captured_at, _("Payment"), detail=what, kind="good")
        elif payment.state != PaymentState.CAPTURED:
            words = [what, str(payment.get_state_display()), payment.note]
            yield Moment(
                payment.created_at,
                _("Attempt to pay"),
                detail=", ".join(word for word in words if word),
            )
    for refund in Refund.objects.filter(order=order).select_related("actor"):
        yield Moment(
            refund.refunded_at,
            _("Refund"),
            detail=f"{money(refund.amount)}: {refund.reason}",
            actor=_name(refund.actor) or str(_("the shop")),
            kind="warn",
        )
    legs = RefundLeg.objects.filter(payment__order=order).select_related(
        "payment", "refund"
    )
    for leg in legs.order_by("pk"):
        if leg.done_at is not None and leg.done_at != leg.refund.refunded_at:
            way = leg.payment.get_method_display()
            yield Moment(
                leg.done_at,
                leg.get_state_display(),
                detail=f"{way}: {money(leg.amount)} {leg.note}".strip(),
                kind="good",
            )


def _name(user: Any) -> str:
    return str(user) if user is not None else ""
