"""Puts our admin site in the place of Django's."""

import os

from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig

# It neither shows pages nor writes of them, and starts in half the time.
CLOCK = "beat"


class ShopAdminConfig(SimpleAdminConfig):
    """Found by its dotted name in ``INSTALLED_APPS``."""

    default_site = "config.admin_site.ShopAdminSite"

    def ready(self) -> None:
        """Read every app's ``admin`` module, as Django does, where it is of use."""
        super().ready()
        if os.environ.get("SHOP_PROCESS") != CLOCK:
            admin.autodiscover()
