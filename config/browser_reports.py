"""The pages' policy on its way to browsers, and what they say of it.

A report is written by a stranger: it is counted, and of what it says only what names
no person is logged: the directive, the origin that was refused, and the route of the
page, not its address.
"""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from allauth.account.adapter import get_adapter
from csp.constants import HEADER
from csp.middleware import CheckableLazyObject, CSPMiddleware
from csp.utils import build_policy
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from common import limits, metrics
from common.limits import Policy
from config.content_policy import ENDPOINT, REPORTS

logger = logging.getLogger(__name__)
LARGEST = 16 * 1024  # bytes
MOST = 20  # reports in a body
PER_ADDRESS = Policy("csp-reports", quota=60, window=3600, burst=20)
# A page that is broken for everybody must not fill the log.
LOGGED = Policy("csp-log", quota=60, window=3600, burst=20)
OURS = {"_csp_config", "_csp_update", "_csp_replace", "_csp_exempt"}
ENDPOINTS = f'{ENDPOINT}="/{REPORTS}"'
MARK = "\0"  # stands where a nonce belongs
KEYWORD = re.compile(r"[a-z-]{1,40}")
ORIGIN = re.compile(r"[a-z0-9.+:/\[\]-]{1,100}")
OTHER = "other"


class PolicyMiddleware(CSPMiddleware):
    """Writes the policy that most answers share as it was built once, and its nonce."""

    _built: tuple[Any, list[str], str] = (None, [], "")

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.get("Content-Type", "").startswith("text/html"):
            response["Reporting-Endpoints"] = ENDPOINTS
        if OURS & response.__dict__.keys() or settings.DEBUG or HEADER in response:
            return super().process_response(request, response)
        nonce = getattr(request, "_csp_nonce", None)
        if nonce is None:
            response[HEADER] = self._policy()[2]
            # A nonce that is asked for from now on would be in the page only.
            late = CheckableLazyObject(self._csp_nonce_post_response)
            setattr(request, "csp_nonce", late)  # noqa: B010 — no field of a request
        else:
            response[HEADER] = nonce.join(self._policy()[1])
        return response

    @classmethod
    def _policy(cls) -> tuple[Any, list[str], str]:
        if cls._built[0] is not settings.CONTENT_SECURITY_POLICY:
            around = build_policy(nonce=MARK).split(MARK)
            cls._built = (settings.CONTENT_SECURITY_POLICY, around, build_policy())
        return cls._built


@csrf_exempt
@require_POST
def view(request: HttpRequest) -> HttpResponse:
    """Take down what a browser refused to load or run for a page of ours."""
    if settings.RATE_LIMITS:
        address = get_adapter().get_client_ip(request) or ""
        verdict = limits.take_alone(PER_ADDRESS, address)
        if verdict.wait:
            seconds = str(max(1, round(verdict.wait)))
            return HttpResponse(status=429, headers={"Retry-After": seconds})
    body = request.read(LARGEST + 1)
    if len(body) > LARGEST:
        return HttpResponse(status=413)
    for directive, blocked, route in _told(body, request.get_host()):
        metrics.child(metrics.POLICY_REPORTS, directive).inc()
        if not settings.RATE_LIMITS or not limits.take_alone(LOGGED, "").wait:
            logger.warning("csp: %s refused %s on %s", directive, blocked, route)
    return HttpResponse(status=204)


def _told(body: bytes, host: str) -> Iterator[tuple[str, str, str]]:
    """Yield what is said of our own pages: directive, what was refused, and route."""
    known = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    for said in _bodies(body):
        page = _parts(_text(said, "documentURL", "document-uri"))
        if page is None or page.netloc != host:
            continue
        name = _text(
            said, "effectiveDirective", "effective-directive", "violated-directive"
        ).partition(" ")[0]
        # script-src-elem and script-src-attr are script-src to us.
        directive = name.removesuffix("-elem").removesuffix("-attr")
        yield (
            directive if directive in known else OTHER,
            _origin(_text(said, "blockedURL", "blocked-uri")),
            _route(page.path),
        )


def _parts(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None


def _bodies(body: bytes) -> list[dict[str, Any]]:
    """Return the reports of a body, in the older form or the newer one."""
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if isinstance(sent, dict):
        found = [sent.get("csp-report")]
    elif isinstance(sent, list):
        found = [
            each.get("body")
            for each in sent[:MOST]
            if isinstance(each, dict) and each.get("type") == "csp-violation"
        ]
    else:
        found = []
    return [each for each in found if isinstance(each, dict)]


def _text(said: dict[str, Any], *names: str) -> str:
    values = (said.get(name) for name in names)
    return next((one for one in values if isinstance(one, str)), "")


def _origin(blocked: str) -> str:
    """Return where something would have come from, without its path."""
    if KEYWORD.fullmatch(blocked):
        return blocked  # "inline", "eval", "data"
    url = _parts(blocked)
    origin = f"{url.scheme}://{url.hostname or ''}".lower() if url else ""
    return origin if ORIGIN.fullmatch(origin) else OTHER


def _route(path: str) -> str:
    try:
        return resolve(path).route
    except (Resolver404, ValueError):
        return "unknown"
