"""What browsers are told with every page of the shop, beside the page."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

GetResponse = Callable[[HttpRequest], HttpResponse]
# No page of the shop has a use for these, and what is put into one gets none.
NO_DEVICES = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


class BrowserHintsMiddleware:
    """Tell htmx's parts apart, and forget what was fetched before a change."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        # The same address answers htmx with a part of the page.
        patch_vary_headers(response, ["HX-Request"])
        response["Permissions-Policy"] = NO_DEVICES
        if settings.PAGES_AHEAD and request.method not in SAFE:
            # What was fetched a moment before has the old number beside the cart, say.
            response["Clear-Site-Data"] = '"prefetchCache"'
        return response
