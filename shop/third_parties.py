"""Third parties that shoppers let act for them: OAuth 2 with a code and PKCE."""

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import urlsplit

from allauth.idp.oidc import views
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.idp.oidc.models import Client, PrivateKey, Token
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.cache import cache as shared
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.scopes import SCOPES
from shop.at_home import at_home

OK = 200
S256 = "S256"
CODE_KEPT = 300  # seconds; longer than a code is good for


class ThirdPartyAdapter(DefaultOIDCAdapter):  # type: ignore[misc]  # allauth has no types
    """Names the shop by its settings, whatever host a request was sent to."""

    scope_display = SCOPES

    def get_issuer(self) -> str:
        """Return the address that tokens and the description are about."""
        return str(settings.SHOP_BASE_URL)

    def populate_server_metadata(self, data: dict[str, Any]) -> None:
        """Describe what there is, at the shop's own address."""
        for name, value in data.items():
            if name.endswith(("_endpoint", "_uri")):
                data[name] = at_home(str(value))
        for name in ("device_authorization_endpoint", "end_session_endpoint"):
            del data[name]
        data["scopes_supported"] = list(SCOPES)
        data["response_types_supported"] = ["code"]
        data["grant_types_supported"] = ["authorization_code", "refresh_token"]

    def list_private_keys(self, **_options: Any) -> list[PrivateKey]:
        """Return the key of the settings; in development one that is made once."""
        return [PrivateKey(pem=_pem())]

    def get_claims(
        self,
        purpose: Any,
        user: Any,
        client: Client,
        scopes: Iterable[str],
        **more: Any,
    ) -> dict[str, Any]:
        """Tell who somebody is, as far as they allowed it."""
        claims: dict[str, Any] = super().get_claims(
            purpose, user, client, scopes, **more
        )
        if "profile" in scopes:
            claims["name"] = user.name
        return claims


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Ask the shopper; only for a code, and only with PKCE by SHA-256."""
    _on_or_404()
    if request.method != "POST" and (problem := _missing(request)):
        return render(request, "idp/oidc/error.html", {"problem": problem}, status=400)
    response: HttpResponse = views.authorization(request)
    if isinstance(response, TemplateResponse):
        # Browsers hold the redirect after the form against the policy, too. The
        # library has found the address among those of the third party.
        target = _origin_of(request.GET.get("redirect_uri", ""))
        response._csp_update = {"form-action": [target]}  # type: ignore[attr-defined]  # noqa: SLF001 — what csp_update sets
    elif response.status_code == OK:
        # The library's page about a mistake of the third party.
        response.status_code = 400
    return response


@csrf_exempt
@never_cache
@require_POST
def token(request: HttpRequest) -> HttpResponse:
    """Exchange a code or a refresh token, each of which works once."""
    _on_or_404()
    kind = request.POST.get("grant_type", "")
    if kind == "authorization_code":
        code = request.POST.get("code", "")
        if not shared.add(f"third-party-code:{_digest(code)}", 1, timeout=CODE_KEPT):
            return _refused("invalid_grant")
        return _exchanged(request)
    if kind == "refresh_token":
        with transaction.atomic():
            # Whoever comes second finds the token gone.
            value = request.POST.get("refresh_token", "")
            known = Token.objects.by_value(value).select_for_update(no_key=True)
            list(known.order_by("pk"))
            return _exchanged(request)
    return _refused("unsupported_grant_type")


def nothing(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 — a view's signature
    """Stand where the library has something that this shop does not offer."""
    raise Http404


def _exchanged(request: HttpRequest) -> HttpResponse:
    response: HttpResponse = views.token(request)
    return response


def _missing(request: HttpRequest) -> str:
    if "none" in request.GET.get("prompt", ""):
        return _("The shopper has to be asked.")
    if request.GET.get("response_type") != "code":
        return _("Only response_type=code is offered.")
    if not request.GET.get("code_challenge"):
        return _("A code_challenge (PKCE) is needed.")
    if request.GET.get("code_challenge_method") != S256:
        return _("The code_challenge_method must be S256.")
    return ""


def _origin_of(uri: str) -> str:
    parts = urlsplit(uri)
    if parts.scheme not in {"http", "https"}:
        return f"{parts.scheme}:"
    # Not the whole of it: what stands before an @ nobody has looked at.
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


def _refused(error: str) -> JsonResponse:
    return JsonResponse({"error": error}, status=400)


def _digest(code: str) -> str:
    return str(ThirdPartyAdapter().hash_token(code))


def _on_or_404() -> None:
    if settings.PRODUCTION and not settings.OIDC_PRIVATE_KEY:
        raise Http404


def _pem() -> str:
    if settings.OIDC_PRIVATE_KEY or settings.PRODUCTION:
        return str(settings.OIDC_PRIVATE_KEY)
    return _own_pem(settings.STATE_DIR / "oidc-key.pem")


@cache
def _own_pem(path: Path) -> str:
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        with NamedTemporaryFile(dir=path.parent) as file, suppress(FileExistsError):
            file.write(pem)
            file.flush()
            # Whole or not at all, and the first one stays.
            os.link(file.name, path)
    return path.read_text()
