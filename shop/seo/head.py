"""The part of a page's head that is written for search engines and for sharing."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from common.languages import reader_language, reader_locale
from shop.seo.addresses import absolute, alternates, in_language, kept_query

# Pages that are somebody's own: no search engine has business there.
PRIVATE = (
    "/account/",
    "/admin/",
    "/api/",
    "/back/",
    "/checkout/",
    "/notifications/",
    "/orders/",
    "/pay/",
    "/points/",
    "/recent/",
    "/sandbox/",
    "/wishlist/",
)
# Nothing in a JSON text may end the element that holds it.
_ESCAPES = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page says of itself when it is found or shared.

    A page without facts is known by its address and its languages alone.
    """

    title: str = ""
    description: str = ""
    # The path of the picture to show; empty: the shop's own.
    image: str = ""
    kind: str = "website"
    structured: Sequence[Mapping[str, Any]] = ()
    # The page's path, if it is not that of the request.
    path: str = ""


def head(request: HttpRequest, facts: Facts | None) -> SafeString:
    """Write canonical address, languages, Open Graph and structured data.

    Of a page that is somebody's own, only that it is not to be found.
    """
    if request.path.startswith(PRIVATE):
        return SafeString('<meta name="robots" content="noindex">')
    path, query = (
        facts.path if facts and facts.path else request.path,
        kept_query(request),
    )
    canonical = in_language(path, reader_language(), query)
    lines = [f'<link rel="canonical" href="{escape(canonical)}">']
    lines += [
        f'<link rel="alternate" hreflang="{language}" href="{escape(url)}">'
        for language, url in alternates(path, query)
    ]
    if facts is not None:
        lines += _shared(facts, canonical)
    return SafeString("\n    ".join(lines))


def data_element(facts: Mapping[str, Any]) -> SafeString:
    """Write structured data as an element; it is no script to the browser."""
    text = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    return format_html(
        '<script type="application/ld+json">{}</script>',
        SafeString(text.translate(_ESCAPES)),
    )


def _shared(facts: Facts, canonical: str) -> Iterator[str]:
    for name, value in _open_graph(facts, canonical):
        if value:
            yield f'<meta property="{name}" content="{escape(value)}">'
    yield from map(data_element, facts.structured)


def _open_graph(facts: Facts, canonical: str) -> Iterator[tuple[str, str]]:
    yield "og:site_name", settings.SHOP_NAME
    yield "og:type", facts.kind
    yield "og:url", canonical
    yield "og:title", facts.title or settings.SHOP_NAME
    yield "og:description", facts.description
    yield "og:image", absolute(facts.image) if facts.image else ""
    yield "og:locale", reader_locale()
