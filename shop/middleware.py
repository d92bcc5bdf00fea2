"""What browsers are told with every page of the shop, beside the page."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

GetResponse = Callable[[HttpRequest], HttpResponse]
SAFE = {"GET", "HEAD", "OPTIONS", "TRACE"}


class BrowserHintsMiddleware:
    """Let pages be fetched ahead, and forget those that a change has made old."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        # The same address answers htmx with a part of the page.
        patch_vary_headers(response, ["HX-Request"])
        if settings.PAGES_AHEAD and request.method in SAFE:
            response["Speculation-Rules"] = f'"{reverse("shop:speculation-rules")}"'
        elif settings.PAGES_AHEAD:
            # What was fetched a moment before has the old number beside the cart, say.
            response["Clear-Site-Data"] = '"prefetchCache"'
        return response
