"""Puts our admin site in the place of Django's."""

from django.contrib.admin.apps import AdminConfig


class ShopAdminConfig(AdminConfig):
    """Found by its dotted name in ``INSTALLED_APPS``."""

    default_site = "config.admin_site.ShopAdminSite"
