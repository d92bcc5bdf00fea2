"""What people were told, what is on its way, and how letters look."""

from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp_replace, csp_update
from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from common.admin import ReadOnlyAdmin, action, display, register, short, tag
from notifications import samples
from notifications import services as notifications
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


@register(Message)
class MessageAdmin(ReadOnlyAdmin[Message]):
    """The log of all that left the shop, or did not; and the preview of letters."""

    list_display = [
        "time",
        "kind",
        "channel",
        "address",
        "how",
        "attempts",
        "reason",
        "sent",
    ]
    list_filter = ["state", "channel", "kind", "language"]
    search_fields = ["=address", "=event_id", "=user__email", "=guest_email"]
    list_select_related = ["user"]
    # The address can carry a guest's key.
    exclude = ["url"]
    date_hierarchy = "created_at"
    ordering = ["-id"]
    actions = ["send_again"]
    object_actions = ["send_again"]
    change_list_template = "admin/notifications/messages.html"

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

    def offered_actions(self, request: HttpRequest, obj: Message) -> list[str]:
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
