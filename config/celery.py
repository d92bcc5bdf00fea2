"""The Celery app: workers run the tasks, beat says when (``config/schedule.py``)."""

import os
from pathlib import Path
from typing import Any

from celery import Celery
from celery.beat import PersistentScheduler, SchedulingError
from celery.signals import beat_init, worker_init
from django.urls import get_resolver
from kombu.transport import redis as redis_transport

from config import checks, embedded, metrics, server_checks
from config.schedule import SCHEDULE
from config.task_watch import watch_tasks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# They are made by every command, and where pages are served.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

app = Celery("dojang")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = SCHEDULE
app.conf.beat_scheduler = "config.celery:Clock"
app.autodiscover_tasks()
watch_tasks()
# When Redis goes away, kombu would put messages back over the connection it has just
# lost, and that error ends the worker. They are not missed: all tasks come again by the
# clock.
redis_transport.Channel.do_restore = False


@worker_init.connect
@beat_init.connect
def _start_embedded_servers(**_kwargs: Any) -> None:
    checks.refuse_unsafe()
    embedded.ensure()
    server_checks.refuse_unsafe()


@worker_init.connect
def _read_addresses(**_kwargs: Any) -> None:
    """Know the pages' addresses once for all processes, before the first letter."""
    get_resolver().url_patterns  # noqa: B018 — reads them


@worker_init.connect
def _show_numbers(**_kwargs: Any) -> None:
    process = os.environ.get("SHOP_PROCESS", "")
    metrics.prepare(embedded.state_dir(), process=process)
    metrics.serve_worker()


class Clock(PersistentScheduler):
    """Remembers what ran when, in a folder that may not be there yet.

    A RabbitMQ that was away is called anew: the connection that it has dropped would be
    used for ever, since what cannot be sent is not tried again.
    """

    schedule_filename: str

    def setup_schedule(self) -> None:
        Path(self.schedule_filename).parent.mkdir(parents=True, exist_ok=True)
        super().setup_schedule()

    def apply_async(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().apply_async(*args, **kwargs)
        except SchedulingError:
            self._hang_up()
            raise

    def _hang_up(self) -> None:
        self.connection.collect()
        for name in ("producer", "connection"):
            self.__dict__.pop(name, None)
