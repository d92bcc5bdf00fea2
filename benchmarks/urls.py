"""The shop's addresses, and those of the views it is compared with."""

from django.urls import include, path

from benchmarks import views

urlpatterns = [
    path("bench/bare", views.bare),
    path("bench/raw", views.raw_list),
    path("bench/serialized", views.SerializedList.as_view()),
    path("bench/plain", views.plain_page),
    path("", include("config.urls")),
]
handler404 = "shop.views.errors.page_not_found"
