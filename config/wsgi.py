"""What the HTTP server runs."""

import os

from django.core.wsgi import get_wsgi_application

from config import embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SHOP_PROCESS", "web")
embedded.ensure()
application = get_wsgi_application()
