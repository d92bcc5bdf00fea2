"""The one address under which a page is known, in each language."""

from collections.abc import Iterator
from urllib.parse import urlencode, urljoin

from django.conf import settings
from django.http import HttpRequest

Query = tuple[tuple[str, str], ...]
# The parameter that says which language a page is wanted in.
LANGUAGE = "lang"
# What makes another page of the same path; filters and sorts do not.
_PAGES = ("q", "page", "category", "window")


def absolute(path: str) -> str:
    """Return a path of the shop as a full address."""
    return str(urljoin(settings.SHOP_BASE_URL, path))


def in_language(path: str, language: str, query: Query = ()) -> str:
    """Return the full address of a page in a language; the shop's own needs no mark."""
    spoken = () if language == settings.LANGUAGE_CODE else ((LANGUAGE, language),)
    parts = urlencode((*query, *spoken))
    return absolute(f"{path}?{parts}" if parts else path)


def alternates(path: str, query: Query = ()) -> Iterator[tuple[str, str]]:
    """Yield languages with the address of a page in each; last, of any language."""
    for language, _name in settings.LANGUAGES:
        yield language, in_language(path, language, query)
    yield "x-default", in_language(path, settings.LANGUAGE_CODE, query)


def kept_query(request: HttpRequest) -> Query:
    """Return the part of a request's query that makes the page what it is."""
    if not request.GET:
        return ()
    given = ((name, request.GET.get(name, "")) for name in _PAGES)
    return tuple(
        (name, value)
        for name, value in given
        if value and (name, value) != ("page", "1")
    )
