"""People and where they live."""

from typing import Any

import pgtrigger
from django.conf import settings
from django.contrib.auth.models import (
    AbstractBaseUser,
    BaseUserManager,
    PermissionsMixin,
)
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from common.tombstones import leaves_tombstone

# Kinds of authenticators that count; recovery codes only stand in for one.
SECOND_STEPS = ("totp", "webauthn")


class UserManager(BaseUserManager["User"]):
    """Makes users; e-mail addresses are compared without regard to case."""

    def create_user(
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        """Create a user; without a password they can only sign in by reset."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(
        self, email: str, password: str | None = None, **fields: Any
    ) -> "User":
        """Create somebody who may do everything."""
        return self.create_user(
            email, password, is_staff=True, is_superuser=True, **fields
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        """Find a user by e-mail address, in whatever case it is typed."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A shopper or a member of staff; signs in with an e-mail address."""

    email = models.EmailField(_("e-mail"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=150, blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    language = models.CharField(_("language"), max_length=8, default="en")
    wants_marketing_email = models.BooleanField(_("marketing e-mail"), default=False)
    wants_marketing_sms = models.BooleanField(
        _("marketing text messages"), default=False, db_default=False
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(_("staff"), default=False)
    # Raised by "sign out everywhere": tokens that carry an older number are void.
    token_version = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(_("registered"), db_default=Now(), editable=False)
    # Since then nobody: name, addresses and sign-ins are gone, the books stay.
    erased_at = models.DateTimeField(_("deleted"), null=True, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        permissions = [
            ("act_for_any", "Can act for any user through the API"),
            ("care_for_user", "Can sign a customer out, send letters, write notes"),
            ("block_user", "Can block a customer and let them in again"),
            ("erase_user", "Can delete what is known of a customer"),
            # Of money, but asked of whoever has it: see ``payments.limits``.
            ("refund_above_limit", "Can refund more than the limit"),
            ("approve_points", "Can approve points that another member of staff gives"),
        ]
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def lacks_second_step(self) -> bool:
        """Tell whether this is staff who may do nothing as such yet."""
        if not settings.STAFF_SECOND_STEP or not (self.is_staff or self.is_superuser):
            return False
        return not self._has_second_step

    @cached_property
    def _has_second_step(self) -> bool:
        own: Any = self.authenticator_set  # type: ignore[attr-defined]  # allauth has no types
        return bool(own.filter(type__in=SECOND_STEPS).exists())

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        return not self.lacks_second_step and super().has_perm(perm, obj)

    def has_module_perms(self, app_label: str) -> bool:
        return not self.lacks_second_step and super().has_module_perms(app_label)

    def get_full_name(self) -> str:
        return self.name or self.email

    def get_short_name(self) -> str:
        return self.name or self.email.partition("@")[0]


class AddressQuerySet(models.QuerySet["Address"]):
    def of_user(self, user_id: int) -> "AddressQuerySet":
        return self.filter(user_id=user_id)


class Address(models.Model):
    """A place a shopper has parcels sent to. Orders keep a copy, never a reference."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="addresses")
    recipient = models.CharField(_("recipient"), max_length=150)
    phone = models.CharField(_("phone"), max_length=32)
    postal_code = models.CharField(_("postal code"), max_length=16)
    line1 = models.CharField(_("address"), max_length=200)
    line2 = models.CharField(_("flat, floor"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=100)
    country = models.CharField(_("country"), max_length=2, default="KR")
    is_default = models.BooleanField(_("default"), default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = AddressQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(is_default=True),
                name="address_one_default_per_user",
            ),
        ]
        triggers = [leaves_tombstone("address")]

    def __str__(self) -> str:
        return f"{self.recipient}, {self.line1}, {self.city}"

    def snapshot(self) -> dict[str, str]:
        """Return what an order freezes of this address."""
        return {field: getattr(self, field) for field in ADDRESS_FIELDS}


class Device(models.Model):
    """A browser or app that is signed in: a session, by what it told of itself."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="devices")
    # What apps call it; the row's own number would tell how many there are.
    public_id = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    # Never shown: who knows it is signed in.
    session_key = models.CharField(max_length=40, unique=True, editable=False)
    # As an app calls the device it runs on.
    name = models.CharField(_("name"), max_length=80, blank=True, db_default="")
    user_agent = models.CharField(_("browser"), max_length=200, blank=True)
    ip = models.GenericIPAddressField(_("internet address"), null=True)
    created_at = models.DateTimeField(_("signed in"), db_default=Now(), editable=False)
    last_seen_at = models.DateTimeField(_("last seen"), db_default=Now())

    def __str__(self) -> str:
        return self.user_agent or "?"


class CustomerNote(models.Model):
    """What staff should know of a customer. It goes when the customer does."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notes")
    text = models.TextField(_("note"), max_length=2000)
    author = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="+", verbose_name=_("written by")
    )
    written_at = models.DateTimeField(_("written"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("note about a customer")
        verbose_name_plural = _("notes about customers")
        constraints = [
            models.CheckConstraint(
                condition=~Q(text=""), name="customer_note_says_something"
            )
        ]
        triggers = [
            pgtrigger.Protect(name="stays_as_written", operation=pgtrigger.Update)
        ]

    def __str__(self) -> str:
        return f"Note {self.pk} about user {self.user_id}"


ADDRESS_FIELDS = (
    "recipient",
    "phone",
    "postal_code",
    "line1",
    "line2",
    "city",
    "country",
)


USER_FIELDS = [field.attname for field in User._meta.concrete_fields]  # noqa: SLF001 — Django documents _meta
