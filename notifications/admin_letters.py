"""What people were told of an order, for the page on which staff see all of it."""

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from common.admin import short, tag
from common.dossier import Button, Chapter, Moment, Panel, Row, Sees, contributes
from notifications.models import Message, MessageState
from outbox.models import Event

COLOURS = {
    MessageState.QUEUED: "warn",
    MessageState.SENT: "good",
    MessageState.FAILED: "bad",
    MessageState.SKIPPED: "info",
}
COLUMNS = (_("time"), _("kind"), _("channel"), _("address"), _("state"), _("sent"))


@contributes("order")
def letters_of(sees: Sees, key: str) -> Chapter:
    """Tell which messages an order gave rise to, and let them be sent again."""
    if not sees("notifications.view_message"):
        return Chapter()
    messages = sorted(_of_order(key), key=lambda message: message.pk)
    may_send = sees("notifications.change_message")
    panel = Panel(
        title=_("Messages"),
        columns=COLUMNS,
        rows=[_row(message) for message in messages],
        button=Button(
            label=_("Send again"),
            url=reverse("admin:notifications_message_changelist"),
            action="send_again",
        )
        if may_send
        else None,
    )
    return Chapter(moments=[_moment(message) for message in messages], panels=[panel])


def _of_order(key: str) -> QuerySet[Message]:
    about = Event.objects.filter(aggregate=f"order/{key}").values("pk")
    told = Message.objects.filter(event_id__in=about)
    # Apart, because each half has an index.
    return told.filter(user__isnull=False).union(told.filter(user__isnull=True))


def _row(message: Message) -> Row:
    url = reverse("admin:notifications_message_change", args=[message.pk])
    state = tag(COLOURS[MessageState(message.state)], message.get_state_display())
    return Row(
        cells=[
            format_html('<a href="{}">{}</a>', url, short(message.created_at)),
            message.kind,
            message.get_channel_display(),
            message.address,
            format_html("{} {}", state, message.reason),
            short(message.sent_at),
        ],
        pk=None if message.state == MessageState.QUEUED else message.pk,
    )


def _moment(message: Message) -> Moment:
    return Moment(
        at=message.sent_at or message.created_at,
        what=_("Message: %(kind)s") % {"kind": message.kind},
        detail=f"{message.get_channel_display()}, {message.get_state_display()}",
        kind=COLOURS[MessageState(message.state)],
    )
