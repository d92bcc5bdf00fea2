"""Settings of a drill: the shop's own code on its own database server, and alone.

Whatever a race does must reach nobody: no Redis that the shop shares, no broker, no
provider, no letters. Which database it is, its engine says (``drill/database.py``).
"""

import os

for _name in (
    "DATABASE_REPLICA_URL",
    "DATA_PLATFORM_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "RABBITMQ_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "SENTRY_DSN",
    "SMS_CHANNEL",
):
    os.environ[_name] = ""
# The shop's own figures are kept there.
os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
os.environ["SHOP_PROCESS"] = "command"
# Refusals and failures are what the races are made of; their outcome tells of them.
os.environ["LOG_LEVEL"] = "CRITICAL"
# The races count with these.
os.environ["POINTS_MAX_CHARGE"] = "1000000"
os.environ["POINTS_MAX_BALANCE"] = "10000000"
os.environ["PAYMENT_WINDOW_MINUTES"] = "30"

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES  # noqa: E402
from config.subscriptions import SUBSCRIPTIONS  # noqa: E402

DATABASES = {"default": DATABASES["default"]}
DATABASE_ROUTERS = []
REDIS_URL = "unix:///a-drill-has-no-redis"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT_OPTIONS = {}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
PAYMENT_GATEWAYS = ["sandbox"]
CARRIERS = []
DATA_PLATFORM_TRANSPORT = "http"
DATA_PLATFORM_BATCH = False
DATA_PLATFORM_SECRET = "whsec_ZHJpbGwtb25seS1kcmlsbC1vbmx5"
# The money's own steps are a part of the races; the other subscribers are not.
OUTBOX_SUBSCRIPTIONS = {
    topic: tuple(name for name in subscribers if name.startswith("checkout."))
    for topic, subscribers in SUBSCRIPTIONS.items()
} | {"drill.run": ("analytics.data_platform.push",)}
OUTBOX_MORE_SUBSCRIPTIONS = ()  # type: ignore[assignment]  # nobody asked
