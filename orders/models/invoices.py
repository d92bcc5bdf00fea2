"""The numbers under which paid orders are in the merchant's books."""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from orders.models.order import Order


class Invoice(models.Model):
    """The number under which a paid order is in the books: 1, 2, 3 … without a gap."""

    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, primary_key=True, related_name="invoice"
    )
    number = models.BigIntegerField(_("number"), unique=True)
    issued_at = models.DateTimeField(_("issued"), db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(number__gte=1), name="invoice_number_positive"
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="append_only", operation=pgtrigger.Update | pgtrigger.Delete
            )
        ]

    def __str__(self) -> str:
        return f"Invoice {self.number}"
