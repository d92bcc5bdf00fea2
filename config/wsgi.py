"""What the HTTP server runs."""

import os

from django.core.wsgi import get_wsgi_application

from config import checks, embedded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SHOP_PROCESS", "web")
checks.refuse_unsafe()
embedded.ensure()
application = get_wsgi_application()
