"""The ways a message reaches somebody, one file each."""

from django.conf import settings


def is_there(channel: str) -> bool:
    """Tell whether the shop has a channel: all but text messages always are."""
    return channel != "sms" or bool(settings.SMS_CHANNEL)
