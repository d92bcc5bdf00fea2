"""Balances and the ledger: read, or corrected by a new entry with a reason."""

from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import (
    ModelAdmin,
    ReadOnlyAdmin,
    ReasonForm,
    action,
    display,
    register,
    staff_id,
    tag,
)
from common.admin_sheets import ExportAdmin
from common.audit import Facts
from points import checking, corrections
from points.exports import LedgerSheet
from points.models import CorrectionState, LedgerEntry, PointAccount, PointCorrection

COLOURS = {
    CorrectionState.OPEN: "warn",
    CorrectionState.DONE: "good",
    CorrectionState.REJECTED: "off",
}


CORRECTION = (
    *("user", "signed", "reason", "reference", "standing", "asked_by", "asked_at"),
    *("decided_by", "decided_at", "answer", "entry"),
)


class AdjustPointsForm(ReasonForm):
    """Asks by how much, and why."""

    amount = forms.IntegerField(
        label=_("Points to add or, with a minus, to take away"),
        min_value=-(10**9),
        max_value=10**9,
    )
    reference = forms.CharField(
        label=_("Reference, e.g. an order number; the customer reads it"),
        max_length=64,
        required=False,
    )
    field_order = ["amount", "reason", "reference"]


def give(
    admin: "ModelAdmin[Any]",
    request: HttpRequest,
    *,
    user_id: int,
    given: dict[str, Any],
) -> PointCorrection:
    """Give or take what the form asked for; say so where that takes two people."""
    made = corrections.ask(
        user_id=user_id,
        amount=given["amount"],
        reason=given["reason"],
        reference=given["reference"],
        actor_id=staff_id(request),
    )
    if made.state == CorrectionState.OPEN:
        text = _("%(what)s: no points moved yet, a second member of staff decides.")
        admin.message_user(request, text % {"what": made}, messages.WARNING)
    return made


@register(PointAccount)
class PointAccountAdmin(ReadOnlyAdmin[PointAccount]):
    """Each account leads to its ledger, which explains the balance."""

    list_display = ["user", "balance", "last_sequence", "updated_at", "ledger"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    ordering = ["-updated_at"]
    fields = [
        *("user", "balance", "last_sequence", "checked", "head", "updated_at"),
        "ledger",
    ]
    readonly_fields = ["head", "ledger", "checked"]
    actions = ["adjust"]
    object_actions = ["adjust"]

    def facts(self, obj: PointAccount) -> Facts:
        return {"balance": obj.balance}

    @display(description=_("ledger"))
    def ledger(self, account: PointAccount) -> SafeString:
        url = reverse("admin:points_ledgerentry_changelist")
        return format_html(
            '<a href="{}?account__user_id__exact={}">{}</a>',
            url,
            account.pk,
            _("Entries of user %(id)s") % {"id": account.pk},
        )

    @display(description=_("check of the books"))
    def checked(self, account: PointAccount) -> SafeString:
        return check_badge(account.pk)

    @display(description=_("head of the hash chain"))
    def head(self, account: PointAccount) -> str:
        return bytes(account.head_hash).hex()

    @action(_("Adjust balance…"))
    def adjust(
        self, request: HttpRequest, queryset: QuerySet[PointAccount]
    ) -> HttpResponse:
        return self.ask(
            request,
            queryset.select_related("user"),
            form=AdjustPointsForm,
            title=_("Adjust balance"),
            do=lambda account, given: give(
                self, request, user_id=account.pk, given=given
            ),
        )


@register(PointCorrection)
class PointCorrectionAdmin(ReadOnlyAdmin[PointCorrection]):
    """What staff gave or took; many points wait for a second person here."""

    list_display = [
        *("asked_at", "user", "signed", "reason", "reference", "standing"),
        *("asked_by", "decided_by", "decided_at"),
    ]
    list_filter = ["state", "asked_at"]
    list_select_related = ["user", "asked_by", "decided_by"]
    search_fields = ["=user__email", "=asked_by__email", "=reference"]
    ordering = ["-id"]
    actions = ["approve", "reject"]
    object_actions = ["approve", "reject"]
    fields = CORRECTION
    readonly_fields = CORRECTION

    def has_approve_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.approve_points")

    def offered_actions(self, request: HttpRequest, obj: PointCorrection) -> list[str]:
        is_mine = obj.asked_by_id == request.user.pk
        is_open = obj.state == CorrectionState.OPEN
        return ["approve", "reject"] if is_open and not is_mine else []

    @display(description=_("points"), ordering="amount")
    def signed(self, correction: PointCorrection) -> str:
        return f"{correction.amount:+,}"

    @display(description=_("state"), ordering="state")
    def standing(self, correction: PointCorrection) -> SafeString:
        colour = COLOURS[CorrectionState(correction.state)]
        return tag(colour, correction.get_state_display())

    @action(_("Approve: let the points move"), permission="approve")
    def approve(
        self, request: HttpRequest, queryset: QuerySet[PointCorrection]
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda asked: corrections.approve(
                correction_id=asked.pk, actor_id=staff_id(request)
            ),
            _("Approve"),
        )

    @action(_("Reject…"), permission="approve")
    def reject(
        self, request: HttpRequest, queryset: QuerySet[PointCorrection]
    ) -> HttpResponse:
        return self.ask_why(
            request,
            queryset,
            _("Reject"),
            lambda asked, reason: corrections.reject(
                correction_id=asked.pk, actor_id=staff_id(request), reason=reason
            ),
        )


@register(LedgerEntry)
class LedgerEntryAdmin(ExportAdmin[LedgerEntry], ReadOnlyAdmin[LedgerEntry]):
    """Staff correct a balance with a new entry, never by editing one."""

    exports = {"ledger": LedgerSheet}

    list_display = [
        *("created_at", "owner", "sequence", "kind", "counter_account", "amount"),
        *("balance_after", "reference", "staff"),
    ]
    list_filter = ["kind", "created_at"]
    list_select_related = [
        *("account__user", "correction__asked_by", "correction__decided_by")
    ]
    search_fields = ["=account__user__email", "=reference", "=idempotency_key"]
    ordering = ["-id"]
    linked_by = ["account__user_id__exact"]
    fields = [
        *("created_at", "owner", "sequence", "kind", "counter_account", "amount"),
        *("balance_after", "reference", "staff", "why", "idempotency_key"),
        *("previous", "own"),
    ]
    readonly_fields = ["owner", "staff", "why", "previous", "own"]

    @display(description=_("user"))
    def owner(self, entry: LedgerEntry) -> str:
        return entry.account.user.email

    @display(description=_("staff"))
    def staff(self, entry: LedgerEntry) -> str:
        found = getattr(entry, "correction", None)
        people = [found.asked_by, found.decided_by] if found else []
        return " + ".join(str(person) for person in people if person) or "–"

    @display(description=_("reason"))
    def why(self, entry: LedgerEntry) -> str:
        found = getattr(entry, "correction", None)
        return found.reason if found else "–"

    @display(description=_("hash before"))
    def previous(self, entry: LedgerEntry) -> str:
        return bytes(entry.previous_hash).hex()

    @display(description=_("hash"))
    def own(self, entry: LedgerEntry) -> str:
        return bytes(entry.hash).hex()


def check_badge(user_id: int) -> SafeString:
    """Say whether entries, balance and hash chain of a shopper agree."""
    found = checking.check(user_id)
    if found.is_sound:
        return tag("good", _("✓ The entries sum to the balance, the chain holds"))
    return tag(
        "bad",
        _("✗ Entries sum to %(total)s, the balance is %(balance)s, %(broken)s broken")
        % {"total": found.total, "balance": found.balance, "broken": found.broken},
    )
