"""The Celery app: workers run the tasks, beat says when (``config/schedule.py``)."""

import os
from typing import Any

from celery import Celery
from celery.signals import beat_init, worker_init

from config import embedded
from config.schedule import SCHEDULE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("dojang")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.autodiscover_tasks()


@worker_init.connect
@beat_init.connect
def _start_embedded_servers(**_kwargs: Any) -> None:
    embedded.ensure()
