"""What people are told: the list in the shop, and every message that left it."""

from datetime import datetime, timedelta

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# A subscription of a browser is longer than the tokens of phones.
LONGEST_TOKEN = 1_000
LATE_AFTER = timedelta(minutes=15)


class Channel(models.TextChoices):
    """A way a message takes; the list in the shop itself is none."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("Text message")
    BROWSER = "browser", _("Browser")


class MessageState(models.TextChoices):
    """What became of a message."""

    QUEUED = "queued", _("Queued")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Not sent")


class Group(models.TextChoices):
    """What a kind of news is about: the unit of filters and preferences."""

    ORDERS = "orders", _("Orders")
    PAYMENTS = "payments", _("Payments and refunds")
    RETURNS = "returns", _("Returns")
    REVIEWS = "reviews", _("Your reviews")
    STOCK = "stock", _("Back in stock")
    REWARDS = "rewards", _("Coupons and points")
    PROMOTIONS = "promotions", _("Offers")


class Platform(models.TextChoices):
    """Whose service brings news to a phone."""

    IOS = "ios", "iOS"
    ANDROID = "android", "Android"
    WEB = "web", _("Browser")


class NotificationQuerySet(models.QuerySet["Notification"]):
    def of_user(self, user_id: int) -> "NotificationQuerySet":
        return self.filter(user_id=user_id)

    def unread(self) -> "NotificationQuerySet":
        return self.filter(read_at__isnull=True)

    def in_group(self, group: str) -> "NotificationQuerySet":
        return self.filter(group=group)

    def newest_first(self) -> "NotificationQuerySet":
        return self.order_by("-id")


class Notification(models.Model):
    """One piece of news in a shopper's list; worded when it is read.

    The ids of one shopper become visible in their order, so the last one seen is a
    cursor after which nothing is missed.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notifications",
        db_index=False,
    )
    event_id = models.UUIDField(editable=False)
    kind = models.CharField(_("kind"), max_length=40)
    group = models.CharField(_("group"), max_length=16, choices=Group)
    # Names and numbers only: the sentence is written in the reader's language.
    params = models.JSONField(default=dict)
    url = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(_("time"), db_default=Now(), editable=False)
    read_at = models.DateTimeField(_("read"), null=True, blank=True)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event_id", "user"], name="notification_once_per_event_and_user"
            ),
            models.CheckConstraint(
                condition=Q(group__in=Group.values), name="notification_group_known"
            ),
            models.CheckConstraint(
                condition=Q(read_at__isnull=True) | Q(read_at__gte=F("created_at")),
                name="notification_read_after_it_came",
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-id"], name="notification_newest"),
            # The number on the bell.
            models.Index(
                fields=["user"],
                condition=Q(read_at__isnull=True),
                name="notification_unread",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="frozen", fields=["user", "event_id", "kind", "params"]
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} → user {self.user_id}"


class MessageQuerySet(models.QuerySet["Message"]):
    def queued(self) -> "MessageQuerySet":
        return self.filter(state=MessageState.QUEUED)

    def late(self) -> "MessageQuerySet":
        """Keep what should have gone out long ago."""
        return self.queued().filter(due_at__lt=Now() - LATE_AFTER)

    def failed(self) -> "MessageQuerySet":
        """Keep what was given up, and nobody has seen to since."""
        return self.filter(state=MessageState.FAILED)

    def due(self, channel: str, now: datetime) -> "MessageQuerySet":
        return self.queued().filter(channel=channel, due_at__lte=now)


class Message(models.Model):
    """A message to one recipient by one channel: it waits, was sent, or was not."""

    event_id = models.UUIDField(_("event"), editable=False)
    # Nobody for a guest, who is known by the e-mail address alone.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="messages",
        db_index=False,
    )
    guest_email = models.EmailField(_("guest"), max_length=254, blank=True)
    channel = models.CharField(_("channel"), max_length=16, choices=Channel)
    # An e-mail address or a phone number, as it was when the message was made.
    address = models.CharField(_("address"), max_length=254, blank=True)
    kind = models.CharField(_("kind"), max_length=40)
    language = models.CharField(_("language"), max_length=8)
    params = models.JSONField(default=dict)
    url = models.CharField(max_length=500, blank=True)
    state = models.CharField(
        _("state"), max_length=16, choices=MessageState, default=MessageState.QUEUED
    )
    # Why it was not sent, or the last attempt's error.
    reason = models.CharField(_("reason"), max_length=300, blank=True, db_default="")
    attempts = models.PositiveIntegerField(_("attempts"), db_default=0)
    # The end of quiet hours, of a pause, or of the lease of a worker that is busy.
    due_at = models.DateTimeField(_("due"), db_default=Now())
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    # What the provider calls it.
    reference = models.CharField(
        _("reference"), max_length=100, blank=True, db_default=""
    )
    created_at = models.DateTimeField(_("time"), db_default=Now(), editable=False)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event_id", "user", "channel"],
                condition=Q(user__isnull=False),
                name="message_once_per_event_user_and_channel",
            ),
            models.UniqueConstraint(
                fields=["event_id", "guest_email", "channel"],
                condition=Q(user__isnull=True),
                name="message_once_per_event_guest_and_channel",
            ),
            models.CheckConstraint(
                condition=Q(user__isnull=False, guest_email="")
                | (Q(user__isnull=True) & ~Q(guest_email="")),
                name="message_to_a_user_or_a_guest",
            ),
            models.CheckConstraint(
                condition=Q(state__in=MessageState.values), name="message_state_known"
            ),
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values), name="message_channel_known"
            ),
            models.CheckConstraint(
                condition=Q(state=MessageState.SENT, sent_at__isnull=False)
                | (~Q(state=MessageState.SENT) & Q(sent_at__isnull=True)),
                name="message_sent_at_set_when_sent",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[MessageState.QUEUED, MessageState.SENT])
                | ~Q(reason=""),
                name="message_not_sent_for_a_reason",
            ),
        ]
        indexes = [
            # What is sent next.
            models.Index(
                fields=["channel", "due_at", "id"],
                condition=Q(state=MessageState.QUEUED),
                name="message_due",
            ),
            models.Index(fields=["user", "-id"], name="message_of_user"),
            # What waits for a person.
            models.Index(
                fields=["id"],
                condition=Q(state=MessageState.FAILED),
                name="message_failed",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(
                name="frozen",
                fields=["event_id", "user", "guest_email", "channel", "kind", "params"],
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} → {self.address or self.recipient} ({self.channel})"

    @property
    def recipient(self) -> str:
        return self.guest_email or f"user {self.user_id}"


class Preference(models.Model):
    """What a shopper said about a channel for a group; else the group's default."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notification_preferences",
        db_index=False,
    )
    group = models.CharField(_("group"), max_length=16, choices=Group)
    channel = models.CharField(_("channel"), max_length=16, choices=Channel)
    is_on = models.BooleanField(_("on"))

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "group", "channel"],
                name="preference_once_per_user_group_and_channel",
            ),
            models.CheckConstraint(
                condition=Q(group__in=Group.values, channel__in=Channel.values),
                name="preference_group_and_channel_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group} by {self.channel}: {'on' if self.is_on else 'off'}"


class QuietHours(models.Model):
    """When a shopper's phone and screen are left alone, in the shop's zone."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="quiet_hours",
    )
    # From later than until means over midnight.
    starts = models.TimeField(_("from"))
    ends = models.TimeField(_("until"))

    class Meta:
        verbose_name_plural = "quiet hours"
        constraints = [
            models.CheckConstraint(
                condition=~Q(starts=F("ends")), name="quiet_hours_have_an_end"
            )
        ]

    def __str__(self) -> str:
        return f"{self.starts:%H:%M}–{self.ends:%H:%M}"


class PushDevice(models.Model):
    """A phone that can be sent news, by what its maker's service knows it as."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="push_devices"
    )
    platform = models.CharField(_("platform"), max_length=8, choices=Platform)
    # Whoever knows it can send to that phone, so it is never shown.
    token = models.CharField(max_length=LONGEST_TOKEN, unique=True, editable=False)
    registered_at = models.DateTimeField(_("registered"), default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(platform__in=Platform.values),
                name="push_device_platform_known",
            ),
            models.CheckConstraint(
                condition=~Q(token=""), name="push_device_has_a_token"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_platform_display()} of user {self.user_id}"


class ChannelState(models.Model):
    """Whether a channel can be reached, as the workers last found it."""

    channel = models.CharField(
        _("channel"), max_length=16, choices=Channel, primary_key=True
    )
    failures = models.PositiveIntegerField(_("failures in a row"), db_default=0)
    # Until then nobody tries; then one worker does, with one message.
    closed_until = models.DateTimeField(_("closed until"), null=True, blank=True)
    last_error = models.CharField(
        _("last error"), max_length=300, blank=True, db_default=""
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(channel__in=Channel.values),
                name="channel_state_channel_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.channel}: {self.failures} failures"
