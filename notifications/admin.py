"""What people were told, what is on its way, and how letters look."""

from collections.abc import Sequence
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace, csp_update
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from common.admin import (
    ReadOnlyAdmin,
    action,
    display,
    register,
    short,
    tag,
)
from common.admin_flow import SPARK, FlowAdmin, NameFilter, Panel, Repair, age, seconds
from common.charts import chart
from notifications import admin_letters as admin_letters
from notifications import samples
from notifications import services as notifications
from notifications.flow import LOOKED_AT, Flow, flow
from notifications.kinds import KINDS
from notifications.letters import letter_of
from notifications.models import (
    ChannelState,
    Message,
    MessageState,
    Notification,
)

COLOURS = {
    MessageState.QUEUED: "warn",
    MessageState.SENT: "good",
    MessageState.FAILED: "bad",
    MessageState.SKIPPED: "info",
}
# A letter brings its styles along and may do nothing else.
LETTER_POLICY: dict[str, Any] = {
    **dict.fromkeys(settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]),
    "default-src": [NONE],
    "style-src": [UNSAFE_INLINE],
    "frame-ancestors": [SELF],
    "sandbox": [""],
}


class StateFilter(SimpleListFilter):
    """Keeps what waits, waits too long, failed, or went out."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("queued", _("Queued")),
            ("late", _("Late")),
            ("failed", _("Failed")),
            ("stuck", _("Late or failed")),
            ("sent", _("Sent")),
            ("skipped", _("Not sent")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> QuerySet[Message]:
        chosen, every = self.value(), Message.objects
        if chosen == "late":
            return queryset.filter(pk__in=every.late())
        if chosen == "stuck":
            return queryset.filter(pk__in=every.late() | every.failed())
        return queryset.filter(state=chosen) if chosen else queryset


class KindFilter(NameFilter):
    """Keeps one kind of those that there are."""

    title = _("kind")
    parameter_name = path = "kind"

    def names(self) -> Sequence[str]:
        return list(KINDS)


@register(Message)
class MessageAdmin(FlowAdmin[Message]):
    """The log of all that left the shop, or did not; and the preview of letters."""

    list_display = [
        "time",
        "kind",
        "channel",
        "address",
        "how",
        "attempts",
        "due",
        "waits_for",
        "reason",
        "sent",
    ]
    list_filter = [StateFilter, "channel", KindFilter]
    search_fields = ["=address", "=event_id", "=user__email", "=guest_email"]
    list_select_related = ["user"]
    # The address can carry a guest's key.
    exclude = ["url"]
    date_hierarchy = "created_at"
    ordering = ["-id"]
    actions = ["send_again", "mark_handled"]
    object_actions = ["send_again", "mark_handled"]
    links = [
        (
            _("Preview of letters"),
            "notifications_letters",
            "notifications.view_message",
        ),
        (
            _("Channels"),
            "notifications_channelstate_changelist",
            "notifications.view_channelstate",
        ),
    ]

    def panel(self, request: HttpRequest) -> Panel:
        return panel_of(flow(request.GET.get("channel__exact", "")))

    def repairs(self) -> Sequence[Repair]:
        return [
            Repair("again", _("Send again"), _send_again),
            Repair("handled", _("Mark as handled"), _mark_handled),
        ]

    def broken(self, queryset: QuerySet[Message]) -> QuerySet[Message]:
        return queryset.filter(state=MessageState.FAILED)

    @display(description=_("next attempt"), ordering="due_at")
    def due(self, obj: Message) -> str:
        return short(obj.due_at) if obj.state == MessageState.QUEUED else "–"

    @display(description=_("age"), ordering="-created_at")
    def waits_for(self, obj: Message) -> str:
        is_open = obj.state in {MessageState.QUEUED, MessageState.FAILED}
        return age(obj.created_at) if is_open else "–"

    @display(description=_("time"), ordering="created_at")
    def time(self, obj: Message) -> str:
        return short(obj.created_at)

    @display(description=_("sent"), ordering="sent_at")
    def sent(self, obj: Message) -> str:
        return short(obj.sent_at)

    @display(description=_("state"), ordering="state")
    def how(self, obj: Message) -> SafeString:
        return tag(COLOURS[MessageState(obj.state)], obj.get_state_display())

    @action(_("Send again"))
    def send_again(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> HttpResponse:
        return self.do_to_each(
            request,
            queryset,
            lambda message: notifications.send_again(message_id=message.pk),
            _("Send again"),
        )

    @action(_("Mark as handled…"))
    def mark_handled(
        self, request: HttpRequest, queryset: QuerySet[Message]
    ) -> HttpResponse:
        """Close what failed and somebody saw to by other means; leave all else."""
        failed = self.broken(queryset)
        if left := queryset.exclude(state=MessageState.FAILED).count():
            text = _("Not failed, so left as they are: %(n)s.")
            self.message_user(request, text % {"n": left}, messages.WARNING)
        if not failed.exists():
            return self.back(request)
        return self.ask_why(
            request,
            failed,
            _("Mark as handled"),
            lambda message, reason: _mark_handled([message.pk], reason),
        )

    def offered_actions(self, request: HttpRequest, obj: Message) -> list[str]:
        if obj.state == MessageState.FAILED:
            return ["send_again", "mark_handled"]
        return [] if obj.state == MessageState.QUEUED else ["send_again"]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "letters/",
                view(csp_update({"frame-src": [SELF]})(self.letters_page)),
                name="notifications_letters",
            ),
            path(
                "letters/<str:kind>/<str:language>/",
                view(self.framed_letter()),
                name="notifications_letter",
            ),
            *super().get_urls(),
        ]

    def framed_letter(self) -> Any:
        """Return the view of a letter, fit for a frame in a page of ours."""
        framed: Any = self.letter
        return xframe_options_sameorigin(csp_replace(LETTER_POLICY)(framed))

    def letters_page(self, request: HttpRequest) -> HttpResponse:
        """Show a letter in a language, with and without HTML, and links to all."""
        kind = request.GET.get("kind", "order_paid")
        language = request.GET.get("language", settings.LANGUAGE_CODE)
        letter = self._letter(request, kind, language)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Preview of letters"),
            "letter": letter,
            "kinds": list(KINDS.values()),
            "languages": settings.LANGUAGES,
            "kind": kind,
            "language": language,
            "frame": reverse("admin:notifications_letter", args=[kind, language]),
        }
        return TemplateResponse(request, "admin/notifications/letters.html", context)

    def letter(self, request: HttpRequest, kind: str, language: str) -> HttpResponse:
        """Show the HTML of a letter alone, as a mail program would."""
        return HttpResponse(self._letter(request, kind, language).html)

    def _letter(self, request: HttpRequest, kind: str, language: str) -> Any:
        if not self.has_view_permission(request):
            raise Http404
        if kind not in KINDS or language not in dict(settings.LANGUAGES):
            raise Http404
        return letter_of(samples.message(KINDS[kind], language))


@register(Notification)
class NotificationAdmin(ReadOnlyAdmin[Notification]):
    """The lists in the shop, as their shoppers have them."""

    list_display = ["created_at", "kind", "user", "is_read"]
    list_filter = ["group", "kind"]
    list_select_related = ["user"]
    search_fields = ["=user__email", "=event_id"]
    date_hierarchy = "created_at"
    ordering = ["-id"]

    @display(description=_("read"), boolean=True)
    def is_read(self, obj: Notification) -> bool:
        return obj.read_at is not None


@register(ChannelState)
class ChannelStateAdmin(ReadOnlyAdmin[ChannelState]):
    """Which channels cannot be reached, and why."""

    list_display = ["channel", "failures", "closed_until", "last_error"]


def panel_of(now: Flow) -> Panel:
    """Return the numbers of the messages for a page."""
    points = [
        (date_format(localtime(hour), "j M, H:i"), number, f"{number:,}")
        for hour, number in now.hours
    ]
    return Panel(
        figures=[
            (_("Queued"), f"{now.waiting:,}", ""),
            (_("Oldest of them"), age(now.oldest), ""),
            (_("Failed"), f"{now.failed:,}", "bad" if now.failed else "good"),
            (_("Takes, half of them"), seconds(now.p50), ""),
            (_("Takes, 99 of 100"), seconds(now.p99), ""),
        ],
        chart=chart(_("Sent, by hour"), points, width=SPARK[0], height=SPARK[1]),
        note=_("Times are of the latest %(timed)s sent; hours, of the newest %(all)s.")
        % {"timed": f"{now.timed:,}", "all": f"{LOOKED_AT:,}"},
    )


def _send_again(ids: Sequence[int], _reason: str) -> int:
    return notifications.send_failed_again(ids)


def _mark_handled(ids: Sequence[int], reason: str) -> int:
    return notifications.close_failed(ids, reason=reason)
