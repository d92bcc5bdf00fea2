"""Stock, and the journal that explains it."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class MovementKind(models.TextChoices):
    """Why stock moved."""

    RECEIVED = "received", _("Received")
    COUNTED = "counted", _("Counted")
    DAMAGED = "damaged", _("Damaged or lost")
    RESERVED = "reserved", _("Reserved for an unpaid order")
    RELEASED = "released", _("Reservation released")
    COMMITTED = "committed", _("Reservation sold")
    SOLD = "sold", _("Sold at once")
    RETURNED = "returned", _("Returned by a cancelled order")


# Staff give a reason of these kinds; the others belong to orders.
STAFF_KINDS = (MovementKind.RECEIVED, MovementKind.COUNTED, MovementKind.DAMAGED)

# From so few on staff are told to order more.
LOW_STOCK = 5


class StockQuerySet(models.QuerySet["Stock"]):
    def lock(self, product_ids: list[int]) -> "StockQuerySet":
        """Lock rows in the one order that all of us take: by product id."""
        return (
            self.select_for_update(no_key=True)
            .filter(product_id__in=product_ids)
            .order_by("product_id")
        )

    def low(self) -> "StockQuerySet":
        """Keep what will be gone soon, or is."""
        return self.filter(on_hand__lte=F("reserved") + LOW_STOCK)


class Stock(models.Model):
    """What is in the warehouse of one product; a narrow row, for it is a hot one."""

    product = models.OneToOneField(
        "catalog.Product",
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="stock",
    )
    on_hand = models.BigIntegerField(_("on hand"), db_default=0)
    reserved = models.BigIntegerField(_("reserved"), db_default=0)
    version = models.BigIntegerField(db_default=0)

    objects = StockQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "stock"
        constraints = [
            models.CheckConstraint(
                condition=Q(reserved__gte=0, reserved__lte=F("on_hand")),
                name="stock_reserved_within_on_hand",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.on_hand} on hand, {self.reserved} reserved"

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved


class StockMovement(models.Model):
    """One change of a stock. Never changed or deleted; the stock is their sum."""

    product = models.ForeignKey(
        "catalog.Product",
        on_delete=models.PROTECT,
        related_name="stock_movements",
        db_index=False,
    )
    kind = models.CharField(_("kind"), max_length=16, choices=MovementKind)
    on_hand_delta = models.BigIntegerField(_("on hand ±"), db_default=0)
    reserved_delta = models.BigIntegerField(_("reserved ±"), db_default=0)
    on_hand_after = models.BigIntegerField(_("on hand after"))
    reserved_after = models.BigIntegerField(_("reserved after"))
    order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        null=True,
        related_name="stock_movements",
        db_index=False,
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    moved_at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    reserved_after__gte=0, reserved_after__lte=F("on_hand_after")
                ),
                name="stock_movement_result_possible",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind=MovementKind.RESERVED, on_hand_delta=0, reserved_delta__gt=0
                )
                | Q(kind=MovementKind.RELEASED, on_hand_delta=0, reserved_delta__lt=0)
                | Q(
                    kind=MovementKind.COMMITTED,
                    on_hand_delta__lt=0,
                    reserved_delta=F("on_hand_delta"),
                )
                | Q(kind=MovementKind.SOLD, on_hand_delta__lt=0, reserved_delta=0)
                | Q(kind=MovementKind.RETURNED, on_hand_delta__gt=0, reserved_delta=0)
                | Q(kind=MovementKind.RECEIVED, on_hand_delta__gt=0, reserved_delta=0)
                | Q(kind=MovementKind.DAMAGED, on_hand_delta__lt=0, reserved_delta=0)
                | (
                    Q(kind=MovementKind.COUNTED, reserved_delta=0) & ~Q(on_hand_delta=0)
                ),
                name="stock_movement_signs_match_kind",
            ),
            # An order takes, gives back or sells each product once.
            models.UniqueConstraint(
                fields=["order", "product", "kind"],
                name="stock_movement_once_per_order_and_kind",
            ),
            models.UniqueConstraint(
                fields=["order", "product"],
                condition=Q(kind__in=[MovementKind.RELEASED, MovementKind.COMMITTED]),
                name="stock_movement_reservation_settled_once",
            ),
        ]
        indexes = [
            models.Index(fields=["product", "-id"], name="stock_movement_recent")
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only",
                operation=pgtrigger.Update | pgtrigger.Delete,
            )
        ]

    def __str__(self) -> str:
        kind = self.get_kind_display()
        return f"{kind} {self.on_hand_delta:+d}/{self.reserved_delta:+d}"
