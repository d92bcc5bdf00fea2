"""The demo's shop, for programs that ask more and faster than any person would.

What ``.env`` says of servers is ignored: the shop is made anew.
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
os.environ["RATE_LIMITS"] = "0"
_local = Path(__file__).resolve().parent.parent / ".local"
os.environ.setdefault("SHOP_STATE_DIR", str(_local / "contract"))
os.environ.setdefault("SHOP_PG_UNSAFE", "1")

from config.settings import *  # noqa: E402, F403

ACCOUNT_RATE_LIMITS = False
