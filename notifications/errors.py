"""What can keep a message from being sent; also what shoppers can do wrong."""

from django.utils.translation import gettext_lazy as _

from common.errors import Conflict, Invalid, NotFound


class SendError(Exception):
    """A message was not sent; the text says why, for the log."""


class ChannelAway(SendError):
    """The channel is out of reach: no message goes, and none is to blame."""


class TryLater(SendError):
    """This message cannot go now; another may."""


class MessageRefused(SendError):
    """This message will never go this way."""


class NotificationNotFound(NotFound):
    """There is no such notification, or it is somebody else's."""

    code = "notification_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such notification."))


class UnknownChoice(Invalid):
    """There is no such group or channel, or this group does not use it."""

    code = "preference_unknown"

    def __init__(self, group: str, channel: str) -> None:
        super().__init__(
            _("This cannot be chosen."),
            group=group,
            channel=channel,
        )


class QuietHoursEmpty(Invalid):
    """Quiet hours that end when they begin are none."""

    code = "quiet_hours_empty"

    def __init__(self) -> None:
        super().__init__(_("Quiet hours must end at another time than they begin."))


class AlreadySent(Conflict):
    """The message is on its way or has arrived."""

    code = "message_waiting"

    def __init__(self) -> None:
        super().__init__(_("This message is waiting to be sent already."))


class PushDeviceNotFound(NotFound):
    """There is no such phone among the user's own."""

    code = "push_device_not_found"

    def __init__(self) -> None:
        super().__init__(_("There is no such phone."))
