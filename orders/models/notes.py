"""What staff write to each other about an order."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from orders.models.order import Order


class OrderNote(models.Model):
    """A note of staff. Its text goes when the shopper wants to be forgotten."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="staff_notes"
    )
    text = models.CharField(_("note"), max_length=1000, blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    written_at = models.DateTimeField(_("written"), db_default=Now())

    class Meta:
        triggers = [
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            # Not the text: it may name a person.
            pgtrigger.ReadOnly(name="frozen", fields=["order", "author", "written_at"]),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.written_at:%Y-%m-%d %H:%M}"
