"""Parcels on their way to the shopper, and goods on their way back."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from orders.models.order import Order, OrderLine


class ParcelStage(models.TextChoices):
    """How far a parcel has come. It only moves on, in this order."""

    SHIPPED = "shipped", _("Handed to the carrier")
    IN_TRANSIT = "in_transit", _("On its way")
    OUT_FOR_DELIVERY = "out_for_delivery", _("Out for delivery")
    DELIVERED = "delivered", _("Delivered")


PARCEL_STAGES = tuple(ParcelStage)


class FulfilmentQuerySet(models.QuerySet["Fulfilment"]):
    def under_way(self) -> "FulfilmentQuerySet":
        return self.filter(delivered_at=None)


class Fulfilment(models.Model):
    """A parcel, with a part or all of an order's goods in it."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="fulfilments"
    )
    # The carrier's name for people, and its adapter's code if the shop speaks to it.
    carrier = models.CharField(_("carrier"), max_length=60)
    carrier_code = models.CharField(max_length=20, blank=True, db_default="")
    tracking_number = models.CharField(_("tracking number"), max_length=80, blank=True)
    tracking_url = models.URLField(_("tracking link"), max_length=300, blank=True)
    label_url = models.URLField(_("label"), max_length=300, blank=True)
    stage = models.CharField(
        _("stage"),
        max_length=20,
        choices=ParcelStage,
        db_default=ParcelStage.SHIPPED,
        default=ParcelStage.SHIPPED,
    )
    shipped_at = models.DateTimeField(_("shipped"), db_default=Now())
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    # When its carrier is to be asked again.
    next_look_at = models.DateTimeField(null=True, blank=True, db_default=Now())

    objects = FulfilmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(stage__in=ParcelStage.values),
                name="fulfilment_stage_known",
            ),
            models.CheckConstraint(
                condition=Q(stage=ParcelStage.DELIVERED, delivered_at__isnull=False)
                | (~Q(stage=ParcelStage.DELIVERED) & Q(delivered_at__isnull=True)),
                name="fulfilment_delivered_at_set_once_delivered",
            ),
        ]
        indexes = [
            models.Index(fields=["tracking_number"], name="fulfilment_tracking"),
            # The job that asks carriers.
            models.Index(
                fields=["next_look_at"],
                condition=Q(delivered_at__isnull=True) & ~Q(carrier_code=""),
                name="fulfilment_to_look_at",
            ),
        ]
        triggers = [
            pgtrigger.FSM(
                name="stage_moves_on",
                field="stage",
                transitions=[
                    (str(before), str(after))
                    for place, before in enumerate(PARCEL_STAGES)
                    for after in PARCEL_STAGES[place + 1 :]
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier} {self.tracking_number}"


class FulfilmentLine(models.Model):
    """How many of an order line are in a parcel. Never changed or deleted."""

    fulfilment = models.ForeignKey(
        Fulfilment, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    order_line = models.ForeignKey(
        OrderLine, on_delete=models.PROTECT, related_name="fulfilment_lines"
    )
    quantity = models.PositiveIntegerField(_("quantity"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["fulfilment", "order_line"],
                name="fulfilment_line_once_per_parcel",
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1), name="fulfilment_line_quantity_positive"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.order_line_id}"


class FulfilmentEvent(models.Model):
    """A line of a parcel's way, as its carrier or staff told. Never changed."""

    fulfilment = models.ForeignKey(
        Fulfilment, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    # The carrier's own id of the scan: a repeated one is not written twice.
    event_id = models.CharField(max_length=100)
    stage = models.CharField(_("stage"), max_length=20, choices=ParcelStage)
    text = models.CharField(_("what"), max_length=200, blank=True)
    place = models.CharField(_("where"), max_length=120, blank=True)
    happened_at = models.DateTimeField(_("when"), db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["fulfilment", "event_id"], name="fulfilment_event_once"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_stage_display()} {self.text}"


class ReturnState(models.TextChoices):
    """How far a return has come."""

    REQUESTED = "requested", _("Requested")
    APPROVED = "approved", _("Approved")
    REJECTED = "rejected", _("Rejected")
    RECEIVED = "received", _("Received and refunded")
    WITHDRAWN = "withdrawn", _("Withdrawn")


NEXT_RETURN_STATES: dict[ReturnState, frozenset[ReturnState]] = {
    ReturnState.REQUESTED: frozenset(
        {ReturnState.APPROVED, ReturnState.REJECTED, ReturnState.WITHDRAWN}
    ),
    ReturnState.APPROVED: frozenset({ReturnState.RECEIVED, ReturnState.WITHDRAWN}),
    ReturnState.REJECTED: frozenset(),
    ReturnState.RECEIVED: frozenset(),
    ReturnState.WITHDRAWN: frozenset(),
}
OPEN_RETURNS = (ReturnState.REQUESTED, ReturnState.APPROVED)


class Return(models.Model):
    """A shopper's wish to send something back, and what became of it."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="returns")
    state = models.CharField(
        _("state"),
        max_length=16,
        choices=ReturnState,
        default=ReturnState.REQUESTED,
        db_default=ReturnState.REQUESTED,
    )
    reason = models.CharField(_("reason"), max_length=500)
    # What staff answered.
    answer = models.CharField(_("answer"), max_length=500, blank=True, db_default="")
    requested_at = models.DateTimeField(_("requested"), db_default=Now())
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ReturnState.values), name="return_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=OPEN_RETURNS, closed_at__isnull=True)
                | (~Q(state__in=OPEN_RETURNS) & Q(closed_at__isnull=False)),
                name="return_closed_at_set_once_closed",
            ),
            # One at a time: what is left to return is clear to everybody.
            models.UniqueConstraint(
                fields=["order"],
                condition=Q(state__in=OPEN_RETURNS),
                name="return_one_open_per_order",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.FSM(
                name="state_transitions",
                field="state",
                transitions=[
                    (str(before), str(after))
                    for before, nexts in NEXT_RETURN_STATES.items()
                    for after in sorted(nexts)
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"Return of {self.order_id}"

    def can_become(self, state: ReturnState) -> bool:
        return state in NEXT_RETURN_STATES[ReturnState(self.state)]


class ReturnLine(models.Model):
    """How many of an order line are to come back, and what came."""

    parent = models.ForeignKey(
        Return, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    order_line = models.ForeignKey(
        OrderLine, on_delete=models.PROTECT, related_name="return_lines"
    )
    quantity = models.PositiveIntegerField(_("quantity"))
    # Of what came: so many went back on the shelf, the rest was written off.
    restocked = models.PositiveIntegerField(_("restocked"), db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "order_line"], name="return_line_once_per_return"
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, restocked__lte=models.F("quantity")),
                name="return_line_restocked_within_quantity",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="frozen", fields=["parent", "order_line", "quantity"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} of line {self.order_line_id}"
