"""Messages as they leave: worded in the recipient's language, with and without HTML."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from notifications.channels.base import Letter
from notifications.kinds import KINDS
from notifications.links import absolute, unsubscribe_url
from notifications.models import Channel, Message
from notifications.wording import words


def letter_of(message: Message) -> Letter:
    """Write a message as a letter, or as the one line of a text message."""
    with translation.override(message.language):
        if message.channel == Channel.EMAIL:
            return _mail(message)
        title, body = words(KINDS[message.kind], message.params)
    return Letter(
        id=_id(message),
        to=message.address,
        subject=title,
        text=f"[{settings.SHOP_NAME}] {title}. {body} {absolute(message.url)}",
    )


def _mail(message: Message) -> Letter:
    kind = KINDS[message.kind]
    title, body = words(kind, message.params)
    end = (
        unsubscribe_url(message.user_id, message.channel)
        if kind.is_marketing and message.user_id
        else ""
    )
    context = {
        "title": title,
        "body": body,
        "facts": _with_totals(message.params),
        "url": absolute(message.url),
        "language": message.language,
        "shop_name": settings.SHOP_NAME,
        "shop_url": settings.SHOP_BASE_URL,
        "preferences_url": absolute("/account/notifications/") if message.user else "",
        "unsubscribe_url": end,
    }
    return Letter(
        id=_id(message),
        to=message.address,
        # A line break would begin another header.
        subject=" ".join(title.split()),
        text=render_to_string(f"emails/{kind.name}.txt", context),
        html=render_to_string(f"emails/{kind.name}.html", context),
        headers=_one_click(end) if end else {},
    )


def _one_click(url: str) -> Mapping[str, str]:
    # RFC 8058: mail programs show a button, and press it without a browser.
    return {
        "List-Unsubscribe": f"<{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _id(message: Message) -> str:
    host = urlsplit(settings.SHOP_BASE_URL).hostname or "localhost"
    return f"<{message.event_id.hex}.{message.pk}@{host}>"


def _with_totals(params: Mapping[str, Any]) -> dict[str, Any]:
    lines = [
        {**line, "total": line["unit_price"] * line["quantity"]}
        for line in params.get("lines", [])
        if "unit_price" in line
    ]
    return {**params, "lines": lines}
