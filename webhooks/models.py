"""The addresses of other systems."""

from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# Whom the outbox calls for an endpoint, whose id stands behind it.
PUSH = "webhooks.sending.push"
# How long a secret that was replaced still signs, beside the new one.
OLD_SECRET_SIGNS = timedelta(days=1)


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def enabled(self) -> "EndpointQuerySet":
        return self.filter(disabled_at__isnull=True)


class Endpoint(models.Model):
    """Another system's address, and what it wants to be told of there."""

    url = models.URLField(_("address"), max_length=500)
    description = models.CharField(
        _("description"), max_length=200, blank=True, db_default=""
    )
    topics = ArrayField(models.CharField(max_length=64), verbose_name=_("topics"))
    # Signing takes the secret itself, so it cannot be kept as a hash.
    secret = models.CharField(max_length=100, editable=False)
    old_secret = models.CharField(
        max_length=100, blank=True, db_default="", editable=False
    )
    old_secret_until = models.DateTimeField(null=True, editable=False)
    disabled_at = models.DateTimeField(_("switched off"), null=True, editable=False)
    disabled_because = models.CharField(
        _("why"), max_length=200, blank=True, db_default="", editable=False
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook endpoint")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(topics__len__gte=1), name="endpoint_wants_something"
            ),
            models.CheckConstraint(
                condition=Q(old_secret="", old_secret_until__isnull=True)
                | (~Q(old_secret="") & Q(old_secret_until__isnull=False)),
                name="endpoint_old_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None

    @property
    def subscriber(self) -> str:
        """Its name in the outbox."""
        return f"{PUSH}#{self.pk}"

    def signers(self) -> list[str]:
        """Return the secrets that sign now, the newest first."""
        until = self.old_secret_until
        if until is None or until <= timezone.now():
            return [self.secret]
        return [self.secret, self.old_secret]
