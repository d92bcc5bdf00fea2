"""The log of what staff did: read by who may, written by what they do."""

from typing import Any

from django.contrib.admin import DateFieldListFilter, SimpleListFilter
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from common import audit
from common.admin import ReadOnlyAdmin, display, register

MOST_STAFF = 100
COLUMNS = ("action_time", "user", "what", "thing", "why", "changes", "sent_as")


class StaffFilter(SimpleListFilter):
    """Keeps what one member of staff did."""

    title = _("who")
    parameter_name = "user"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        staff = User.objects.filter(is_staff=True).order_by("email")
        rows = staff.values_list("pk", "email")[:MOST_STAFF]
        return [(str(pk), email) for pk, email in rows]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LogEntry]
    ) -> QuerySet[LogEntry]:
        value = self.value() or ""
        return queryset.filter(user_id=int(value)) if value.isdecimal() else queryset


class KindFilter(SimpleListFilter):
    """Keeps what was done to one kind of thing."""

    title = _("what kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        # Each is one look into the index of the log, however long that is.
        rows = LogEntry.objects.filter(content_type=OuterRef("pk"))
        kinds = ContentType.objects.filter(Exists(rows))
        found = [(str(kind.pk), kind.name) for kind in kinds]
        return sorted(found, key=lambda each: each[1].lower())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[LogEntry]
    ) -> QuerySet[LogEntry]:
        value = self.value() or ""
        is_kind = value.isdecimal()
        return queryset.filter(content_type_id=int(value)) if is_kind else queryset


@register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin[LogEntry]):
    """Who did what to which thing, why, and what it was before and is now."""

    list_display = COLUMNS
    list_display_links = ["action_time"]
    list_filter = [StaffFilter, KindFilter, ("action_time", DateFieldListFilter)]
    list_select_related = ["user", "content_type"]
    search_fields = ["=object_id", "object_repr", "change_message"]
    search_help_text = _("By object, number of an object, reason or id of a request")
    # By time, but with an index.
    ordering = ["-id"]
    fields = COLUMNS
    readonly_fields = COLUMNS

    @display(description=_("what"))
    def what(self, entry: LogEntry) -> str:
        action = audit.read(entry).action
        return gettext(action) if action else "–"

    @display(description=_("to what"))
    def thing(self, entry: LogEntry) -> SafeString | str:
        url = entry.get_admin_url()
        kind = entry.content_type
        label = f"{kind.name}: {entry.object_repr}" if kind else entry.object_repr
        return format_html('<a href="{}">{}</a>', url, label) if url else label

    @display(description=_("why"))
    def why(self, entry: LogEntry) -> str:
        return audit.read(entry).reason or "–"

    @display(description=_("before → after"))
    def changes(self, entry: LogEntry) -> SafeString:
        said = {"changes": audit.read(entry).changes()}
        return SafeString(render_to_string("admin/_changes.html", said))

    @display(description=_("request"))
    def sent_as(self, entry: LogEntry) -> SafeString | str:
        known = audit.read(entry).request_id
        if not known or known == "-":
            return "–"
        url = reverse("admin:admin_logentry_changelist")
        return format_html('<a href="{}?q={}"><code>{}</code></a>', url, known, known)
