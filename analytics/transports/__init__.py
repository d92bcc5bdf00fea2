"""The ways events reach the data platform, one file each; one is chosen by setting."""

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from django.conf import settings
from django.utils.module_loading import import_string

if TYPE_CHECKING:  # the settings' checks read this before there are models
    from analytics.transports.base import Transport

# By the names that DATA_PLATFORM_TRANSPORT may hold; imported once they are asked for.
CLASSES = {
    "http": "analytics.transports.http.Http",
    "amqp": "analytics.transports.amqp.Amqp",
    "kafka": "analytics.transports.kafka.Kafka",
    "file": "analytics.transports.file.Folder",
}
# What DATA_PLATFORM_URL begins with.
SCHEMES = {
    "http": ("http", "https"),
    "amqp": ("amqp", "amqps"),
    "kafka": ("kafka",),
    "file": ("file",),
}


def transport() -> "Transport":
    """Return the transport of the settings; each process keeps its connections."""
    return _made(
        settings.DATA_PLATFORM_TRANSPORT,
        settings.DATA_PLATFORM_URL,
        settings.DATA_PLATFORM_TOPIC,
    )


@lru_cache(maxsize=4)
def _made(name: str, url: str, topic: str) -> "Transport":
    return cast("Transport", import_string(CLASSES[name])(url, topic))
