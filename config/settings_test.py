"""Settings of the test suite: its own servers, quick passwords, no letters sent.

pytest-django reads settings before any conftest.py, so what the tests run on has to
be chosen here.
"""

import os
from pathlib import Path

# An empty value keeps what a developer has in .env out of the tests; values from
# the outside (a CI with servers of its own) stay.
for _name in (
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "DATA_PLATFORM_URL",
    "RABBITMQ_URL",
):
    os.environ.setdefault(_name, "")
os.environ["SHOP_ENV"] = "development"
# Also of the processes that tests start.
os.environ["RATE_LIMITS"] = "off"
if not os.environ["DATABASE_URL"]:
    _local = Path(__file__).resolve().parent.parent / ".local"
    os.environ.setdefault("SHOP_STATE_DIR", str(_local / "test"))
    os.environ.setdefault("SHOP_PG_UNSAFE", "1")

from config import embedded, live  # noqa: E402
from config.settings import *  # noqa: E402, F403
from config.settings import CACHES  # noqa: E402

DEBUG = False
PAGES_AHEAD = SERVICE_WORKER = False
# Every client of Django's would look for all static files anew.
WHITENOISE_USE_FINDERS = False
ALLOWED_HOSTS = ["*"]
REQUEST_DEADLINE = 3600  # however slow the machine is
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

# Every process of a parallel run (gw0, gw1, …) has two Redis databases of its own.
if not os.environ["REDIS_URL"]:
    _worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    REDIS_URL = embedded.redis_url(2 * _worker)
    CACHES["default"]["LOCATION"] = REDIS_URL
    CHANNEL_LAYERS = live.channel_layers(REDIS_URL)
    if not os.environ["CELERY_BROKER_URL"]:
        CELERY_BROKER_URL = embedded.celery_url(embedded.redis_url(2 * _worker + 1))
