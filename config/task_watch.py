"""Tasks go on under the id of the request that asked for them, and are timed."""

import logging
from contextlib import AbstractContextManager
from time import perf_counter
from typing import Any

from celery import signals

from common import metrics, trace

# By task: what ends with it, and when it began. Tasks of one process are few.
_running: dict[str, tuple[AbstractContextManager[None], float]] = {}


def watch_tasks() -> None:
    """Listen to Celery in this process."""
    signals.setup_logging.connect(_keep_our_log)
    signals.before_task_publish.connect(_send_along)
    signals.task_prerun.connect(_go_on)
    signals.task_postrun.connect(_end)


def _keep_our_log(loglevel: int | str | None = None, **_options: Any) -> None:
    """Leave the log as Django's settings have it: whoever listens here has set it."""
    if loglevel is not None:
        logging.getLogger().setLevel(loglevel)


def _send_along(headers: dict[str, Any] | None = None, **_message: Any) -> None:
    if headers is not None:
        headers.update(trace.carried())


def _go_on(task_id: str, task: Any, **_call: Any) -> None:
    work = trace.continued(vars(task.request), task=task.name)
    work.__enter__()
    _running[task_id] = work, perf_counter()


def _end(task_id: str, task: Any, state: str | None = None, **_call: Any) -> None:
    work, started = _running.pop(task_id, (None, 0.0))
    if work is None:
        return
    spent = metrics.child(metrics.TASKS, task.name, str(state or "unknown").lower())
    spent.observe(perf_counter() - started)
    work.__exit__(None, None, None)
