"""News for the pages a shopper has open."""

from notifications.models import Notification


def send(notification: Notification) -> None:
    """Show one notification on the pages of its shopper."""
