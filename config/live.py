"""How open pages hear of news: the channel layer, and where their WebSocket may go."""

from typing import Any
from urllib.parse import parse_qs, urlsplit


def channel_layers(redis_url: str) -> dict[str, dict[str, Any]]:
    """Return Django's ``CHANNEL_LAYERS`` for a Redis.

    Its channels know no databases, so the number of ours is a part of their names.
    """
    parts = urlsplit(redis_url)
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    number = parse_qs(parts.query).get("db", [path or "0"])[0]
    # Sockets sit idle for hours: a read that times out would drop them.
    host = {"address": redis_url, "socket_timeout": None}
    return {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [host], "prefix": f"dojang{number}"},
        }
    }


def sources(live_url: str) -> list[str]:
    """Return what the page's policy has to allow besides its own address."""
    if not live_url:
        return []
    parts = urlsplit(live_url)
    source = f"{parts.scheme}://{parts.netloc}"
    # One machine, two names: whoever opens the shop as localhost stays there.
    return list(dict.fromkeys([source, source.replace("//127.0.0.1", "//localhost")]))
