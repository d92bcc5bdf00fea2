"""The shop as visitors get it in production, with the demo's goods on its shelves.

Files are hashed and compressed beforehand and pages travel compressed, as behind a
reverse proxy. Servers, sandboxes and uploads are those of a development machine, for
there is no other. What ``.env`` says of them is ignored: the shop is made anew.
"""

import os
from pathlib import Path

for _name in (
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "DATA_PLATFORM_URL",
    "RABBITMQ_URL",
):
    os.environ[_name] = ""
os.environ["SHOP_ENV"] = "development"
os.environ["DEBUG"] = "0"
os.environ["RATE_LIMITS"] = "off"
_local = Path(__file__).resolve().parent.parent / ".local"
os.environ.setdefault("SHOP_STATE_DIR", str(_local / "audit"))
os.environ.setdefault("SHOP_PG_UNSAFE", "1")

from config.settings import *  # noqa: E402, F403
from config.settings import MIDDLEWARE, STORAGES  # noqa: E402

MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *MIDDLEWARE]
STORAGES["staticfiles"] = {
    "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
}
WHITENOISE_USE_FINDERS = False
