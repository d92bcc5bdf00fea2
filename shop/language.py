"""In which language a page is written."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from shop.cookies import remember
from shop.seo.addresses import LANGUAGE

API = "/api/"
SPOKEN = frozenset(code for code, _name in settings.LANGUAGES)


class LanguageMiddleware(LocaleMiddleware):
    """Let the address say the language; else cookie and browser do, as in Django.

    Each page so has an address in each language, which others can link to. Whoever
    follows such a link goes on reading in that language.
    """

    def process_request(self, request: HttpRequest) -> None:
        if request.path.startswith(API):
            # Caches keep its answers by Accept-Language, and see no cookies.
            request.COOKIES.pop(settings.LANGUAGE_COOKIE_NAME, None)
        wanted = wanted_language(request)
        if wanted is None:
            super().process_request(request)
        else:
            translation.activate(wanted)
            request.LANGUAGE_CODE = wanted

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response = super().process_response(request, response)
        wanted = wanted_language(request)
        if request.path.startswith(API):
            return response
        if wanted and request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) != wanted:
            remember_language(response, wanted)
        return response


def wanted_language(request: HttpRequest) -> str | None:
    """Return the language that the address asks for, if the shop speaks it."""
    wanted = request.GET.get(LANGUAGE)
    return wanted if wanted in SPOKEN else None


def remember_language(response: HttpResponseBase, language: str) -> None:
    """Let the browser ask for the next pages in a language, too."""
    remember(response, settings.LANGUAGE_COOKIE_NAME, language, days=365)
