"""How each customer buys, as last counted."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from coupons.models import Segment


class CustomerSegment(models.Model):
    """Recency, frequency and money of one customer. Replaced by night.

    Orders count once they were paid, unless they were called off; money is what was
    kept of it, in minor units.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="+",
    )
    segment = models.CharField(_("segment"), max_length=16, choices=Segment)
    last_paid_on = models.DateField(_("last bought"))
    orders = models.PositiveIntegerField(_("orders"))
    recent_orders = models.PositiveIntegerField(_("orders of 90 days"))
    recent_spent = models.BigIntegerField(_("spent in 90 days"))
    computed_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(
                fields=["segment", "-recent_spent", "user"], name="customer_segment"
            )
        ]

    def __str__(self) -> str:
        return f"user {self.user_id}: {self.segment}"
