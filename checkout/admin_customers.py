"""Customers as staff see and help them: the account, and all that hangs on it.

They stand here and not in ``accounts``, for what staff look at and do is above it.
"""

from typing import Any

from allauth.account.forms import ResetPasswordForm
from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts import care
from accounts.admin import UserAdmin
from accounts.errors import BlockedAlready, NotACustomer
from accounts.models import User
from checkout import customers, erasing
from common.admin import ReasonForm, action, register, staff_id
from common.audit import Facts
from common.money import money
from points.admin import AdjustPointsForm, give

ACTIONS = ["write_note", "give_points", "send_reset", "sign_out"]
LAST_ACTIONS = ["block", "unblock", "erase"]


class NoteForm(forms.Form):
    """Asks for what other staff should know."""

    text = forms.CharField(
        label=_("Note"),
        max_length=2000,
        widget=forms.Textarea({"rows": 4}),
        help_text=_("Only staff read it here; customers get it with their own data."),
    )


class EraseForm(ReasonForm):
    """Asks why somebody is deleted, for it cannot be undone."""

    gives_up_points = forms.BooleanField(
        label=_("Points that are left may go, too"), required=False
    )
    is_sure = forms.BooleanField(
        label=_("Delete name, addresses and sign-ins for good")
    )


@register(User)
class CustomerAdmin(UserAdmin):
    """One page says all about a customer, and has what staff do for them."""

    actions = [*ACTIONS, *LAST_ACTIONS]
    object_actions = [*ACTIONS, *LAST_ACTIONS]

    def facts(self, obj: User) -> Facts:
        return {"is_active": obj.is_active, "is_erased": obj.erased_at is not None}

    def offered_actions(self, request: HttpRequest, obj: User) -> list[str]:
        if obj.erased_at or obj.is_staff or obj.is_superuser:
            return []
        return [*ACTIONS, "block" if obj.is_active else "unblock", "erase"]

    def has_care_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.care_for_user")

    def has_block_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.block_user")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.erase_user")

    def has_points_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("points.change_pointaccount")

    def beside(self, request: HttpRequest, obj: User) -> dict[str, Any]:
        found = customers.overview(obj.pk, request.user.has_perm)
        return {"customer": found, "spent": money(found.spent)}

    @action(_("Write a note…"), permission="care")
    def write_note(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse:
        """Ask what other staff should know."""
        return self.ask(
            request,
            queryset,
            form=NoteForm,
            title=_("Write a note"),
            do=lambda user, given: care.write_note(
                user_id=user.pk, text=given["text"], author_id=staff_id(request)
            ),
        )

    @action(_("Give or take points…"), permission="points")
    def give_points(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse:
        """Ask how many and why; many wait for a second member of staff."""
        return self.ask(
            request,
            queryset,
            form=AdjustPointsForm,
            title=_("Give or take points"),
            do=lambda user, given: give(self, request, user_id=user.pk, given=given),
        )

    @action(_("Send a letter for a new password"), permission="care")
    def send_reset(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse:
        """Send the letter that customers ask for themselves, in their language."""
        return self.do_to_each(
            request,
            queryset,
            lambda user: _send_reset(request, user),
            _("Send a letter for a new password"),
            calls_out=True,
        )

    @action(_("Sign out everywhere"), permission="care")
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse:
        """End web sessions, apps and what third parties were allowed."""
        return self.do_to_each(
            request,
            queryset,
            lambda user: care.sign_out(user_id=user.pk),
            _("Sign out everywhere"),
        )

    @action(_("Block…"), permission="block")
    def block(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse:
        """Ask why; they are signed out and cannot come in again."""
        return self.ask_why(
            request,
            queryset,
            _("Block"),
            lambda user, _reason: care.block(user_id=user.pk),
        )

    @action(_("Let in again…"), permission="block")
    def unblock(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse:
        """Ask why; they may sign in again."""
        return self.ask_why(
            request,
            queryset,
            _("Let in again"),
            lambda user, _reason: care.unblock(user_id=user.pk),
        )

    @action(_("Delete what is known of them…"), permission="erase")
    def erase(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse:
        """Ask why, and about points that are left; orders and ledger stay nameless."""
        return self.ask(
            request,
            queryset,
            form=EraseForm,
            title=_("Delete what is known of them"),
            do=lambda user, given: erasing.erase_account(
                user_id=user.pk, gives_up_points=given["gives_up_points"]
            ),
        )


def _send_reset(request: HttpRequest, user: User) -> None:
    if user.erased_at or user.is_staff or user.is_superuser:
        raise NotACustomer(is_erased=user.erased_at is not None)
    if not user.is_active:
        # They would be told that there is no such account.
        raise BlockedAlready(is_blocked=True)
    with translation.override(user.language):
        form = ResetPasswordForm(data={"email": user.email})
        if form.is_valid():
            form.save(request)
