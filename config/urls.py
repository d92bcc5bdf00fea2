"""The three ways in: pages, API, admin."""

from allauth.idp.oidc import views as third_party_views
from allauth.urls import build_provider_urlpatterns
from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.static import serve

from config import browser_reports, health, metrics_page
from config.content_policy import REPORTS
from shop import third_parties

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("healthz", health.livez),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", metrics_page.view, name="metrics"),
    path(REPORTS, browser_reports.view, name="csp-reports"),
    path("api/", include("api.urls")),
    path(f"{settings.ADMIN_PATH}/", admin.site.urls),
    # What there is of a second step stands on our own page.
    path("accounts/2fa/", RedirectView.as_view(pattern_name="shop:security")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/3rdparty/", include("allauth.socialaccount.urls")),
    path("accounts/", include(build_provider_urlpatterns())),
    # Ours stand before the library's, which knows the rest.
    path("identity/o/authorize", third_parties.authorize),
    path("identity/o/api/token", third_parties.token),
    path("identity/o/device", third_parties.nothing),
    path("identity/o/logout", third_parties.nothing),
    path("identity/o/api/device/code", third_parties.nothing),
    path(
        ".well-known/oauth-authorization-server",
        third_party_views.configuration,
        name="oauth-server",
    ),
    path("", include("allauth.idp.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("", include("shop.urls")),
]

if not settings.PRODUCTION:
    # In production the reverse proxy serves uploads, without cookies.
    urlpatterns.insert(
        0,
        re_path(r"^media/(?P<path>.+)$", serve, {"document_root": settings.MEDIA_ROOT}),
    )

handler400 = "shop.views.errors.bad_request"
handler403 = "shop.views.errors.permission_denied"
handler404 = "shop.views.errors.page_not_found"
handler500 = "shop.views.errors.server_error"
