"""Connects the wake-up to the task."""

from django.apps import AppConfig


class OutboxConfig(AppConfig):
    """Imports the tasks in every process, also in those that only publish."""

    name = "outbox"

    def ready(self) -> None:
        from outbox import tasks  # noqa: F401, PLC0415 — apps must be loaded first
