"""What a shopper sees of their notifications and choices."""

from dataclasses import dataclass

from accounts.models import User
from notifications.audience import chosen, consent_of
from notifications.channels import is_there
from notifications.kinds import FIXED, KINDS, offered
from notifications.models import Channel, Group, Notification, Preference, QuietHours
from notifications.wording import words


@dataclass(frozen=True, slots=True)
class Choice:
    """Whether a channel is on for a group, and whether that can be changed."""

    group: Group
    channel: Channel
    is_on: bool
    is_fixed: bool


def choices_of(user: User) -> list[Choice]:
    """Return every choice there is, as it stands for a shopper."""
    rows = Preference.objects.filter(user=user).values_list("group", "channel", "is_on")
    made = {(group, channel): is_on for group, channel, is_on in rows}
    return [
        _choice(user, group, channel, made)
        for group in Group
        for channel in offered(group)
        if is_there(channel)
    ]


def quiet_hours_of(user_id: int) -> QuietHours | None:
    """Return somebody's quiet hours, ``None`` if they have none."""
    return QuietHours.objects.filter(pk=user_id).first()


def worded(notification: Notification) -> tuple[str, str]:
    """Return title and body in the active language."""
    kind = KINDS.get(notification.kind)
    if kind is None:
        # A kind that is told no more: its old lines stay in the list.
        return notification.kind.replace("_", " ").capitalize(), ""
    return words(kind, notification.params)


def unread_count(user_id: int) -> int:
    """Return how many notifications somebody has yet to read."""
    return Notification.objects.of_user(user_id).unread().count()


def _choice(
    user: User, group: Group, channel: Channel, made: dict[tuple[str, str], bool]
) -> Choice:
    consent = consent_of(user, group, channel)
    return Choice(
        group=group,
        channel=channel,
        is_on=chosen(made, group, channel) if consent is None else consent,
        is_fixed=(group, channel) in FIXED,
    )
