"""Settings of the benchmarks: durable servers of their own, a database made anew.

``DATABASE_URL`` and the like are ignored on purpose, for the data is thrown away.
"""

import os
from pathlib import Path

for _name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
    os.environ[_name] = ""
os.environ.pop("SHOP_PG_UNSAFE", None)
os.environ["SHOP_ENV"] = "development"
# A benchmark is one client that asks more than any client should.
os.environ.setdefault("RATE_LIMITS", "off")
_local = Path(__file__).resolve().parent.parent / ".local"
os.environ.setdefault("SHOP_STATE_DIR", str(_local / "bench"))

from config import embedded  # noqa: E402
from config.settings import *  # noqa: E402, F403
from config.settings import CACHES, DATABASES  # noqa: E402

DEBUG = False
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "benchmarks.urls"
# What signs the tokens and sessions that the benchmarks make for their shoppers.
SECRET_KEY = "only-for-benchmarks-" + "x" * 40
HEADLESS_JWT_PRIVATE_KEY = SECRET_KEY
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = 24 * 3600
DATABASES["default"]["NAME"] = "bench"
# The state folder may be a developer's: nothing of theirs is touched.
REDIS_URL = embedded.redis_url(60)
CACHES["default"]["LOCATION"] = REDIS_URL
CELERY_BROKER_URL = embedded.celery_url(embedded.redis_url(61))
