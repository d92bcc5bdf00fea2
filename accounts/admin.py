"""Shoppers and staff."""

from typing import Any

# Imported first, so that what they register can be taken out again.
from allauth.idp.oidc import admin as _third_party_admin  # noqa: F401
from allauth.idp.oidc.models import Token
from allauth.mfa import admin as _mfa_admin  # noqa: F401
from allauth.mfa.models import Authenticator
from allauth.socialaccount import admin as _social_admin  # noqa: F401
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.forms import CheckboxSelectMultiple
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.admin_log import LogEntryAdmin as LogEntryAdmin
from accounts.models import Address, CustomerNote, User
from common.admin import (
    ModelAdmin,
    ReadOnlyAdmin,
    TabularInline,
    display,
    register,
    tag,
)

# Who may give these away could give themselves everything.
POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")

# They show the secrets of second steps and tokens, and would let staff change them;
# services one can sign in with are switched on by settings only.
for _model in (Authenticator, SocialAccount, SocialApp, SocialToken, Token):
    admin.site.unregister(_model)


class UserCreateForm(AdminUserCreationForm[User]):
    """Asks for an e-mail address, which is the name one signs in with."""

    class Meta:
        model = User
        fields = ("email",)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class UserEditForm(UserChangeForm[User]):
    """Keeps e-mail addresses in the one case they are compared in."""

    class Meta:
        model = User
        fields = "__all__"

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).strip().lower()


class AddressInline(TabularInline[Address]):
    """The address book; orders keep their own copy."""

    model = Address
    exclude = ["country"]


class UserAdmin(ModelAdmin[User], DjangoUserAdmin[User]):
    """Powers are given by superusers only, and staff are theirs to edit.

    What staff do for customers is added above: see ``checkout.admin_customers``.
    """

    is_personal = True

    form = UserEditForm
    add_form = UserCreateForm
    list_display = ["email", "name", "phone", "standing", "created_at"]
    list_filter = [
        *("is_active", "wants_marketing_email", "wants_marketing_sms"),
        *("is_staff", "is_superuser", "groups"),
    ]
    search_fields = ["email", "name", "phone"]
    ordering = ["-id"]
    readonly_fields = ["last_login", "created_at", "standing"]
    # Both boxes of Django's own widget have labels that nobody can read out.
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        (_("Person"), {"fields": ("name", "phone", "language")}),
        (_("Consent"), {"fields": ("wants_marketing_email", "wants_marketing_sms")}),
        (_("Access"), {"fields": ("standing", "is_active", *POWERS)}),
        (_("Times"), {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "usable_password", "password1", "password2")}),
    )

    def get_readonly_fields(
        self, request: HttpRequest, obj: User | None = None
    ) -> list[str]:
        fields = [str(field) for field in super().get_readonly_fields(request, obj)]
        if obj is not None and not _is_powerful(obj):
            # Customers are blocked for a reason, and signed out with it.
            fields.append("is_active")
        return fields if _is_superuser(request) else [*fields, *POWERS]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or _is_powerful(obj):
            return fieldsets
        # Customers have no powers; who becomes staff is given them afterwards.
        short = {"fields": ("standing", "is_active", "is_staff")}
        return [
            (name, short if "groups" in fields["fields"] else fields)
            for name, fields in fieldsets
        ]

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "groups":
            kwargs["widget"] = CheckboxSelectMultiple()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @display(description=_("account"), ordering="is_active")
    def standing(self, user: User) -> SafeString:
        if user.erased_at:
            return tag("off", _("Deleted"))
        if not user.is_active:
            return tag("bad", _("Blocked"))
        if _is_powerful(user):
            return tag("info", _("Staff"))
        return tag("good", _("Customer"))

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return [] if obj is None else [AddressInline]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Whoever sets somebody's password can sign in as them.
        if not super().has_change_permission(request, obj):
            return False
        is_other = obj is not None and obj.pk != request.user.pk
        return not (is_other and _is_powerful(obj)) or _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Orders and ledgers name their people for good; blocking is what staff want.
        return False


@register(Address)
class AddressAdmin(ModelAdmin[Address]):
    """Where parcels may go next."""

    is_personal = True

    list_display = ["recipient", "line1", "city", "postal_code", "user", "is_default"]
    list_select_related = ["user"]
    list_filter = ["is_default", "country"]
    search_fields = ["recipient", "line1", "postal_code", "user__email"]
    raw_id_fields = ["user"]
    ordering = ["-id"]


@register(CustomerNote)
class CustomerNoteAdmin(ReadOnlyAdmin[CustomerNote]):
    """Notes are written on the customer's page, and stay as they were written."""

    list_display = ["written_at", "user", "text", "author"]
    list_select_related = ["user", "author"]
    search_fields = ["text", "=user__email"]
    ordering = ["-id"]


def _is_powerful(user: User) -> bool:
    return user.is_staff or user.is_superuser


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))
