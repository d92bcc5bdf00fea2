"""Balances and the ledger: read, or corrected by a new entry with a reason."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import ReadOnlyAdmin, ReasonForm, action, display, register
from common.ids import uuid7
from points import services as points
from points.models import LedgerEntry, PointAccount


class AdjustPointsForm(ReasonForm):
    """Asks by how much, and why."""

    amount = forms.IntegerField(
        label=_("Points to add or, with a minus, to take away"),
        min_value=-(10**9),
        max_value=10**9,
    )
    reason = forms.CharField(label=_("Reason"), max_length=64)
    field_order = ["amount", "reason"]


@register(PointAccount)
class PointAccountAdmin(ReadOnlyAdmin[PointAccount]):
    """Each account leads to its ledger, which explains the balance."""

    list_display = ["user", "balance", "last_sequence", "updated_at", "ledger"]
    list_select_related = ["user"]
    search_fields = ["user__email"]
    ordering = ["-updated_at"]
    fields = ["user", "balance", "last_sequence", "head", "updated_at", "ledger"]
    readonly_fields = ["head", "ledger"]
    actions = ["adjust"]
    object_actions = ["adjust"]

    @display(description=_("ledger"))
    def ledger(self, account: PointAccount) -> SafeString:
        url = reverse("admin:points_ledgerentry_changelist")
        return format_html(
            '<a href="{}?account__user_id__exact={}">{}</a>',
            url,
            account.pk,
            _("Entries of user %(id)s") % {"id": account.pk},
        )

    @display(description=_("head of the hash chain"))
    def head(self, account: PointAccount) -> str:
        return bytes(account.head_hash).hex()

    @action(_("Adjust balance…"))
    def adjust(
        self, request: HttpRequest, queryset: QuerySet[PointAccount]
    ) -> HttpResponse:
        def correct(account: PointAccount, given: dict[str, Any]) -> LedgerEntry:
            return points.adjust(
                user_id=account.pk,
                amount=given["amount"],
                reason=given["reason"],
                idempotency_key=f"staff/{uuid7()}",
            )

        return self.ask(
            request,
            queryset.select_related("user"),
            form=AdjustPointsForm,
            title=_("Adjust balance"),
            do=correct,
        )


@register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin[LedgerEntry]):
    """Staff correct a balance with a new entry, never by editing one."""

    list_display = [
        "created_at",
        "owner",
        "sequence",
        "kind",
        "counter_account",
        "amount",
        "balance_after",
        "reference",
    ]
    list_filter = ["kind", "created_at"]
    list_select_related = ["account__user"]
    search_fields = ["=account__user__email", "=reference", "=idempotency_key"]
    ordering = ["-id"]
    fields = [
        "created_at",
        "owner",
        "sequence",
        "kind",
        "counter_account",
        "amount",
        "balance_after",
        "reference",
        "idempotency_key",
        "previous",
        "own",
    ]
    readonly_fields = ["owner", "previous", "own"]

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        allowed = super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]
        return allowed or lookup == "account__user_id__exact"

    @display(description=_("user"))
    def owner(self, entry: LedgerEntry) -> str:
        return entry.account.user.email

    @display(description=_("hash before"))
    def previous(self, entry: LedgerEntry) -> str:
        return bytes(entry.previous_hash).hex()

    @display(description=_("hash"))
    def own(self, entry: LedgerEntry) -> str:
        return bytes(entry.hash).hex()
