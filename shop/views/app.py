"""The shop as an app: its manifest, its worker, its page without a network."""

from functools import cache
from hashlib import sha256

from django.conf import settings
from django.contrib.staticfiles.finders import find
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from shop.storefront import storefront_of

BUILT = ("css/shop.css", "js/shop.js")
# Beside the built files: what the page without a network draws with.
DRAWN = ("img/icons.svg", "img/favicon.svg")
ICONS = (("192", "any"), ("512", "any"), ("512", "maskable"))
HOUR = 3600


@cache_control(private=True, max_age=HOUR)
@require_safe
def manifest(_request: HttpRequest) -> HttpResponse:
    """Say how the shop looks on a home screen; ``?lang=`` names the language."""
    answer = JsonResponse(
        {
            "id": "/",
            "name": settings.SHOP_NAME,
            "short_name": settings.SHOP_NAME,
            "description": _(
                "Everyday things, exact stock, and prices that explain themselves."
            ),
            "lang": get_language(),
            "start_url": reverse("shop:home"),
            "scope": "/",
            "display": "standalone",
            "background_color": "#fbfaf7",
            "theme_color": "#fbfaf7",
            "icons": [_icon(size, purpose) for size, purpose in ICONS],
            "shortcuts": [
                {"name": str(name), "url": reverse(address)}
                for name, address in (
                    (_("Best sellers"), "shop:best"),
                    (_("Coupons"), "shop:coupons"),
                    (_("My orders"), "shop:orders"),
                )
            ],
        },
        json_dumps_params={"ensure_ascii": False},
    )
    answer["Content-Type"] = "application/manifest+json"
    return answer


@cache_control(no_cache=True)
@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """Send the service worker of this release."""
    context = {
        "version": release(),
        "offline": reverse("shop:offline"),
        "static": settings.STATIC_URL,
        "is_hashed": hasattr(staticfiles_storage, "manifest_hash"),
        "kept": [static(name) for name in (*BUILT, *DRAWN)],
    }
    return render(request, "shop/sw.js", context, content_type="text/javascript")


@require_safe
def offline(request: HttpRequest) -> HttpResponse:
    """Show what is left without a network; the worker keeps it beforehand."""
    return render(request, "shop/offline.html", {"theme": storefront_of(request).theme})


@cache
def release() -> str:
    """Return a mark that changes with any of the files that pages load."""
    kept: str = getattr(staticfiles_storage, "manifest_hash", "")
    if kept:
        return kept
    digest = sha256()
    for name in (*BUILT, *DRAWN):
        with open(str(find(name)), "rb") as file:  # noqa: PTH123 — a finder's answer
            digest.update(file.read())
    return digest.hexdigest()[:12]


def _icon(size: str, purpose: str) -> dict[str, str]:
    name = "maskable" if purpose == "maskable" else "icon"
    return {
        "src": static(f"img/{name}-{size}.png"),
        "sizes": f"{size}x{size}",
        "type": "image/png",
        "purpose": purpose,
    }
