"""News for the pages a shopper has open.

The pages are told that there is something, and read it from the database themselves;
a shopper without an open page finds it in the list.
"""

from common import live
from notifications.errors import ChannelAway
from notifications.models import Notification


def send(notification: Notification) -> None:
    """Show a notification on the pages of its shopper; raise ``ChannelAway``."""
    try:
        live.hint(user_ids=[notification.user_id])
    except live.LiveAway as error:
        raise ChannelAway(str(error)) from error
