"""What the shop told others, and what has not reached them yet."""

import json
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from common.admin import (
    ReadOnlyAdmin,
    ReadOnlyInline,
    action,
    display,
    register,
    short,
    tag,
)
from common.admin_flow import SPARK, FlowAdmin, NameFilter, Panel, Repair, age, seconds
from common.audit import Facts
from common.charts import chart
from outbox import services as outbox
from outbox.flow import LOOKED_AT, OTHERS, OWN, Flow, flow
from outbox.models import Dispatch, Event

LONGEST_ERROR = 80


class StateFilter(SimpleListFilter):
    """Keeps what is on its way, stuck or done."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("waiting", _("On its way")),
            ("late", _("Late")),
            ("dead", _("Given up")),
            ("stuck", _("Late or given up")),
            ("handled", _("Handled")),
            ("delivered", _("Delivered")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Dispatch]
    ) -> QuerySet[Dispatch]:
        if self.value() == "delivered":
            return queryset.filter(delivered_at__isnull=False)
        chosen = {
            "waiting": Dispatch.objects.waiting(),
            "late": Dispatch.objects.late(),
            "dead": Dispatch.objects.dead(),
            "stuck": Dispatch.objects.stuck(),
            "handled": Dispatch.objects.handled(),
        }.get(self.value() or "")
        return queryset if chosen is None else queryset.filter(pk__in=chosen)


class SubscriberFilter(SimpleListFilter):
    """Keeps what is for one of those who listen; asking the table would read it all."""

    title = _("subscriber")
    parameter_name = "subscriber"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        listed = settings.OUTBOX_SUBSCRIPTIONS.values()
        names = sorted({name for names in listed for name in names})
        return [
            (OWN, _("The shop’s own, and its data platform")),
            (OTHERS, _("Webhooks of other systems")),
            *((name, name) for name in names),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Dispatch]
    ) -> QuerySet[Dispatch]:
        chosen = self.value()
        if chosen == OWN:
            return queryset.exclude(subscriber__contains="#")
        if chosen == OTHERS:
            return queryset.filter(subscriber__contains="#")
        return queryset.filter(subscriber=chosen) if chosen else queryset


class TopicFilter(NameFilter):
    """Keeps one topic of those that there are."""

    title = _("topic")
    parameter_name = "topic"
    path = "topic"

    def names(self) -> Sequence[str]:
        return sorted(settings.OUTBOX_SUBSCRIPTIONS)


class DispatchTopicFilter(TopicFilter):
    """Keeps what is about one topic."""

    path = "event__topic"


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
    show_change_link = True


@register(Event)
class EventAdmin(ReadOnlyAdmin[Event]):
    """Facts; they are never changed."""

    list_display = ["occurred_at", "topic", "about", "sequence"]
    list_filter = [TopicFilter, "occurred_at"]
    search_fields = ["=aggregate"]
    search_help_text = _("What it is about, e.g. order/0198…")
    ordering = ["-id"]
    fields = ["id", "topic", "about", "occurred_at", "sequence", "body"]
    readonly_fields = ["id", "about", "body"]
    inlines = [DispatchInline]

    @display(description=_("about"), ordering="aggregate")
    def about(self, event: Event) -> SafeString | str:
        return subject_of(event)

    @display(description=_("payload"))
    def body(self, event: Event) -> SafeString:
        return body_of(event)


@register(Dispatch)
class DispatchAdmin(FlowAdmin[Dispatch]):
    """What is stuck can be sent again; receivers know repetitions by the event's id."""

    list_display = [
        "occurred_at",
        "what",
        "receiver",
        "state_tag",
        "attempts",
        "next_try",
        "waits_for",
        "error",
    ]
    list_select_related = ["event"]
    list_filter = [StateFilter, SubscriberFilter, DispatchTopicFilter]
    search_fields = ["=aggregate"]
    search_help_text = _("What it is about, e.g. order/0198…")
    ordering = ["-id"]
    actions = ["replay", "mark_handled"]
    object_actions = ["replay", "mark_handled"]
    links = [
        (_("Events"), "outbox_event_changelist", "outbox.view_event"),
        (_("Data platform’s proof"), "outbox_stream", "outbox.view_event"),
        (
            _("Webhook endpoints"),
            "webhooks_endpoint_changelist",
            "webhooks.view_endpoint",
        ),
        (
            _("Letters and texts"),
            "notifications_message_changelist",
            "notifications.view_message",
        ),
    ]
    fields = [
        "topic",
        "about",
        "occurred_at",
        "subscriber",
        "state_tag",
        "attempts",
        "next_try",
        "delivered_at",
        "dead_at",
        "handled",
        "last_error",
        "log",
        "event",
        "body",
    ]
    readonly_fields = [
        "topic",
        "about",
        "occurred_at",
        "state_tag",
        "next_try",
        "handled",
        "log",
        "body",
    ]

    def facts(self, obj: Dispatch) -> Facts:
        return {"state": _state(obj)[0], "attempts": obj.attempts}

    def panel(self, request: HttpRequest) -> Panel:
        return panel_of(flow(request.GET.get("subscriber", "")))

    def repairs(self) -> Sequence[Repair]:
        return [
            Repair("replay", _("Send again now"), _replay),
            Repair("handled", _("Mark as handled"), _mark_handled),
        ]

    def broken(self, queryset: QuerySet[Dispatch]) -> QuerySet[Dispatch]:
        return queryset.filter(pk__in=Dispatch.objects.stuck())

    @display(description=_("time"), ordering="event__occurred_at")
    def occurred_at(self, dispatch: Dispatch) -> str:
        return short(dispatch.event.occurred_at)

    @display(description=_("topic"), ordering="event__topic")
    def topic(self, dispatch: Dispatch) -> str:
        return dispatch.event.topic

    @display(description=_("about"), ordering="aggregate")
    def about(self, dispatch: Dispatch) -> SafeString | str:
        return subject_of(dispatch.event)

    @display(description=_("event"), ordering="event__topic")
    def what(self, dispatch: Dispatch) -> SafeString:
        event = dispatch.event
        return format_html("{}<br>{}", event.topic, subject_of(event))

    @display(description=_("subscriber"), ordering="subscriber")
    def receiver(self, dispatch: Dispatch) -> str:
        return dispatch.subscriber.replace(".", ".\N{ZERO WIDTH SPACE}")

    @display(description=_("state"))
    def state_tag(self, dispatch: Dispatch) -> SafeString:
        _word, label, colour = _state(dispatch)
        return tag(colour, label)

    @display(description=_("next attempt"), ordering="next_attempt_at")
    def next_try(self, dispatch: Dispatch) -> str:
        return short(dispatch.next_attempt_at) if _is_waiting(dispatch) else "–"

    @display(description=_("age"), ordering="-event__occurred_at")
    def waits_for(self, dispatch: Dispatch) -> str:
        return "–" if dispatch.delivered_at else age(dispatch.event.occurred_at)

    @display(description=_("last error"), ordering="last_error")
    def error(self, dispatch: Dispatch) -> str:
        said = dispatch.last_error
        return said if len(said) <= LONGEST_ERROR else f"{said[:LONGEST_ERROR]}…"

    @display(description=_("handled"))
    def handled(self, dispatch: Dispatch) -> str:
        if dispatch.handled_at is None:
            return "–"
        return f"{short(dispatch.handled_at)}: {dispatch.handled_because}"

    @display(description=_("tries that failed"))
    def log(self, dispatch: Dispatch) -> SafeString | str:
        if not dispatch.failures:
            return "–"
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (f"{one['attempt']}.", _moment(one["at"]), one["error"])
                for one in reversed(dispatch.failures)
            ),
        )
        return format_html("<table>{}</table>", rows)

    @display(description=_("payload"))
    def body(self, dispatch: Dispatch) -> SafeString:
        return body_of(dispatch.event)

    def offered_actions(self, request: HttpRequest, obj: Dispatch) -> list[str]:
        if obj.delivered_at:
            return []
        return ["replay"] if obj.handled_at else ["replay", "mark_handled"]

    @action(_("Send again now"))
    def replay(
        self, request: HttpRequest, queryset: QuerySet[Dispatch]
    ) -> HttpResponse:
        """Send again what was ticked, or all that a filter matches: it may be many."""
        undelivered = queryset.filter(delivered_at__isnull=True)
        repair = Repair("replay", _("Send again"), _replay)
        replayed = self.in_batches(request, undelivered, repair, "")
        text = ngettext(
            "%(n)s message is sent again.", "%(n)s messages are sent again.", replayed
        )
        self.message_user(request, text % {"n": replayed}, messages.SUCCESS)
        return self.back(request)

    @action(_("Mark as handled…"))
    def mark_handled(
        self, request: HttpRequest, queryset: QuerySet[Dispatch]
    ) -> HttpResponse:
        """Close what somebody saw to by other means; leave what is not stuck."""
        stuck = self.broken(queryset)
        if left := queryset.exclude(pk__in=stuck.values("pk")).count():
            text = _("Neither late nor given up, so left as they are: %(n)s.")
            self.message_user(request, text % {"n": left}, messages.WARNING)
        if not stuck.exists():
            return self.back(request)
        return self.ask_why(
            request,
            stuck.select_related(None),
            _("Mark as handled"),
            lambda dispatch, reason: _mark_handled([dispatch.pk], reason),
        )


def panel_of(now: Flow) -> Panel:
    """Return the numbers of an outbox for a page."""
    points = [
        (date_format(localtime(hour), "j M, H:i"), number, f"{number:,}")
        for hour, number in now.hours
    ]
    return Panel(
        figures=[
            (_("Waiting"), f"{now.waiting:,}", ""),
            (_("Oldest of them"), age(now.oldest), ""),
            (_("Given up"), f"{now.dead:,}", "bad" if now.dead else "good"),
            (_("Not picked up yet"), f"{now.fresh:,}", ""),
            (_("Takes, half of them"), seconds(now.p50), ""),
            (_("Takes, 99 of 100"), seconds(now.p99), ""),
        ],
        chart=chart(_("Delivered, by hour"), points, width=SPARK[0], height=SPARK[1]),
        note=_(
            "Times are of the latest %(timed)s delivered; hours, of the newest %(all)s."
        )
        % {"timed": f"{now.timed:,}", "all": f"{LOOKED_AT:,}"},
    )


def subject_of(event: Event) -> SafeString | str:
    """Write what an event is about; an order by its number, as a link."""
    kind, _slash, key = event.aggregate.partition("/")
    if kind != "order":
        return event.aggregate
    name = event.payload.get("number") or event.aggregate
    try:
        url = reverse("admin:orders_order_change", args=[key])
    except NoReverseMatch:
        return event.aggregate
    return format_html('<a href="{}">{}</a>', url, name)


def body_of(event: Event) -> SafeString:
    """Write all that an event says."""
    text = json.dumps(event.payload, indent=2, ensure_ascii=False)
    return format_html("<pre>{}</pre>", text)


def _state(dispatch: Dispatch) -> tuple[str, Any, str]:
    if dispatch.delivered_at:
        return "delivered", _("Delivered"), "good"
    if dispatch.handled_at:
        return "handled", _("Handled"), "info"
    if dispatch.dead_at:
        return "dead", _("Given up"), "bad"
    return "waiting", _("On its way"), "warn"


def _is_waiting(dispatch: Dispatch) -> bool:
    return dispatch.delivered_at is None and dispatch.dead_at is None


def _moment(text: str) -> str:
    moment = parse_datetime(text)
    return date_format(localtime(moment), "j M, H:i:s") if moment else text


def _replay(ids: Sequence[int], _reason: str) -> int:
    return outbox.replay(dispatch_ids=ids)


def _mark_handled(ids: Sequence[int], reason: str) -> int:
    return outbox.mark_handled(dispatch_ids=ids, reason=reason)
