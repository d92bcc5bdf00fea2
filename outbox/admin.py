"""What the shop told others, and what has not reached them yet."""

import json
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from common.admin import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    action,
    display,
    register,
    tag,
)
from outbox import services as outbox
from outbox.models import Dispatch, Event


class StateFilter(SimpleListFilter):
    """Keeps what is on its way, stuck or done."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("waiting", _("On its way")),
            ("stuck", _("Late or given up")),
            ("dead", _("Given up")),
            ("delivered", _("Delivered")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Dispatch]
    ) -> QuerySet[Dispatch]:
        if self.value() == "delivered":
            return queryset.filter(delivered_at__isnull=False)
        chosen = {
            "waiting": Dispatch.objects.waiting(),
            "stuck": Dispatch.objects.stuck(),
            "dead": Dispatch.objects.dead(),
        }.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(pk__in=chosen)


class DispatchInline(ReadOnlyInline[Dispatch]):
    """An event's way to each subscriber."""

    model = Dispatch
    fields = [
        "subscriber",
        "attempts",
        "next_attempt_at",
        "delivered_at",
        "dead_at",
        "last_error",
    ]


@register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    """Facts; they are never changed."""

    list_display = ["occurred_at", "topic", "aggregate", "sequence"]
    list_filter = ["topic", "occurred_at"]
    search_fields = ["=aggregate"]
    ordering = ["-id"]
    fields = ["id", "topic", "aggregate", "occurred_at", "sequence", "body"]
    readonly_fields = ["id", "body"]
    inlines = [DispatchInline]

    @display(description=_("payload"))
    def body(self, event: Event) -> SafeString:
        text = json.dumps(event.payload, indent=2, ensure_ascii=False)
        return format_html("<pre>{}</pre>", text)


@register(Dispatch)
class DispatchAdmin(ReadOnlyAdmin[Dispatch]):
    """What is stuck can be sent again; receivers know repetitions by the event's id."""

    list_display = [
        "occurred_at",
        "topic",
        "subscriber",
        "state_tag",
        "attempts",
        "next_attempt_at",
        "last_error",
    ]
    list_select_related = ["event"]
    list_filter = [StateFilter, "subscriber", "event__topic"]
    search_fields = ["=aggregate"]
    ordering = ["-id"]
    actions = ["replay"]

    @display(description=_("time"), ordering="event__occurred_at")
    def occurred_at(self, dispatch: Dispatch) -> Any:
        return dispatch.event.occurred_at

    @display(description=_("topic"), ordering="event__topic")
    def topic(self, dispatch: Dispatch) -> str:
        return dispatch.event.topic

    @display(description=_("state"))
    def state_tag(self, dispatch: Dispatch) -> SafeString:
        if dispatch.dead_at:
            return tag("bad", _("Given up"))
        if dispatch.delivered_at:
            return tag("good", _("Delivered"))
        return tag("warn", _("On its way"))

    def offered_actions(self, request: HttpRequest, obj: Dispatch) -> list[str]:
        return [] if obj.delivered_at else ["replay"]

    @action(_("Send again now"))
    def replay(
        self, request: HttpRequest, queryset: QuerySet[Dispatch]
    ) -> HttpResponse:
        """Send again what was ticked, or all that a filter matches: it may be many."""
        stuck = list(queryset.filter(delivered_at__isnull=True).select_related("event"))
        replayed = outbox.replay(dispatch_ids=[dispatch.pk for dispatch in stuck])
        staff_id = cast(int, request.user.pk)  # the admin lets nobody else in
        LogEntry.objects.log_actions(staff_id, stuck, CHANGE, str(_("Send again")))
        text = ngettext(
            "%(n)s message is sent again.", "%(n)s messages are sent again.", replayed
        )
        self.message_user(request, text % {"n": replayed}, messages.SUCCESS)
        return self.back(request)
