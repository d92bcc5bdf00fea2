"""What consenting shoppers look at, under a pseudonym, and what they chose."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Behaviour(models.TextChoices):
    """What somebody did."""

    VIEW = "view", _("Looked at a product")
    SEARCH = "search", _("Searched")
    ADD = "add", _("Put into the cart")
    REMOVE = "remove", _("Took out of the cart")
    PURCHASE = "purchase", _("Bought")
    # What the test of the recommendations counts.
    SHOWN = "shown", _("Was shown a list")
    CLICK = "click", _("Followed a list")


# What searches and lists were about, besides a product.
WITHOUT_PRODUCT = (Behaviour.SEARCH, Behaviour.SHOWN)


class BehaviourEvent(models.Model):
    """One act of one actor. Written with consent only, forgotten after 90 days.

    ``actor`` and ``session`` are keyed hashes: whoever reads this table learns neither
    who it was nor from where.
    """

    # Chosen by the sender, so that a batch may be sent again.
    event_id = models.UUIDField(editable=False)
    kind = models.CharField(_("what"), max_length=16, choices=Behaviour)
    actor = models.UUIDField(_("actor"), editable=False)
    session = models.UUIDField(_("visit"), editable=False)
    product = models.ForeignKey(
        "catalog.Product",
        on_delete=models.CASCADE,
        null=True,
        related_name="behaviour_events",
        db_index=False,
    )
    query = models.CharField(_("search"), max_length=100, blank=True, db_default="")
    # The page or the list it happened on.
    source = models.CharField(_("where"), max_length=24, blank=True, db_default="")
    at = models.DateTimeField(_("time"))
    received_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            # Of one actor: nobody can use up the ids of somebody else.
            models.UniqueConstraint(
                fields=["actor", "event_id"], name="behaviour_event_once_per_actor"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=Behaviour.values),
                name="behaviour_event_kind_known",
            ),
            models.CheckConstraint(
                condition=Q(product__isnull=False) | Q(kind__in=WITHOUT_PRODUCT),
                name="behaviour_event_about_a_product",
            ),
        ]
        indexes = [
            models.Index(fields=["actor", "-at"], name="behaviour_event_of_actor"),
            # Forgetting, and each window that is counted.
            models.Index(fields=["at"], name="behaviour_event_at"),
            # A product that is deleted takes its events with it.
            models.Index(
                fields=["product", "at"],
                condition=Q(product__isnull=False),
                name="behaviour_event_of_product",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.at}"


class Privacy(models.Model):
    """What a shopper said about being observed, and about recommendations."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="privacy",
    )
    # Nothing yet: not asked, so no.
    consents = models.BooleanField(_("may be observed"), null=True)
    wants_recommendations = models.BooleanField(
        _("wants recommendations"), default=True, db_default=True
    )
    changed_at = models.DateTimeField(_("changed"), db_default=Now())

    class Meta:
        verbose_name_plural = "privacy"

    def __str__(self) -> str:
        return f"privacy of user {self.user_id}"


class NotInterested(models.Model):
    """A product that a shopper does not want to be shown in any list."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="not_interested",
        db_index=False,
    )
    product = models.ForeignKey(
        "catalog.Product", on_delete=models.CASCADE, related_name="+"
    )
    at = models.DateTimeField(_("time"), db_default=Now())

    class Meta:
        verbose_name_plural = "not interested"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "product"], name="not_interested_once_per_product"
            )
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} without product {self.product_id}"
