"""How the API writes its addresses: with or without a slash at the end."""

from typing import Any

from django.urls import URLPattern, path, register_converter
from rest_framework.views import APIView


class IdConverter:
    """An id that a row can have; anything else is an unknown address."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


class SubjectConverter:
    """A user's id, or "me" for oneself."""

    regex = "me|[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int | None:
        return None if value == "me" else int(value)

    def to_url(self, value: int | None) -> str:
        return "me" if value is None else str(value)


register_converter(IdConverter, "id")
register_converter(SubjectConverter, "subject")


def route(address: str, view: Any, name: str, *methods: str) -> list[URLPattern]:
    """Give a view its address; ``methods`` narrow what it answers to there."""
    options: dict[str, Any] = (
        {"http_method_names": [*methods, "head"]} if methods else {}
    )
    callback = (
        view.as_view(**options)
        if isinstance(view, type) and issubclass(view, APIView)
        else view
    )
    return [path(address, callback, name=name), path(f"{address}/", callback)]


def without_slash_twins(endpoints: list[Any], **_: Any) -> list[Any]:
    """Describe each address once."""
    return [endpoint for endpoint in endpoints if not endpoint[0].endswith("/")]
