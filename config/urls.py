"""The three ways in: pages, API, admin."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.static import serve

from config import health

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("healthz", health.livez),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    # What there is of a second step stands on our own page.
    path("accounts/2fa/", RedirectView.as_view(pattern_name="shop:security")),
    path("accounts/2fa/", include("allauth.mfa.urls")),
    path("accounts/", include("allauth.account.urls")),
    path("_allauth/", include("allauth.headless.urls")),
    path("api/", include("api.urls")),
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
