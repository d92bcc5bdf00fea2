"""What the HTTP server runs."""

import os

from django.core.wsgi import get_wsgi_application

from config import checks, embedded, metrics, server_checks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SHOP_PROCESS", "web")
checks.refuse_unsafe()
embedded.ensure()
metrics.prepare(embedded.state_dir(), process=os.environ["SHOP_PROCESS"])
application = get_wsgi_application()
server_checks.refuse_unsafe()
