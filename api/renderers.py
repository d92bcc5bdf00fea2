"""JSON as the API writes it."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.utils.functional import Promise
from rest_framework.renderers import BaseRenderer


def dump(data: Any) -> bytes:
    """Return ``data`` as compact JSON: times in RFC 3339, translations as text."""
    return orjson.dumps(data, default=_default, option=orjson.OPT_UTC_Z)


class JSONRenderer(BaseRenderer):
    """Writes whatever a view returns, or nothing for nothing."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 — DRF's signature
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002 — the same
    ) -> bytes:
        return b"" if data is None else dump(data)


def _default(value: Any) -> Any:
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
