"""The shop's addresses, and those of the views it is compared with."""

from django.urls import include, path

urlpatterns = [path("", include("config.urls"))]
