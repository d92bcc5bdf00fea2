"""Stock, the journal that explains it, and who waits for what."""

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
    CORRECTED = "corrected", _("Corrected")
    DAMAGED = "damaged", _("Damaged")
    LOST = "lost", _("Lost or stolen")
    BROUGHT_BACK = "brought_back", _("Brought back, no order known")
    RESERVED = "reserved", _("Reserved for an unpaid order")
    RELEASED = "released", _("Reservation released")
    COMMITTED = "committed", _("Reservation sold")
    SOLD = "sold", _("Sold at once")
    RETURNED = "returned", _("Returned from an order")
    HELD = "held", _("Kept for one shopper")
    UNHELD = "unheld", _("Not kept any longer")


# Staff give a reason of these kinds; the others belong to orders and holds.
STAFF_KINDS = (
    MovementKind.RECEIVED,
    MovementKind.COUNTED,
    MovementKind.CORRECTED,
    MovementKind.DAMAGED,
    MovementKind.LOST,
    MovementKind.BROUGHT_BACK,
)
# Those of which there can only be more, or only fewer.
ALWAYS_MORE = (MovementKind.RECEIVED, MovementKind.BROUGHT_BACK)
ALWAYS_FEWER = (MovementKind.DAMAGED, MovementKind.LOST)

# From so few on staff are told to order more.
LOW_STOCK = 5
# So long a unit that is back is kept for the one who waited for it.
HOLD_MINUTES = 30


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
    # What moved it besides the order: a return, a refund, a hold.
    reference = models.CharField(
        _("reference"), max_length=64, blank=True, db_default=""
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
                | Q(kind=MovementKind.HELD, on_hand_delta=0, reserved_delta__gt=0)
                | Q(kind=MovementKind.UNHELD, on_hand_delta=0, reserved_delta__lt=0)
                | Q(
                    kind=MovementKind.COMMITTED,
                    on_hand_delta__lt=0,
                    reserved_delta=F("on_hand_delta"),
                )
                | Q(kind=MovementKind.SOLD, on_hand_delta__lt=0, reserved_delta=0)
                | Q(kind=MovementKind.RETURNED, on_hand_delta__gt=0, reserved_delta=0)
                | Q(kind__in=ALWAYS_MORE, on_hand_delta__gt=0, reserved_delta=0)
                | Q(kind__in=ALWAYS_FEWER, on_hand_delta__lt=0, reserved_delta=0)
                | (
                    Q(
                        kind__in=[MovementKind.COUNTED, MovementKind.CORRECTED],
                        reserved_delta=0,
                    )
                    & ~Q(on_hand_delta=0)
                ),
                name="stock_movement_signs_match_kind",
            ),
            # An order takes, releases or sells each product once. It can come back in
            # parts, each under a reference of its own.
            models.UniqueConstraint(
                fields=["order", "product", "kind", "reference"],
                name="stock_movement_once_per_order_and_kind",
            ),
            models.UniqueConstraint(
                fields=["order", "product"],
                condition=Q(kind__in=[MovementKind.RELEASED, MovementKind.COMMITTED]),
                name="stock_movement_reservation_settled_once",
            ),
            models.UniqueConstraint(
                fields=["reference", "kind"],
                condition=Q(kind__in=[MovementKind.HELD, MovementKind.UNHELD]),
                name="stock_movement_hold_made_and_settled_once",
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


class AlertState(models.TextChoices):
    """How far a wish to be told has come."""

    WAITING = "waiting", _("Waiting")
    OFFERED = "offered", _("One is kept")
    CLAIMED = "claimed", _("Bought")
    LAPSED = "lapsed", _("Not taken in time")
    CANCELLED = "cancelled", _("Called off")


OPEN = (AlertState.WAITING, AlertState.OFFERED)
# A shopper is known by their account, a guest by an e-mail address.
ONE_OWNER = Q(user__isnull=False, email="") | (Q(user__isnull=True) & ~Q(email=""))


class RestockAlertQuerySet(models.QuerySet["RestockAlert"]):
    def open(self) -> "RestockAlertQuerySet":
        """Keep those that something can still come of."""
        return self.filter(state__in=OPEN)

    def waiting(self) -> "RestockAlertQuerySet":
        """Keep those in the line, to be told."""
        return self.filter(state=AlertState.WAITING)

    def of(self, *, user_id: int | None, email: str) -> "RestockAlertQuerySet":
        """Keep a shopper's own; with ``user_id`` ``None`` those of a guest's e-mail."""
        if user_id is not None:
            return self.filter(user_id=user_id)
        return self.filter(user=None, email=email)


class RestockAlert(models.Model):
    """Somebody wants to be told when a product is back: a place in its line."""

    product = models.ForeignKey(
        "catalog.Product",
        on_delete=models.PROTECT,
        related_name="restock_alerts",
        db_index=False,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="restock_alerts",
    )
    # Of a guest only, in small letters; a shopper's is looked up when it is needed.
    email = models.EmailField(_("e-mail"), max_length=254, blank=True)
    language = models.CharField(_("language"), max_length=8)
    state = models.CharField(
        _("state"), max_length=16, choices=AlertState, default=AlertState.WAITING
    )
    created_at = models.DateTimeField(_("asked"), db_default=Now())
    offered_at = models.DateTimeField(_("told"), null=True)

    objects = RestockAlertQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=AlertState.values),
                name="restock_alert_state_known",
            ),
            models.CheckConstraint(condition=ONE_OWNER, name="restock_alert_one_owner"),
            models.CheckConstraint(
                condition=Q(state=AlertState.WAITING, offered_at__isnull=True)
                | Q(state=AlertState.CANCELLED)
                | (~Q(state=AlertState.WAITING) & Q(offered_at__isnull=False)),
                name="restock_alert_told_once_offered",
            ),
            models.UniqueConstraint(
                fields=["user", "product"],
                condition=Q(state__in=OPEN, user__isnull=False),
                name="restock_alert_one_open_per_user",
            ),
            models.UniqueConstraint(
                fields=["email", "product"],
                condition=Q(state__in=OPEN, user__isnull=True),
                name="restock_alert_one_open_per_email",
            ),
        ]
        indexes = [
            # The line, looked at whenever a stock goes up.
            models.Index(
                fields=["product", "id"],
                condition=Q(state=AlertState.WAITING),
                name="restock_alert_line",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.owner}: {self.get_state_display()}"

    @property
    def owner(self) -> str:
        return self.email or str(self.user)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN


class HoldState(models.TextChoices):
    """What became of a unit that was kept."""

    ACTIVE = "active", _("Kept")
    CLAIMED = "claimed", _("Bought")
    RELEASED = "released", _("Given up")


class HoldQuerySet(models.QuerySet["Hold"]):
    def active(self) -> "HoldQuerySet":
        """Keep those that count as reserved stock."""
        return self.filter(state=HoldState.ACTIVE)

    def usable(self) -> "HoldQuerySet":
        """Keep those that still buy something, by the database's clock."""
        return self.active().filter(expires_at__gt=Now())

    def due(self) -> "HoldQuerySet":
        """Keep those whose time is up, by the database's clock."""
        return self.active().filter(expires_at__lte=Now())

    def of(self, *, user_id: int | None, email: str) -> "HoldQuerySet":
        """Keep what checkout lets this shopper buy; an e-mail is a guest's too."""
        own = Q(user=None, email=email.strip().lower())
        return self.filter(own if user_id is None else own | Q(user_id=user_id))


class Hold(models.Model):
    """Units that only one shopper can buy for a while; a part of what is reserved."""

    # An alert is offered at most once, whatever the stock does afterwards.
    alert = models.OneToOneField(
        RestockAlert, on_delete=models.PROTECT, related_name="hold"
    )
    product = models.ForeignKey(
        "catalog.Product",
        on_delete=models.PROTECT,
        related_name="holds",
        db_index=False,
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="holds",
        db_index=False,
    )
    email = models.EmailField(_("e-mail"), max_length=254, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    state = models.CharField(
        _("state"), max_length=16, choices=HoldState, default=HoldState.ACTIVE
    )
    # What it was used for.
    order = models.ForeignKey(
        "orders.Order",
        on_delete=models.PROTECT,
        null=True,
        related_name="holds",
        db_index=False,
    )
    created_at = models.DateTimeField(_("kept since"), db_default=Now())
    expires_at = models.DateTimeField(_("kept until"))
    settled_at = models.DateTimeField(_("bought or given up"), null=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state=HoldState.ACTIVE, settled_at__isnull=True, order__isnull=True
                )
                | Q(
                    state=HoldState.CLAIMED,
                    settled_at__isnull=False,
                    order__isnull=False,
                )
                | Q(
                    state=HoldState.RELEASED,
                    settled_at__isnull=False,
                    order__isnull=True,
                ),
                name="hold_settled_as_its_state_says",
            ),
            models.CheckConstraint(condition=ONE_OWNER, name="hold_one_owner"),
            models.CheckConstraint(
                condition=Q(quantity__gt=0), name="hold_quantity_positive"
            ),
        ]
        indexes = [
            # What a shopper may buy of a product; checkout asks for each line.
            models.Index(
                fields=["product"],
                condition=Q(state=HoldState.ACTIVE),
                name="hold_active",
            ),
            # Those whose time is up.
            models.Index(
                fields=["expires_at"],
                condition=Q(state=HoldState.ACTIVE),
                name="hold_due",
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="settled_once",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(
                    old__state__in=[HoldState.CLAIMED, HoldState.RELEASED],
                    old__state__df=pgtrigger.F("new__state"),
                ),
            )
        ]

    def __str__(self) -> str:
        return f"{self.quantity} for {self.email or self.user}"


class Aspect(models.TextChoices):
    """What a source speaks of; each has versions of its own, since each can be late."""

    PRICE = "price", _("Price")
    NAME = "name", _("Name")
    STOCK = "stock", _("Stock")


class SourceVersion(models.Model):
    """How far an outside system has told us of one aspect of a product."""

    source = models.CharField(_("source"), max_length=64)
    product = models.ForeignKey(
        "catalog.Product",
        on_delete=models.PROTECT,
        related_name="source_versions",
    )
    aspect = models.CharField(_("what of"), max_length=8, choices=Aspect)
    version = models.BigIntegerField(_("newest version"))
    taken = models.BigIntegerField(_("messages taken"))
    # Older than what we have, or the same again.
    repeated = models.BigIntegerField(_("messages too late or doubled"), db_default=0)
    heard_at = models.DateTimeField(_("last message"), db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(aspect__in=Aspect.values),
                name="source_version_aspect_known",
            ),
            models.CheckConstraint(
                condition=Q(version__gte=0, taken__gte=0, repeated__gte=0),
                name="source_version_counts_from_zero",
            ),
            models.UniqueConstraint(
                fields=["source", "product", "aspect"],
                name="source_version_once_per_aspect",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}: {self.get_aspect_display()} {self.version}"


class RefusedMessages(models.Model):
    """How many messages went to the dead letters on a shop day, of one kind."""

    day = models.DateField(_("day"))
    code = models.CharField(_("kind"), max_length=40)
    count = models.BigIntegerField(_("messages"))
    last_reason = models.CharField(_("last reason"), max_length=200)
    last_at = models.DateTimeField(_("last message"), db_default=Now())

    class Meta:
        verbose_name_plural = "refused messages"
        constraints = [
            models.UniqueConstraint(
                fields=["day", "code"], name="refused_messages_once_per_day_and_code"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.code}: {self.count}"
