"""JSON as the API reads it: strictly."""

import json
from collections.abc import Mapping
from typing import IO, Any

import orjson
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

# What older clients call things. Both spellings mean the same everywhere.
ALIASES = {
    "userId": "user_id",
    "memberId": "user_id",
    "productId": "product_id",
    "couponId": "coupon_id",
    "orderId": "order_id",
    "campaignId": "campaign_id",
    "addressId": "address_id",
    "deliveryMethod": "delivery_method",
    "trackingNumber": "tracking_number",
    "orderItems": "items",
}


class JSONParser(BaseParser):
    """Takes one JSON object without NaN, NUL or lone surrogates.

    Django refuses bodies above ``DATA_UPLOAD_MAX_MEMORY_SIZE`` when ``body`` is read.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],  # noqa: ARG002 — the request keeps the body for the fingerprint
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        request: Request = (parser_context or {})["request"]
        if not _is_utf8(media_type or ""):
            raise UnsupportedMediaType(media_type or "")
        body: bytes = request._request.body  # noqa: SLF001 — DRF offers no other way
        if not body:
            return {}
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(_("The body is not valid JSON.")) from error
        if not isinstance(data, dict):
            raise ParseError(_("The body must be a JSON object."))
        if _has_doubles(body):
            raise ParseError(_("A name must not come twice in one JSON object."))
        if b"\\u0000" in body and _has_nul(data):
            raise ParseError(_("Text must not contain NUL characters."))
        renamed: dict[str, Any] = _rename(data)
        return renamed


class _Doubled(ValueError):
    """A name comes twice: which of the two is meant, nobody knows."""


def _is_utf8(media_type: str) -> bool:
    """Tell whether a media type names no other charset than JSON's own."""
    _, found, charset = media_type.lower().partition("charset=")
    return not found or charset.split(";")[0].strip(' "') in {"utf-8", "utf8"}


def _has_doubles(body: bytes) -> bool:
    try:
        json.loads(body, object_pairs_hook=_once_each)
    except (_Doubled, RecursionError):
        return True
    return False


def _once_each(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _Doubled


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_has_nul(item) for item in value)


def _rename(value: Any) -> Any:
    if isinstance(value, dict):
        return {ALIASES.get(key, key): _rename(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rename(item) for item in value]
    return value
