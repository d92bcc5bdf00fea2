"""How the pages look and speak; kept in cookies, shown without any script."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import check_for_language
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from shop.cookies import remember
from shop.language import remember_language
from shop.seo.addresses import LANGUAGE
from shop.storefront import THEME_COOKIE, THEMES


# These forms stand on every page, cached ones too, so they carry no token. The worst
# that another site could do with them is to turn the lights on.
@csrf_exempt
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or automatic colours."""
    response = _back(request)
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        remember(response, THEME_COOKIE, theme, days=365)
    return response


@csrf_exempt
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Remember the language and stay on the page."""
    response = _back(request)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES) and check_for_language(language):
        remember_language(response, language)
    return response


def safe_next(request: HttpRequest, default: str = "/") -> str:
    """Return where to go on: only ever inside this shop."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    is_safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if is_safe else default


def _back(request: HttpRequest) -> HttpResponse:
    # The switches stand in the footer, which is the same on every page and so cannot
    # say which page it is on.
    referrer = request.headers.get("Referer", "/")
    target = safe_next(request, default=referrer)
    here = {request.get_host()}
    if not url_has_allowed_host_and_scheme(target, allowed_hosts=here):
        target = "/"
    return HttpResponseRedirect(_without_language(target), status=303)


def _without_language(target: str) -> str:
    """Return an address that leaves the language to the cookie just set."""
    parts = urlsplit(target)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] != LANGUAGE]
    return urlunsplit(parts._replace(query=urlencode(query)))
