"""Small helpers that read pages as a shopper would."""

import html
import re
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse

HTMX = {"HX-Request": "true"}
_TAG = re.compile(r"<[^>]+>")
_SPACE = re.compile(r"\s+")


def text_of(response: Any) -> str:
    """Return what can be read on a page, without tags, on one line."""
    page = re.sub(
        r"<(script|style|head).*?</\1>", " ", body_of(response), flags=re.DOTALL
    )
    return _SPACE.sub(" ", html.unescape(_TAG.sub(" ", page))).strip()


def body_of(response: Any) -> str:
    """Return the markup of a page."""
    assert isinstance(response, HttpResponse)
    return response.content.decode()


def names_in_order(response: Any, names: Sequence[str]) -> list[str]:
    """Return those of ``names`` that are on the page, in the order they come."""
    page = body_of(response)
    return sorted((name for name in names if name in page), key=page.index)
